"""NPY files: plain arrays only, never pickles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io.atomic import replacing
from cellmend.io.axes import UNKNOWN, arrange
from cellmend.io.limits import check_size
from cellmend.io.mapping import worth_mapping

Header = tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]


def read_npy(path: Path, axes: str | None = None) -> Image:
    """Read an array; its axes are guessed by the rule in `cellmend.io.axes`.

    A large array is a read-only memory map.

    Raises
    ------
    FileFormatError
        If the file is damaged or holds anything but numbers.
    """
    array = _load(path, may_map=True)
    if array.ndim < 2:
        raise FileFormatError(path, f"an array of shape {array.shape} is not an image.")
    data, found = arrange(path, array, UNKNOWN * array.ndim, axes)
    data = data.view(np.uint8) if data.dtype == bool else data
    return Image(data, found.axes, (), None, path, found.guessed)


def write_npy(
    path: str | Path, image: Image, *, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write the bare pixels; axes, names, pixel size and provenance have no place in an NPY.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, image.data, allow_pickle=False)


def read_npy_array(path: Path) -> NDArray[np.generic]:
    """Read an array of numbers into memory."""
    return _load(path, may_map=False)


def _load(path: Path, *, may_map: bool) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            shape, _, dtype = read_header(file)
        if dtype.kind not in "buif":
            hint = "Is it a _seg.npy? Open it as masks." if dtype.hasobject else ""
            raise FileFormatError(path, f"it holds {dtype}, not pixels.", hint=hint)
        check_size(path, shape, dtype)
        mapped = may_map and worth_mapping(shape, dtype)
        array: NDArray[np.generic]
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except CellmendError:
        raise
    except Exception as error:  # a damaged header raises anything
        raise FileFormatError(path, f"it is damaged or incomplete ({error}).") from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_header(file: IO[bytes]) -> Header:
    """Read the header of an NPY file and leave `file` at the data."""
    version = npy_format.read_magic(file)
    if version == (1, 0):
        return npy_format.read_array_header_1_0(file)
    if version == (2, 0):
        return npy_format.read_array_header_2_0(file)
    raise ValueError(f"version {version} of the NPY format is not known")
