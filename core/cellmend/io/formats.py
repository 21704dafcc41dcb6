"""Which function reads and which writes a file: one table each way.

The modules of the table are imported when a file asks for them: some of the
libraries behind them take a second to load, others are not always installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.limits import check_file
from cellmend.io.ome_zarr import is_zarr

READERS: dict[str, str] = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"), "tiff:read_tiff"),
    **dict.fromkeys(
        (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".jp2", ".pgm", ".ppm"),
        "raster:read_raster",
    ),
    ".npy": "npy:read_npy",
    ".zarr": "ome_zarr:read_ome_zarr",
    ".nd2": "nikon_nd2:read_nd2",
    ".czi": "zeiss_czi:read_czi",
    ".lif": "leica_lif:read_lif",
    **dict.fromkeys((".h5", ".hdf5"), "hdf5:read_hdf5"),
}
"""Module and function of `cellmend.io` per ending; called with a path and axes or None.

Those of `SCENE_NAMERS` also take the number of an image or None.
"""

SCENE_NAMERS: dict[str, str] = {
    READERS[ending]: f"{READERS[ending].partition(':')[0]}:scene_names"
    for ending in (*scenes.ENDINGS, ".tif")
}
"""What lists the images of a file, per reader of `READERS`."""

WRITERS: dict[str, str] = {
    ".tif": "tiff:write_image",
    ".zarr": "ome_zarr_write:write_ome_zarr",
    ".png": "raster_write:write_png",
    ".npy": "npy:write_npy",
}
"""As `READERS`; called with a path, an image and the provenance or None."""

EXTENSIONS = frozenset(READERS)

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    *((start, "tiff:read_tiff") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"\x89PNG\r\n\x1a\n", "raster:read_raster"),
    (b"\xff\xd8\xff", "raster:read_raster"),
    (b"\x93NUMPY", "npy:read_npy"),
    (b"\x89HDF\r\n\x1a\n", "hdf5:read_hdf5"),
    (b"ZISRAWFI", "zeiss_czi:read_czi"),
)


def read(path: str | Path, axes: str | None = None, *, scene: int | None = None) -> Image:
    """Read an image: TIFF, PNG, JPEG, BMP and their like, NPY, OME-Zarr, ND2, CZI, LIF, HDF5.

    The last four need the extras ``nd2``, ``czi``, ``lif`` and ``hdf5``. A file whose
    content is another of these formats than its name says is read as what it is.

    Parameters
    ----------
    path
        The file; of an OME-Zarr, the folder or the ``.zarr.zip``. ``plate.lif#2`` is the
        second image of a file that holds several.
    axes
        What its dimensions are, e.g. ``"ZCYX"``; by default what the file says,
        or else the rule in `cellmend.io.axes`.
    scene
        Which position of an ND2, scene of a CZI or image of a LIF or an ``.ome.tif``, counted
        from 1, where the path does not say it; by default the first. `Image.scenes` is how many
        there are.

    Returns
    -------
    Image
        With the file's own dtype (booleans become uint8), axes in the order TCZYX.

    Raises
    ------
    FileFormatError
        If there is no such file, or it cannot be read; the message says why.
    AxesError
        If it neither says nor lets guess what its dimensions are.
    InputError
        If `axes` do not fit the file.
    """
    file, named = scenes.split(Path(path))
    number = named if scene is None else scene
    reader = _reader(file)
    if reader not in SCENE_NAMERS:
        scenes.place(file, number, 1)
        whole: Image = _function(reader)(file, axes)
        return whole
    image: Image = _function(reader)(file, axes, number)
    if number is None or not scenes.may_hold_several(file):
        return image
    return replace(image, source=scenes.numbered(file, number))


def scene_names(path: str | Path) -> tuple[str, ...]:
    """Return what the images that `read` could choose from in a file are called in it.

    A name is empty where the file has none for an image. Errors are those of `read`.
    """
    file, _ = scenes.split(Path(path))
    namer = SCENE_NAMERS.get(_reader(file))
    return ("",) if namer is None else tuple(_function(namer)(file))


def write(path: str | Path, image: Image, provenance: Mapping[str, Any] | None = None) -> None:
    """Write an image in the format that the name's ending says: one of `WRITERS`.

    OME-TIFF and OME-Zarr keep axes, channel names, pixel size and provenance, PNG
    the pixel size, NPY nothing but the pixels.

    Raises
    ------
    InputError
        If the ending is not known, or the format cannot hold the image.
    FileFormatError
        If the file cannot be written.
    """
    file = Path(path)
    ending = ".tif" if file.suffix.lower() == ".tiff" else file.suffix.lower()
    writer = WRITERS.get(ending)
    if writer is None:
        known = " ".join(sorted(WRITERS))
        raise InputError(
            f"Images cannot be written as {ending or 'such'} files.", hint=f"Use one of {known}."
        )
    _function(writer)(file, image, provenance=provenance)


def _reader(path: Path) -> str:
    """Return the entry of `READERS` for a file, or raise `FileFormatError`."""
    if is_zarr(path):
        return READERS[".zarr"]
    check_file(path)
    reader = _by_content(path) or READERS.get(path.suffix.lower())
    if reader is None or reader == READERS[".zarr"]:
        known = " ".join(sorted(EXTENSIONS))
        raise FileFormatError(
            path,
            f"files ending in {path.suffix or 'nothing'} cannot be read.",
            hint=f"Save it as OME-TIFF; known are {known}.",
        )
    return reader


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"cellmend.io.{module}"), function)
    return found


def _by_content(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(8)
    return next((reader for start, reader in _SIGNATURES if head.startswith(start)), None)
