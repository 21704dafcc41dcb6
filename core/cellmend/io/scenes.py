"""Files that may hold several images.

They are positions of an ND2, scenes of a CZI, and images of a LIF or of a file called .ome.tif.
One of them is named by its file and its number, counted from 1: ``plate.lif#2``. Its results
are called ``plate_scene2_cp_masks.tif`` and so on, so that each has its own.
"""

from __future__ import annotations

from pathlib import Path

from cellmend.errors import FileFormatError

ENDINGS = (".nd2", ".czi", ".lif")
OME_ENDINGS = (".ome.tif", ".ome.tiff")
_MARK = "#"


def may_hold_several(path: Path) -> bool:
    """Tell by its name whether a file is of a format that holds several images."""
    return path.name.lower().endswith((*ENDINGS, *OME_ENDINGS))


def split(path: Path) -> tuple[Path, int | None]:
    """Return the file that a path names, and the number of the image in it, if it has one.

    A file whose own name ends so is that file.
    """
    name, mark, number = path.name.rpartition(_MARK)
    if not (mark and name and number.isdecimal()) or path.exists():
        return path, None
    file = path.with_name(name)
    return (file, int(number)) if may_hold_several(file) else (path, None)


def numbered(file: Path, number: int) -> Path:
    """Return the path that names one of the images of a file."""
    return file.with_name(f"{file.name}{_MARK}{number}")


def stem(path: Path) -> str:
    """Return what the results of an image are called after."""
    file, number = split(path)
    return file.stem if number is None else f"{file.stem}_scene{number}"


def stems(path: Path) -> tuple[str, ...]:
    """Return what masks of an image may be called after, its own name first.

    The first image of a file is what the file stands for where no number is told.
    """
    file, number = split(path)
    return (stem(path), file.stem) if number == 1 else (stem(path),)


def place(path: Path, number: int | None, count: int) -> int:
    """Return which of `count` images is meant, counted from 0: the first if none is chosen.

    Raises
    ------
    FileFormatError
        If the file has no image of that number.
    """
    if number is None:
        return 0
    if not 1 <= number <= count:
        raise FileFormatError(
            path,
            f"there is no image {number} in it.",
            hint="It holds only one." if count == 1 else f"It holds {count}, counted from 1.",
        )
    return number - 1
