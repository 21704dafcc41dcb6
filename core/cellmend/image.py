"""An image with its axes, channel names, pixel size and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError

AXES = "TCZYX"
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Image:
    """A microscope image; the array is never changed.

    Parameters
    ----------
    data
        Pixels, one dimension per letter of `axes`, in the file's own dtype.
    axes
        A subset of ``TCZYX`` in that order, ending in ``YX``.
    channel_names
        One name per channel; filled with ``channel 1``, ``channel 2``... where unknown.
    pixel_size_um
        Size of a pixel in µm along axes, e.g. ``{"Z": 2.0, "Y": 0.5, "X": 0.5}``;
        None, or empty, where unknown.
    source
        The file it was read from, if any.
    guessed_axes
        Where the file does not say what its dimensions are: what they were taken for,
        in the order of the file.
    scenes
        How many images its file holds, of which it is one: positions of an ND2, scenes of a
        CZI, images of an ``.ome.tif``. Which one, the `source` says where it was chosen:
        ``plate.czi#2``.

    Raises
    ------
    InputError
        If the pixels are no numbers, the axes do not fit the array, or the array is empty.
    """

    data: NDArray[np.generic]
    axes: str = "YX"
    channel_names: tuple[str, ...] = ()
    pixel_size_um: Mapping[str, float] | None = None
    source: Path | None = field(default=None)
    guessed_axes: str = ""
    scenes: int = 1

    def __post_init__(self) -> None:
        check_pixels(self.data)
        check_axes(self.axes, self.data.shape)
        if not self.channel_names:
            names = tuple(f"channel {i + 1}" for i in range(self.n_channels))
            object.__setattr__(self, "channel_names", names)
        if len(self.channel_names) != self.n_channels:
            raise InputError(
                f"{len(self.channel_names)} channel names for {self.n_channels} channels."
            )
        view = self.data.view()
        view.flags.writeable = False
        object.__setattr__(self, "data", view)

    def size(self, axis: str) -> int:
        """Length along `axis`; 1 where the image does not have it."""
        return self.data.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.size("C")

    @property
    def usual_channels(self) -> tuple[int, int]:
        """Channels to segment where none are chosen, counted from 1 as in `SegmentSettings`.

        A colour picture is seen in grey; of other images the first channel is taken.
        """
        return (0, 0) if self.channel_names[:3] == COLOURS else (1, 0)

    @property
    def dataset_channels(self) -> tuple[int, int]:
        """Channels to train and to judge on where none are chosen, counted as `usual_channels`.

        In a data set, the second channel of an image that is no colour picture shows nuclei.
        """
        main, _ = self.usual_channels
        return main, 2 if main and self.n_channels > 1 else 0

    def with_pixel_size(self, size_um: Mapping[str, float] | None) -> Image:
        """Return the image with another pixel size, in µm along its axes; pixels are not copied.

        Raises
        ------
        InputError
            If a size is not above 0, or is of an axis that has none.
        """
        for axis, size in (size_um or {}).items():
            if axis not in "ZYX" or axis not in self.axes:
                raise InputError(f"An image of {self.axes} has no pixel size along {axis}.")
            if not (size > 0 and isfinite(size)):
                raise InputError(f"The pixel size along {axis} must be above 0 µm.")
        return replace(self, pixel_size_um=size_um)

    def channel(self, index: int) -> NDArray[np.generic]:
        """Return one channel (zero-based), the other axes kept in order.

        Raises
        ------
        InputError
            If there is no such channel.
        """
        if not 0 <= index < self.n_channels:
            raise InputError(
                f"There is no channel {index + 1}.", hint=f"The image has {self.n_channels}."
            )
        if "C" not in self.axes:
            return self.data
        plane: NDArray[np.generic] = np.take(self.data, index, axis=self.axes.index("C"))
        return plane


def check_pixels(data: NDArray[np.generic]) -> None:
    """Raise `InputError` unless `data` holds booleans, integers or real numbers."""
    if data.dtype.kind not in "buif":
        raise InputError(
            f"Pixels cannot be of type {data.dtype}.",
            hint="Give an array of numbers; cellmend.read makes an image of a file.",
        )


def check_axes(axes: str, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless `axes` is a valid name for an array of `shape`."""
    known = [a for a in AXES if a in axes]
    if "".join(known) != axes or not axes.endswith("YX"):
        raise InputError(
            f"Axes {axes!r} are not understood.",
            hint="Use letters of TCZYX in that order, ending in YX, such as CYX.",
        )
    if len(axes) != len(shape):
        raise InputError(f"Axes {axes!r} do not fit an array of shape {shape}.")
    if 0 in shape:
        raise InputError(f"The image is empty: its shape is {shape}.")


def as_image(data: Image | NDArray[np.generic], axes: str | None = None) -> Image:
    """Make an `Image` of an array; a bare 2D array is ``YX``.

    Raises
    ------
    InputError
        If the pixels are no numbers, or the array has more than two dimensions and no axes are
        given.
    """
    if isinstance(data, Image):
        return data
    array = np.asarray(data)
    check_pixels(array)
    if axes is None:
        if array.ndim != 2:
            raise InputError(
                f"An array of shape {array.shape} needs its axes.",
                hint='Say which is which, for instance axes="CYX".',
            )
        axes = "YX"
    return Image(array, axes.upper())
