"""HDF5 files, as ilastik and Fiji's HDF5 plugin write them (the extra ``hdf5``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io.axes import UNKNOWN, arrange
from cellmend.io.extras import library
from cellmend.io.limits import check_size


def read_hdf5(path: Path, axes: str | None = None) -> Image:
    """Read the first array of at least two dimensions; links to other files are not followed.

    Axes are those of ilastik's ``axistags`` or HDF5's dimension labels, the pixel
    size that of ``element_size_um``.

    Raises
    ------
    FileFormatError
        If the library is missing, or the file is damaged or holds no image.
    """
    h5py = library(path, "h5py", "hdf5")
    try:
        with h5py.File(path, "r") as file:
            return _image(path, _first_array(path, h5py, file), axes)
    except CellmendError:
        raise
    except Exception as error:  # damaged files raise anything
        reason = f"it is damaged, or no HDF5 file ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def _first_array(path: Path, h5py: Any, file: Any) -> Any:
    def is_image(name: str, item: Any) -> Any:
        numbers = isinstance(item, h5py.Dataset) and item.dtype.kind in "buif" and item.ndim > 1
        return item if numbers and item.external is None and not item.is_virtual else None

    found = file.visititems(is_image)
    if found is None:
        raise FileFormatError(path, "there is no image in it.")
    return found


def _image(path: Path, stored: Any, axes: str | None) -> Image:
    check_size(path, stored.shape, stored.dtype)
    if stored.chunks is not None:
        check_size(path, stored.chunks, stored.dtype)
    data, found = arrange(path, np.asarray(stored[...]), _letters(stored), axes)
    size = dict(
        zip("ZYX", (float(n) for n in stored.attrs.get("element_size_um", ())), strict=False)
    )
    known = {axis: size[axis] for axis in found.axes if size.get(axis, 0) > 0}
    return Image(
        data.view(np.uint8) if data.dtype == bool else data,
        found.axes,
        (),
        known if "X" in known else None,
        path,
        found.guessed,
    )


def _letters(stored: Any) -> str:
    tags = stored.attrs.get("axistags")
    if tags is not None:
        return "".join(str(axis["key"]).upper() for axis in json.loads(tags)["axes"])
    labels = [dimension.label.upper() for dimension in stored.dims]
    return "".join(label if len(label) == 1 else UNKNOWN for label in labels)
