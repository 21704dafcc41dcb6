"""Scaling the channels of a block by the percentiles of the whole image.

The percentiles are those of pixels spread evenly over the image, of all of them where it has no
more than `SAMPLE`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.dark_frame import dark_frame
from cellmend.io.windows import ImageWindows
from cellmend.normalize import SAMPLE, limits, normalize
from cellmend.params import NormalizeSettings
from cellmend.planes import check_usable
from cellmend.progress import Reporter
from cellmend.scale.blocks import Block, Window
from cellmend.scale.workers import Workers

Floats = NDArray[np.float32]
Plane = tuple[int, int]
"""Time point and position in the stack."""

MEAN = 0
"""The number of the channel that is the mean of all; others are counted from 1."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """How some channels of an image are scaled.

    Attributes
    ----------
    how
        What is done besides.
    channels
        Numbers of the channels.
    limits
        Per channel and plane, the values that become 0 and 1: (channels, T, Z, 2). None where
        the values of a block decide by themselves, or nothing is scaled.
    """

    how: NormalizeSettings
    channels: tuple[int, ...]
    limits: NDArray[np.float64] | None

    def apply(self, image: Image, window: Window) -> Floats:
        """Return the scaled channels of a window of the image: (channels, [T,] [Z,] Y, X)."""
        return np.stack([self._channel(image, window, i) for i in range(len(self.channels))])

    def _channel(self, image: Image, window: Window, index: int) -> Floats:
        data = pixels_of(image, self.channels[index])
        dark = _dark_part(self.how, window)
        how = self.how.model_copy(update={"per_plane": False, "dark_frame": None})
        if self.limits is None:
            return normalize(data, self.how, dark_frame=dark)
        times, depths = (range(*window.get(axis, slice(0, 1)).indices(1 << 62)) for axis in "TZ")
        scaled = np.empty(data.shape, np.float32)
        planes = data.reshape(-1, *data.shape[-2:])
        for place, plane, out in zip(
            [(t, z) for t in times for z in depths],
            planes,
            scaled.reshape(planes.shape),
            strict=True,
        ):
            low, high = self.limits[index, *place]
            if low < high:
                between = how.model_copy(update={"lowhigh": (float(low), float(high))})
                out[...] = normalize(plane, between, dark_frame=dark)
            else:
                out[...] = 0
        return scaled


def find_scaling(
    windows: ImageWindows,
    channels: Sequence[int],
    how: NormalizeSettings,
    blocks: Sequence[Block],
    workers: Workers,
    report: Reporter,
) -> Scaling:
    """Look at the whole image and decide how its channels are scaled.

    Raises
    ------
    InputError
        If the image is constant or holds values that are not numbers; or if it should be
        sharpened or smoothed, which changes the percentiles.
    """
    chosen = tuple(channels)
    if (how.sharpen_radius or how.smooth_radius) and not how.tile_size:
        raise InputError(
            "Images are not sharpened or smoothed block by block.",
            hint="Scale them by the percentiles of tiles instead (--tile-norm).",
        )
    look = partial(_sample, windows, chosen, how, _step(windows))
    seen = workers.map(look, blocks, report)
    for index in range(len(chosen)):
        check_usable(np.array([[one[index].min(), one[index].max()] for one in seen]))
    if how.tile_size or not how.enabled:
        return Scaling(how, chosen, None)
    if how.lowhigh is not None:
        told = np.broadcast_to(how.lowhigh, (len(chosen), *_planes(windows), 2))
        return Scaling(how, chosen, np.array(told, np.float64))
    return Scaling(how, chosen, _limits(windows, seen, blocks, how))


def pixels_of(image: Image, channel: int) -> NDArray[np.generic]:
    """Return a channel, counted from 1, or the mean of all where it is 0."""
    if channel != MEAN:
        return image.channel(channel - 1)
    if "C" not in image.axes:
        return image.data
    return np.asarray(image.data.mean(axis=image.axes.index("C"), dtype=np.float32))


def _sample(
    windows: ImageWindows,
    channels: Sequence[int],
    how: NormalizeSettings,
    step: int,
    block: Block,
    report: Reporter,
) -> list[NDArray[np.generic]]:
    """Return some pixels of each channel of a block, (T, Z, Y, X), without the dark frame."""
    report.check()
    image = windows.read(block.core)
    dark = _dark_part(how, block.core)
    sampled = []
    for number in channels:
        data = pixels_of(image, number)
        _check_numbers(data)
        if dark is not None:
            data = data.astype(np.float32) - dark
        missing = [place for place, axis in enumerate("TZ") if axis not in block.core]
        sampled.append(np.expand_dims(data[..., ::step, ::step], missing).copy())
    return sampled


def _limits(
    windows: ImageWindows,
    seen: Sequence[Sequence[NDArray[np.generic]]],
    blocks: Sequence[Block],
    how: NormalizeSettings,
) -> NDArray[np.float64]:
    """Return the percentiles of every channel and plane, (channels, T, Z, 2)."""
    times, depths = _planes(windows)
    found = np.empty((len(seen[0]), times, depths, 2))
    for index, channel in enumerate(found):
        if not how.per_plane:
            channel[...] = _percentiles([one[index] for one in seen], how)
            continue
        of_planes: dict[Plane, list[NDArray[np.generic]]] = {}
        for block, one in zip(blocks, seen, strict=True):
            t0, z0 = (block.core.get(axis, slice(0, 1)).start for axis in "TZ")
            for t, z in np.ndindex(one[index].shape[:2]):
                of_planes.setdefault((t0 + t, z0 + z), []).append(one[index][t, z])
        for place, parts in of_planes.items():
            channel[place] = _percentiles(parts, how)
    return found


def _percentiles(
    parts: Sequence[NDArray[np.generic]], how: NormalizeSettings
) -> tuple[float, float]:
    """Return the two percentiles, less the background."""
    values = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    return limits(values - np.float32(how.background), how.percentiles)


def _check_numbers(data: NDArray[np.generic]) -> None:
    if np.issubdtype(data.dtype, np.inexact) and not np.isfinite(data).all():
        raise InputError(
            "Some values are not numbers (NaN or infinite).",
            hint="Replace them, for instance by the background value.",
        )


def _dark_part(how: NormalizeSettings, window: Window) -> NDArray[np.float32] | None:
    frame = dark_frame(how)
    if frame is None:
        return None
    return np.asarray(frame, np.float32)[window["Y"], window["X"]]


def _step(windows: ImageWindows) -> int:
    """Return the distance of the pixels that are looked at, along Y and X."""
    pixels = math.prod(length for axis, length in windows.shape.items() if axis != "C")
    return max(1, math.ceil(math.sqrt(pixels / SAMPLE)))


def _planes(windows: ImageWindows) -> tuple[int, int]:
    return windows.shape.get("T", 1), windows.shape.get("Z", 1)
