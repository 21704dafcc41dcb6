"""From measured numbers to pixels on screen, in numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Limits = tuple[float, float]
Rgb = tuple[int, int, int]
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


def to_bytes(channel: NDArray[np.generic], limits: Limits) -> Bytes:
    """Return a plane (Y, X) as uint8, `limits` mapped to 0 and 255 and clipped."""
    low, high = limits
    gain = 255.0 / (high - low)
    out = np.empty(channel.shape, np.uint8)
    if channel.dtype in (np.uint8, np.uint16):
        levels = np.arange(256**channel.dtype.itemsize, dtype=np.float64)
        table = np.clip((levels - low) * gain + 0.5, 0, 255).astype(np.uint8)
        for rows in strips(channel.shape):
            out[rows] = table[channel[rows].astype(np.intp)]
        return out
    for rows in strips(channel.shape):
        scaled = (channel[rows].astype(np.float32) - np.float32(low)) * np.float32(gain)
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        out[rows] = np.clip(scaled + 0.5, 0, 255)
    return out


def blend(channels: Sequence[Bytes], colours: Sequence[Rgb]) -> Bytes:
    """Add channels (Y, X), each in its colour; returns (Y, X, 4) in Qt's order B, G, R, 255."""
    height, width = channels[0].shape
    out = np.empty((height, width, 4), np.uint8)
    out[..., 3] = 255
    for component in range(3):
        weights = [colour[2 - component] for colour in colours]
        out[..., component] = _sum(channels, weights)
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


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut the rows of a plane into strips of limited size."""
    step = max(1, STRIP_PIXELS // max(1, shape[1]))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def _sum(channels: Sequence[Bytes], weights: Sequence[int]) -> Bytes:
    used = [(c, w) for c, w in zip(channels, weights, strict=True) if w]
    if not used:
        return np.zeros(channels[0].shape, np.uint8)
    if len(used) == 1 and used[0][1] == 255:
        return used[0][0]
    total = np.zeros(channels[0].shape, np.uint32)
    for channel, weight in used:
        total += channel * np.uint32(weight)
    return np.minimum(total // 255, 255).astype(np.uint8)
