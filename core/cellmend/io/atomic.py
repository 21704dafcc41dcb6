"""Files that are either wholly written or not touched at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from cellmend.errors import FileFormatError

PREFIX = ".cellmend-"
NEW_FOLDER, OLD_FOLDER = "new.zarr", "old.zarr"
"""What a temporary folder holds: what is written, and what was there, while they change places."""
LEFT_BEHIND_SECONDS = 24 * 3600
"""Age from which what is temporary belongs to a program that was killed while it wrote."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that takes the place of `path` at the end.

    The temporary file keeps the extension. If the body fails, it is removed and
    a file that was there before stays as it was. Missing folders are made, and old
    temporary files and folders that a killed program left there are removed.

    Raises
    ------
    FileFormatError
        If the folder cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            suffix="".join(target.suffixes[-2:]), prefix=PREFIX, dir=target.parent
        )
        sweep(target.parent.resolve())
    except OSError as error:
        raise _unwritable(target, error) from error
    temporary = Path(name)
    try:
        os.close(handle)
        yield temporary
        _flush(temporary)
        _keep_mode(target, temporary)
        os.replace(temporary, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@cache
def sweep(folder: Path) -> None:
    """Remove what was left behind in a folder; once, however many files are written there."""
    for path in folder.glob(PREFIX + "*"):
        with suppress(OSError):
            if path.is_file() and _is_old(path):
                path.unlink()
            elif _can_go(path) and all(map(_is_old, (path, *path.rglob("*")))):
                shutil.rmtree(path)


def _is_old(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > LEFT_BEHIND_SECONDS


def _can_go(path: Path) -> bool:
    """Tell whether a path is a temporary folder of which nothing is missed.

    One that holds both parts was left while they changed places: nothing else has them.
    """
    if path.is_symlink() or not path.is_dir():
        return False
    inside = {part.name for part in path.iterdir()}
    return inside < {NEW_FOLDER, OLD_FOLDER}


def _unwritable(target: Path, error: OSError) -> FileFormatError:
    return FileFormatError(target, f"it cannot be written ({error.strerror or error}).")


def _flush(path: Path) -> None:
    """Make sure that the content is on the disk before the name points to it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make sure that the new name is on the disk, where the system lets folders be flushed."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _keep_mode(target: Path, temporary: Path) -> None:
    """Give the new file the permissions of the old one, or those of any new file."""
    if target.exists():
        mode = target.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    temporary.chmod(mode)
