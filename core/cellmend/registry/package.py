"""The model inside a package for bioimage.io.

Such a package is a zip archive for many programs; ours also hold the weight file that
Cellmend itself reads. Only that one is taken out, and nothing in the archive is run.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cellmend.errors import FileFormatError

DESCRIPTION = "rdf.yaml"
"""What every package holds, older ones under this name."""
WEIGHT_FILE = "cellmend.safetensors"

_DESCRIPTIONS = {DESCRIPTION, "bioimageio.yaml"}
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_FOLDED = 20
"""How many bytes one byte of packed weights may stand for; trained ones hardly fold."""
_HARMLESS_BYTES = 256 << 20


@contextmanager
def weight_file(path: str | Path) -> Iterator[Path]:
    """Yield `path`, or if it is a package for bioimage.io, the weight file in it.

    The latter lies in a temporary folder, under a name of ours, until the end.

    Raises
    ------
    FileFormatError
        If it is a package without a model of Cellmend or a damaged one; also in place of an
        error of the body about the weight file, so that the message names the package.
    """
    path = Path(path)
    if not _is_package(path):
        yield path
        return
    with TemporaryDirectory(prefix="cellmend-") as folder:
        inner = Path(folder) / WEIGHT_FILE
        _take_out(path, inner)
        try:
            yield inner
        except FileFormatError as error:
            if error.path != inner:
                raise
            raise FileFormatError(path, f"in it, {error.reason}", hint=error.hint) from error


def _is_package(path: Path) -> bool:
    """Tell by what is in it: torch's weight files are zip archives, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not _DESCRIPTIONS.isdisjoint(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _take_out(path: Path, target: Path) -> None:
    """Copy the weight file of a package to `target`."""
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(WEIGHT_FILE)
            _check_entry(path, entry)
            with archive.open(entry) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    except KeyError as error:
        raise FileFormatError(
            path,
            "this bioimage.io package holds no model of Cellmend.",
            hint="Only packages that Cellmend exported can be added.",
        ) from error
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise FileFormatError(path, f"this package is damaged ({error}).") from error


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse what is packed in a way that ours are not, or unfolds to far too much.

    Reading stops at the size that an entry claims.
    """
    most = max(_HARMLESS_BYTES, _MOST_FOLDED * entry.compress_size)
    if entry.flag_bits & 1 or entry.compress_type not in _PACKINGS or entry.file_size > most:
        raise FileFormatError(
            path, f"its {WEIGHT_FILE} is not packed as Cellmend packs models, which is refused."
        )
