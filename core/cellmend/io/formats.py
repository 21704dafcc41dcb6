"""One function that reads any image, behind a table of readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cellmend.errors import FileFormatError
from cellmend.image import Image
from cellmend.io.limits import check_file
from cellmend.io.npy import read_npy
from cellmend.io.raster import read_raster
from cellmend.io.tiff import read_tiff

Reader = Callable[[Path, str | None], Image]

READERS: dict[str, Reader] = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"), read_tiff),
    **dict.fromkeys(
        (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".jp2", ".pgm", ".ppm"), read_raster
    ),
    ".npy": read_npy,
}
EXTENSIONS = frozenset(READERS)

_SIGNATURES: tuple[tuple[bytes, Reader], ...] = (
    (b"II*\0", read_tiff),
    (b"MM\0*", read_tiff),
    (b"II+\0", read_tiff),
    (b"MM\0+", read_tiff),
    (b"\x89PNG\r\n\x1a\n", read_raster),
    (b"\xff\xd8\xff", read_raster),
    (b"\x93NUMPY", read_npy),
)


def read(path: str | Path, axes: str | None = None) -> Image:
    """Read an image file: TIFF, PNG, JPEG, BMP, GIF, WebP, JPEG 2000, PGM/PPM or NPY.

    A file whose content is another of these formats than its name says is read
    as what it is.

    Parameters
    ----------
    path
        The file.
    axes
        What its dimensions are, e.g. ``"ZCYX"``; by default what the file says,
        or else the rule in `cellmend.io.axes`.

    Returns
    -------
    Image
        With the file's own dtype (booleans become uint8), axes in the order TCZYX.

    Raises
    ------
    FileFormatError
        If there is no such file, or it cannot be read; the message says why.
    InputError
        If `axes` do not fit the file.
    """
    file = Path(path)
    check_file(file)
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        known = " ".join(sorted(EXTENSIONS))
        raise FileFormatError(
            file,
            f"files ending in {file.suffix or 'nothing'} cannot be read.",
            hint=f"Save it as OME-TIFF; known are {known}.",
        )
    return (_by_content(file) or reader)(file, axes)


def _by_content(path: Path) -> Reader | None:
    with path.open("rb") as file:
        head = file.read(8)
    return next((reader for start, reader in _SIGNATURES if head.startswith(start)), None)
