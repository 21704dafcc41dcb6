"""From measured numbers to pixels on screen, in numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Limits = tuple[float, float]
Bytes = NDArray[np.uint8]

SAMPLE = 1 << 18
"""Pixels looked at for percentiles: more would not change them visibly."""
STRIP_PIXELS = 1 << 20
"""Pixels worked on at a time, so that temporary arrays stay in the cache."""

CELLPROB_RANGE = 6.0
"""Logits shown from minus to plus this."""
_PROBABILITY = np.array(
    [[13, 8, 35], [40, 60, 120], [35, 125, 140], [110, 190, 120], [250, 230, 120]], np.float64
)


def sample(channel: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return finite pixels spread evenly over a plane (Y, X)."""
    step = max(1, int(np.sqrt(channel.size / SAMPLE)))
    values = channel[::step, ::step].astype(np.float64).ravel()
    return values[np.isfinite(values)]


def auto_limits(channel: NDArray[np.generic], low: float = 1.0, high: float = 99.0) -> Limits:
    """Return the percentiles of a plane (Y, X) shown as black and as full brightness."""
    values = sample(channel)
    if not len(values):
        return 0.0, 1.0
    bottom, top = np.percentile(values, (low, high))
    if top <= bottom:
        bottom, top = float(values.min()), float(values.max())
    return float(bottom), float(top if top > bottom else bottom + 1)


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each brightness occurs in a channel.

    Parameters
    ----------
    counts
        int64 (n,), pixels per bin, of those looked at.
    low, high
        Lowest and highest value looked at: the outer edges of the bins.
    """

    counts: NDArray[np.int64]
    low: float
    high: float


def histogram(channel: NDArray[np.generic], bins: int = 256) -> Histogram:
    """Count the pixels of a plane (Y, X), of a large one a sample, by brightness."""
    values = sample(channel)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    high = high if high > low else low + 1
    counts, _ = np.histogram(values, bins=bins, range=(low, high))
    return Histogram(counts.astype(np.int64), low, high)


def to_bytes(channel: NDArray[np.generic], limits: Limits) -> Bytes:
    """Return a block (Y, X) as uint8, `limits` mapped to 0 and 255 and clipped."""
    low, high = limits
    kind = np.float32 if channel.dtype.itemsize <= 2 or channel.dtype == np.float32 else np.float64
    scaled: NDArray[Any] = channel.astype(kind)
    scaled -= kind(low)
    scaled *= kind(255.0 / (high - low))
    scaled += kind(0.5)
    if channel.dtype.kind == "f":
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.uint8)


def blend(channels: Sequence[Bytes], maps: Sequence[Bytes]) -> Bytes:
    """Add channels (Y, X), each in the colours (256, 3) of its map.

    Returns (Y, X, 4) in Qt's order B, G, R, 255; sums above full brightness are cut off.
    """
    height, width = channels[0].shape
    out = np.zeros((height, width, 4), np.uint8)
    out[..., 3] = 255
    for component in range(3):
        for channel, table in zip(channels, maps, strict=True):
            column = table[:, 2 - component]
            if column.any():
                light = cv2.LUT(channel, np.ascontiguousarray(column))
                out[..., component] = cv2.add(out[..., component], light)
    return out


def flow_picture(flows: NDArray[np.float32]) -> Bytes:
    """Show directions (2, Y, X) as hues and lengths as brightness; (Y, X, 4) for Qt.

    Each colour component is the projection on one of three axes 120° apart, which is
    a colour wheel without any trigonometry per pixel.
    """
    out = np.empty((*flows.shape[1:], 4), np.uint8)
    for rows in strips(flows.shape[1:]):
        dy, dx = flows[-2][rows] / 5.0, flows[-1][rows] / 5.0
        length = np.hypot(dy, dx)
        for component, angle in enumerate((4 * np.pi / 3, 2 * np.pi / 3, 0.0)):
            along = dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))
            out[rows][..., component] = np.clip((length + along) * 127.5, 0, 255)
    out[..., 3] = 255
    return out


def probability_picture(cellprob: NDArray[np.float32]) -> Bytes:
    """Show logits (Y, X) from dark (no cell) to bright (cell); (Y, X, 4) for Qt."""
    levels = to_bytes(cellprob, (-CELLPROB_RANGE, CELLPROB_RANGE))
    at = np.linspace(0, 255, len(_PROBABILITY))
    table = np.full((256, 4), 255, np.uint8)
    for component in range(3):
        table[:, 2 - component] = np.interp(np.arange(256), at, _PROBABILITY[:, component])
    return table[levels]


def slope_picture(component: NDArray[np.float32]) -> Bytes:
    """Show flows along one axis (Y, X) from blue (down the axis) over black to orange (up)."""
    strength = np.clip(component / 5.0, -1, 1)
    out = np.zeros((*component.shape, 4), np.uint8)
    up, down = np.maximum(strength, 0) * 255, np.maximum(-strength, 0) * 255
    out[..., 0] = down
    out[..., 1] = up * 0.6 + down * 0.4
    out[..., 2] = up
    out[..., 3] = 255
    return out


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut the rows of a plane into strips of limited size."""
    step = max(1, STRIP_PIXELS // max(1, shape[1]))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
