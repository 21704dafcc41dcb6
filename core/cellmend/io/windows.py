"""Images that are read window by window, for those that are larger than the memory.

Of an OME-Zarr only the chunks are decoded that a window touches. Other files are read as
`cellmend.io.read` does; where their pixels lie in the file as they are, that is a memory map,
of which a window takes no more than its own size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError
from cellmend.image import Image
from cellmend.io import ome_zarr, scenes, tiff
from cellmend.io.axes import Arrangement, arrangement
from cellmend.io.formats import read

Window = Mapping[str, slice]
"""From where to where along some of the axes T, Z, Y and X; the others are read whole."""


class ImageWindows:
    """An image file that is read in parts. It can be sent to another process.

    Parameters
    ----------
    path
        The file; see `cellmend.io.read`.
    axes
        What its dimensions are, where it does not say it.

    Raises
    ------
    CellmendError
        As `cellmend.io.read`, here or when a window is read.
    """

    def __init__(self, path: str | Path, axes: str | None = None) -> None:
        self.path = Path(path)
        self._axes = axes

    @classmethod
    def of(cls, image: Image) -> ImageWindows:
        """Return the windows of an image that is open already, which stays in this process."""
        windows = cls(image.source or Path(), image.axes)
        windows.__dict__["_whole"] = image
        return windows

    def __reduce__(self) -> tuple[type[ImageWindows], tuple[Path, str | None]]:
        return ImageWindows, (self.path, self._axes)

    @property
    def shape(self) -> dict[str, int]:
        """Length along each axis of the image, in the order TCZYX."""
        return dict(zip(self.about.axes, self.about.data.shape, strict=True))

    @property
    def space(self) -> dict[str, int]:
        """Length along each axis but C."""
        return {axis: size for axis, size in self.shape.items() if axis != "C"}

    @cached_property
    def about(self) -> Image:
        """Axes, names and sizes of the image; its pixels are not to be looked at."""
        return self._whole or self._zarr_without_pixels

    def read(self, window: Window) -> Image:
        """Return the part of the image inside a window, every channel of it."""
        if self._whole is not None:
            index = tuple(window.get(axis, slice(None)) for axis in self._whole.axes)
            return replace(self._whole, data=self._whole.data[index])
        return replace(self.about, data=self._zarr_window(window))

    @cached_property
    def _whole(self) -> Image | None:
        """The image of a file that is no Zarr."""
        return None if ome_zarr.is_zarr(self.path) else read(self.path, self._axes)

    @cached_property
    def _zarr_without_pixels(self) -> Image:
        with ome_zarr.opened(self.path) as node:
            found = ome_zarr.multiscale(self.path, node)
            array = found.levels[0]
            arranged = arrangement(self.path, array.shape, found.axes, self._axes)
            nothing = np.broadcast_to(np.zeros((), array.dtype), arranged.shape(array.shape))
            return ome_zarr.as_image(self.path, found, arranged, nothing)

    def _zarr_window(self, window: Window) -> NDArray[np.generic]:
        with ome_zarr.opened(self.path) as node:
            found = ome_zarr.multiscale(self.path, node)
            array = found.levels[0]
            arranged = arrangement(self.path, array.shape, found.axes, self._axes)
            stored = _in_file(window, arranged, array.shape)
            data = arranged.apply(ome_zarr.pixels(self.path, array, stored))
            return data.view(np.uint8) if data.dtype == bool else data


def stored_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of a TIFF or an OME-Zarr; () of other and of damaged files.

    No pixel is read.
    """
    try:
        if ome_zarr.is_zarr(path):
            return ImageWindows(path).about.data.shape
        file, number = scenes.split(path)
        if file.suffix.lower() in (".tif", ".tiff"):
            return tiff.stored_shape(file, number)
    except CellmendError:
        pass
    return ()


def _in_file(window: Window, arranged: Arrangement, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the window along the dimensions of the file, each with both ends."""
    places = [slice(0, length) for length in shape]
    for axis, sources in zip(arranged.axes, arranged.sources, strict=True):
        if axis in window:
            (dimension,) = sources
            places[dimension] = slice(*window[axis].indices(shape[dimension])[:2])
    return tuple(places)
