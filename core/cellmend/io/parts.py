"""Writing images and masks that are larger than the memory, part by part.

The pixels are asked for region by region. The files are like those that `cellmend.io.tiff`,
`cellmend.io.labels` and `cellmend.io.ome_zarr_write` write at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.atomic import replacing
from cellmend.io.ome_zarr_write import (
    CHUNK,
    LABELS,
    Halve,
    add_provenance,
    create_labels,
    create_levels,
    halve_by_mean,
    halve_labels,
    replacing_folder,
    shown,
)

if TYPE_CHECKING:
    import zarr

Region = tuple[slice, ...]
Read = Callable[[Region], NDArray[np.generic]]
"""Gives the pixels of a region, which has a slice per dimension."""

TILE = 512
_REGION = 4 * CHUNK


def write_tiff(
    path: str | Path, shape: Sequence[int], dtype: DTypeLike, read: Read, **how: Any
) -> None:
    """Write a compressed TIFF of tiles.

    Parameters
    ----------
    path
        The file; replaced as a whole or not at all.
    shape, dtype
        Of the whole.
    read
        Gives its pixels.
    **how
        What `tifffile.imwrite` is told besides.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    tiles = (
        np.pad(part, [(0, TILE - length) for length in part.shape])
        for part in (read(region)[(0,) * (len(shape) - 2)] for region in _tiles(shape))
    )
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            tiles,
            shape=tuple(shape),
            dtype=np.dtype(dtype),
            tile=(TILE, TILE),
            photometric="minisblack",
            compression="zlib",
            bigtiff=prod(shape) * np.dtype(dtype).itemsize >= 1 << 31,
            **how,
        )


def write_ome_zarr(
    path: str | Path,
    about: Image,
    read: Read,
    *,
    labels: Read | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write an image, and masks as its ``labels/cells``.

    Parameters
    ----------
    path
        The folder; a Zarr that is there is replaced as a whole or not at all.
    about
        The image; its pixels are not looked at.
    read
        Gives its pixels.
    labels
        Gives the pixels of the masks, uint32, with the axes of the image but C.
    provenance
        Plain values, kept under ``cellmend`` in the attributes.

    Raises
    ------
    FileFormatError
        If the folder cannot be written, or something else is there.
    """
    import zarr

    name = scenes.stem(about.source) if about.source is not None else Path(path).stem
    size, shape, dtype = about.pixel_size_um, about.data.shape, about.data.dtype
    with replacing_folder(Path(path)) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=2)
        seen = _Ranges(about, read)
        _fill(create_levels(root, shape, dtype, about.axes, size, name), seen, halve_by_mean)
        root.attrs["omero"] = shown(about, name, seen.ranges)
        add_provenance(root, provenance)
        if labels is not None:
            axes = about.axes.replace("C", "")
            flat = tuple(about.size(axis) for axis in axes)
            inner = create_labels(root)
            levels = create_levels(inner, flat, np.dtype(np.uint32), axes, size, LABELS)
            _fill(levels, labels, halve_labels)


class _Ranges:
    """Passes pixels on and remembers the lowest and the highest of each channel."""

    def __init__(self, about: Image, read: Read) -> None:
        self._place = about.axes.find("C")
        self._read = read
        self.ranges = [(np.inf, -np.inf)] * about.n_channels

    def __call__(self, region: Region) -> NDArray[np.generic]:
        pixels = self._read(region)
        channel = 0 if self._place < 0 else region[self._place].start
        low, high = self.ranges[channel]
        self.ranges[channel] = min(low, float(pixels.min())), max(high, float(pixels.max()))
        return pixels


def _fill(levels: Sequence[zarr.Array[Any]], read: Read, halve: Halve) -> None:
    """Write the full resolution, then each level from the one above it."""
    first, *smaller = levels
    for region in _regions(first.shape, _REGION):
        first[region] = read(region)
    for above, level in zip(levels, smaller, strict=False):
        for region in _regions(level.shape, _REGION):
            *planes, rows, columns = region
            twice = (*planes, *(slice(2 * part.start, 2 * part.stop) for part in (rows, columns)))
            level[region] = halve(np.asarray(above[twice]))


def _tiles(shape: Sequence[int]) -> Iterator[Region]:
    """Yield the tiles of every plane in the order of a TIFF file."""
    return _regions(shape, TILE)


def _regions(shape: Sequence[int], side: int) -> Iterator[Region]:
    """Yield regions one plane thick that cover an array, row by row."""
    planes = [[slice(i, i + 1) for i in range(length)] for length in shape[:-2]]
    squares = [
        [slice(start, min(start + side, length)) for start in range(0, length, side)]
        for length in shape[-2:]
    ]
    return itertools.product(*planes, *squares)
