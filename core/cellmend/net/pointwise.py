"""1x1 convolution and max-pooling of (N, Y, X, C) float32 arrays on the CPU.

Channels are multiples of eight.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from cellmend.net.matmul import Floats, matmul, panels
from cellmend.net.simd import broadcast, fused, larger, load, store

PIXELS = 96
"""Pixels that a 1x1 convolution takes at a time: a multiple of six."""


def pointwise_weights(weight: NDArray[np.floating]) -> Floats:
    """Lay out (out, in) weights: flat panels [out / panel][in][panel]."""
    return panels(weight.T)


def conv1(
    x: Floats, weights: Floats, bias: Floats, scale: Floats | None = None,
    shift: Floats | None = None,
) -> Floats:  # fmt: skip
    """Return ``x @ weights + bias`` per pixel, of ``relu(scale * x + shift)`` if those are given.

    Parameters
    ----------
    x
        (N, Y, X, C).
    weights
        Of `pointwise_weights`.
    bias
        (K,).
    scale, shift
        (C,).
    """
    out = np.empty((*x.shape[:3], len(bias)), np.float32)
    nothing = np.empty(0, np.float32)
    _conv1(
        x.ravel(), weights, bias, nothing if scale is None else scale,
        nothing if shift is None else shift, out.ravel(), x.shape[3], len(bias), get_num_threads(),
    )  # fmt: skip
    return out


def max_pool(x: Floats) -> Floats:
    """Return the largest of every 2x2 pixels of (N, Y, X, C); Y and X even."""
    n, height, width, channels = x.shape
    out = np.empty((n, height // 2, width // 2, channels), np.float32)
    _pool(x.ravel(), out.ravel(), n, height // 2, width // 2, channels)
    return out


@njit(cache=True, nogil=True, parallel=True)
def _conv1(
    x: Floats,
    weights: Floats,
    bias: Floats,
    scale: Floats,
    shift: Floats,
    out: Floats,
    channels: int,
    outputs: int,
    workers: int,
) -> None:
    pixels = len(x) // channels
    zero = broadcast(np.float32(0))
    for worker in prange(workers):
        seen = np.zeros(PIXELS * channels, np.float32)
        made = np.empty(PIXELS * outputs, np.float32)
        for begin in range(worker * PIXELS, pixels, workers * PIXELS):
            count = min(PIXELS, pixels - begin)
            for c in range(0, channels, 8):
                for p in range(count):
                    v = load(x, (begin + p) * channels + c)
                    if len(scale):
                        v = larger(fused(load(scale, c), v, load(shift, c)), zero)
                    store(seen, p * channels + c, v)
            matmul(seen, 0, PIXELS, channels, weights, 0, made, 0, outputs)
            for c in range(0, outputs, 8):
                plus = load(bias, c)
                for p in range(count):
                    store(out, (begin + p) * outputs + c, load(made, p * outputs + c) + plus)


@njit(cache=True, nogil=True, parallel=True)
def _pool(x: Floats, out: Floats, n: int, height: int, width: int, channels: int) -> None:
    for row in prange(n * height):
        for column in range(width):
            at = (2 * row * 2 * width + 2 * column) * channels
            below = at + 2 * width * channels
            for c in range(0, channels, 8):
                upper = larger(load(x, at + c), load(x, at + channels + c))
                lower = larger(load(x, below + c), load(x, below + channels + c))
                store(out, (row * width + column) * channels + c, larger(upper, lower))
