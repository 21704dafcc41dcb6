"""Label images in and out: TIFF, PNG, NPY and the masks of `_seg.npy`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from cellmend.errors import FileFormatError
from cellmend.image import Image
from cellmend.io import ome_zarr, raster, tiff
from cellmend.io.atomic import replacing
from cellmend.io.limits import check_file
from cellmend.io.npy import read_npy_array
from cellmend.io.ome_zarr import is_zarr
from cellmend.io.ome_zarr_write import write_ome_zarr
from cellmend.io.seg_npy import is_seg_npy
from cellmend.io.seg_npy import read as read_seg

LARGEST_UINT16 = 65_535
AXES = "TZYX"
"""Of masks, the last ones first: of two axes YX, of three ZYX."""

_TIFF = (".tif", ".tiff")
_COLOUR_HINT = "Masks have one number per pixel: 0 outside, 1, 2, 3... in the cells."


def read_labels(path: str | Path) -> NDArray[np.uint32]:
    """Read masks: (Y, X), (Z, Y, X) of a volume, or (T, Z, Y, X) of volumes over time.

    From TIFF, PNG, BMP, NPY, ``_seg.npy``, or the first label image of an OME-Zarr.
    The file's ids are kept as they are. Values of a colour table are its indices.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or holds a colour picture, negative or broken numbers.
    """
    file = Path(path)
    if is_zarr(file):
        return _as_labels(file, ome_zarr.read_labels(file))
    check_file(file)
    return _as_labels(file, _read(file))


def _read(path: Path) -> NDArray[np.generic]:
    ending = path.suffix.lower()
    if ending == ".npy":
        return read_seg(path).masks if is_seg_npy(path) else read_npy_array(path)
    if ending in _TIFF:
        data, axes = tiff.read_array(path)
        return _single_sample(path, np.moveaxis(data, axes.index("S"), -1)) if "S" in axes else data
    if ending in (".png", ".bmp"):
        data = raster.read_values(path)
        return _single_sample(path, data) if data.ndim == 3 else data
    raise FileFormatError(
        path, f"masks cannot be read from {ending or 'such'} files.", hint="Use TIFF, PNG or NPY."
    )


def _single_sample(path: Path, data: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return one of the samples of a pixel where all (but for alpha) are the same."""
    samples = data[..., : 1 if data.shape[-1] == 2 else 3]
    if not (samples == samples[..., :1]).all():
        raise FileFormatError(path, "it is a colour picture, not masks.", hint=_COLOUR_HINT)
    return samples[..., 0]


def _as_labels(path: Path, data: NDArray[np.generic]) -> NDArray[np.uint32]:
    if not data.size:
        raise FileFormatError(path, f"there are no pixels in it: its shape is {data.shape}.")
    array = data.squeeze() if data.ndim > 3 else data
    array = array[0] if array.ndim == 3 and len(array) == 1 else array
    if array.ndim not in (2, 3, 4):
        raise FileFormatError(path, f"masks cannot have the shape {data.shape}.", hint=_COLOUR_HINT)
    return checked_labels(path, array)


def checked_labels(path: Path, array: NDArray[np.generic]) -> NDArray[np.uint32]:
    """Return `array` as uint32; refuse negative, fractional and too large values."""
    if array.dtype.kind == "f":
        whole = np.isfinite(array).all() and (array == np.floor(array)).all()
        if not whole:
            raise FileFormatError(path, "it holds fractions, not masks.", hint=_COLOUR_HINT)
    elif array.dtype.kind not in "biu":
        raise FileFormatError(path, f"it holds {array.dtype}, not masks.", hint=_COLOUR_HINT)
    if array.size and array.dtype.kind in "if" and array.min() < 0:
        raise FileFormatError(path, f"masks cannot be negative ({array.min()}).", hint=_COLOUR_HINT)
    if array.size and array.dtype.itemsize >= 4 and array.max() > np.iinfo(np.uint32).max:
        raise FileFormatError(path, f"the id {array.max()} is too large (32 bits).")
    return np.ascontiguousarray(array, dtype=np.uint32)


def narrowest(masks: NDArray[np.integer]) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Return masks as uint16 while all ids fit, else as uint32."""
    fits = masks.size == 0 or int(masks.max()) <= LARGEST_UINT16
    return masks.astype(np.uint16, copy=False) if fits else masks.astype(np.uint32, copy=False)


def write_labels(
    path: str | Path,
    masks: NDArray[np.integer],
    *,
    axes: str | None = None,
    pixel_size_um: Mapping[str, float] | None = None,
) -> None:
    """Write masks: TIFF, OME-Zarr, NPY, or a 16-bit PNG (one plane, ids to 65,535).

    Parameters
    ----------
    path
        The file; its ending says the format.
    masks
        0 outside, one number per cell.
    axes
        Of the masks; by default the last of `AXES`.
    pixel_size_um
        As in `Image`; kept by TIFF, which then is an OME-TIFF, and by OME-Zarr.

    Raises
    ------
    FileFormatError
        If a PNG cannot hold the masks, the ending is another, or the disk refuses.
    """
    file = Path(path)
    ending = file.suffix.lower()
    data = narrowest(checked_labels(file, np.asarray(masks)))
    axes = axes or AXES[-data.ndim :]
    if ending in _TIFF:
        with replacing(file) as temporary:
            how = tiff_tags(axes, pixel_size_um)
            tifffile.imwrite(temporary, data, photometric="minisblack", compression="zlib", **how)
    elif ending == ".png":
        _write_png(file, data)
    elif ending == ".npy":
        with replacing(file) as temporary, temporary.open("wb") as opened:
            np.save(opened, data, allow_pickle=False)
    elif ending == ".zarr":
        write_ome_zarr(file, Image(data, axes, pixel_size_um=pixel_size_um), labels=data)
    else:
        raise FileFormatError(file, f"masks cannot be written as {ending or 'such'} files.")


def tiff_tags(axes: str, pixel_size_um: Mapping[str, float] | None) -> dict[str, Any]:
    """Return what `tifffile.imwrite` is told of masks: those of a known size are an OME-TIFF."""
    size = {axis: um for axis, um in (pixel_size_um or {}).items() if axis in axes}
    if not size:
        return {"metadata": {"axes": axes}}
    return tiff.ome_tags(Image(np.zeros((1,) * len(axes)), axes, pixel_size_um=size))


def _write_png(path: Path, data: NDArray[np.uint16] | NDArray[np.uint32]) -> None:
    hint = "Save it as TIFF."
    if data.ndim != 2:
        raise FileFormatError(path, "a PNG cannot hold a volume.", hint=hint)
    if data.dtype != np.uint16:
        reason = f"a PNG cannot hold ids above {LARGEST_UINT16:,} (here {int(data.max()):,})."
        raise FileFormatError(path, reason, hint=hint)
    with replacing(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(data))
