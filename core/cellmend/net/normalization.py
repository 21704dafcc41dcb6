"""Batch normalisation and ReLU of (N, Y, X, C) float32 arrays: statistics and gradient.

The normalisation itself happens where a convolution reads its input. Channels are
multiples of eight. Sums go over a row in float32, over rows in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from cellmend.net.matmul import Floats
from cellmend.net.simd import broadcast, fused, load, store, where_positive

Doubles = NDArray[np.float64]
_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True)
class Moments:
    """Means (N, C) and variances (N, C) of every image and channel over `pixels`."""

    mean: Doubles
    variance: Doubles
    pixels: int


def moments(x: Floats, skip: Floats | None) -> Moments:
    """Return the moments of ``x [+ skip]``."""
    n, height, width, channels = x.shape
    means, squares = np.empty((2, n * height, channels), np.float32)
    _row_moments(
        x.ravel(), _NOTHING if skip is None else skip.ravel(), means.ravel(), squares.ravel(),
        width, channels, get_num_threads(),
    )  # fmt: skip
    rows = means.reshape(n, height, channels).astype(np.float64)
    mean = rows.mean(axis=1)
    between = np.square(rows - mean[:, None]).mean(axis=1)
    within = squares.reshape(n, height, channels).sum(axis=1, dtype=np.float64) / (height * width)
    return Moments(mean, within + between, height * width)


def backward_relu(
    gradient: Floats,
    x: Floats,
    skip: Floats | None,
    scale: Floats,
    shift: Floats,
    center: Floats,
) -> tuple[Doubles, Doubles]:
    """Zero `gradient` in place where ``scale * (x [+ skip]) + shift`` is not positive.

    Parameters
    ----------
    gradient, x, skip
        (N, Y, X, C).
    scale
        (C,).
    shift, center
        (N, C).

    Returns
    -------
    sums, products
        (N, C), of what is left of the gradient, and of its product with
        ``x [+ skip] - center``, over the pixels of each image.
    """
    n, height, _, channels = x.shape
    sums, products = np.empty((2, n * height, channels), np.float32)
    _backward_relu(
        gradient.ravel(), x.ravel(), _NOTHING if skip is None else skip.ravel(),
        scale, shift.ravel(), center.ravel(), sums.ravel(), products.ravel(), x.shape,
        get_num_threads(),
    )  # fmt: skip
    both = (rows.reshape(n, height, channels).astype(np.float64) for rows in (sums, products))
    total, product = (rows.sum(axis=1) for rows in both)
    return total, product


def backward_affine(
    gradient: Floats,
    x: Floats,
    skip: Floats | None,
    factors: tuple[Floats, Floats, Floats],
) -> None:
    """Set `gradient` to ``a * gradient + b * (x [+ skip]) + c``; a, b: (C,), c: (N, C)."""
    a, b, c = factors
    _backward_affine(
        gradient.ravel(), x.ravel(), _NOTHING if skip is None else skip.ravel(),
        a, b, c.ravel(), x.shape, get_num_threads(),
    )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def _row_moments(
    x: Floats, skip: Floats, means: Floats, squares: Floats, width: int, channels: int,
    workers: int,
) -> None:  # fmt: skip
    rows = len(x) // (width * channels)
    for worker in prange(workers):
        for row in range(worker, rows, workers):
            for c in range(0, channels, 8):
                first = row * width * channels + c
                total = broadcast(np.float32(0))
                for at in range(first, first + width * channels, channels):
                    v = load(x, at)
                    if len(skip):
                        v = v + load(skip, at)
                    total = total + v
                mean = total * broadcast(np.float32(1 / width))
                square = broadcast(np.float32(0))
                for at in range(first, first + width * channels, channels):
                    v = load(x, at)
                    if len(skip):
                        v = v + load(skip, at)
                    off = v - mean
                    square = fused(off, off, square)
                store(means, row * channels + c, mean)
                store(squares, row * channels + c, square)


@njit(cache=True, nogil=True, parallel=True)
def _backward_relu(
    gradient: Floats,
    x: Floats,
    skip: Floats,
    scale: Floats,
    shift: Floats,
    center: Floats,
    sums: Floats,
    products: Floats,
    shape: tuple[int, ...],
    workers: int,
) -> None:
    n, height, width, channels = shape
    for worker in prange(workers):
        for row in range(worker, n * height, workers):
            for c in range(0, channels, 8):
                of_image = row // height * channels + c
                by, plus, middle = load(scale, c), load(shift, of_image), load(center, of_image)
                total = broadcast(np.float32(0))
                product = broadcast(np.float32(0))
                first = row * width * channels + c
                for at in range(first, first + width * channels, channels):
                    v = load(x, at)
                    if len(skip):
                        v = v + load(skip, at)
                    g = where_positive(fused(by, v, plus), load(gradient, at))
                    store(gradient, at, g)
                    total = total + g
                    product = fused(g, v - middle, product)
                store(sums, row * channels + c, total)
                store(products, row * channels + c, product)


@njit(cache=True, nogil=True, parallel=True)
def _backward_affine(
    gradient: Floats,
    x: Floats,
    skip: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    shape: tuple[int, ...],
    workers: int,
) -> None:
    n, height, width, channels = shape
    for worker in prange(workers):
        for row in range(worker, n * height, workers):
            for channel in range(0, channels, 8):
                by, along = load(a, channel), load(b, channel)
                plus = load(c, row // height * channels + channel)
                first = row * width * channels + channel
                for at in range(first, first + width * channels, channels):
                    v = load(x, at)
                    if len(skip):
                        v = v + load(skip, at)
                    store(gradient, at, fused(by, load(gradient, at), fused(along, v, plus)))
