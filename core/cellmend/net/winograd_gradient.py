"""The gradients of `winograd.conv3`: Winograd's too, with as few multiplications.

That by the input is a convolution with the kernels turned round. That by the weights
multiplies, point by point, the transformed patches that the convolution read with the
transformed squares of its output's gradient, sums over all of them, and only then
transforms back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from cellmend.net.matmul import Floats, add_outer, mix
from cellmend.net.simd import broadcast, fused, load, store
from cellmend.net.winograd import (
    APART,
    KERNEL_TO_POINTS,
    PATCH,
    POINTS,
    SIDE,
    WANTED_TILES,
    activate,
    read_patches,
    winograd_weights,
)


def turned_weights(weight: NDArray[np.floating]) -> Floats:
    """Return the `winograd_weights` with which `conv3` gives the gradient by its input."""
    return winograd_weights(weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))


def weight_gradient(
    x: Floats,
    gradient: Floats,
    scale: Floats,
    shift: Floats,
    *,
    skip: Floats | None = None,
) -> Floats:
    """Return the gradient (K, C, 3, 3) by the weights of `conv3`.

    Parameters
    ----------
    x, scale, shift, skip
        As `conv3` had them.
    gradient
        (N, Y, X, K), by its output.
    """
    n, height, width, channels = x.shape
    outputs = gradient.shape[3]
    tiles_x = -(-width // SIDE)
    rows = n * -(-height // SIDE)
    wanted = math.ceil(WANTED_TILES / tiles_x)
    workers = min(get_num_threads(), math.ceil(rows / wanted))
    group = min(wanted, math.ceil(rows / workers))
    plane = channels * outputs + APART
    sums = np.zeros(workers * POINTS * plane, np.float32)
    _sum_products(
        x.ravel(), gradient.ravel(), scale, shift.ravel(),
        np.empty(0, np.float32) if skip is None else skip.ravel(),
        sums, (n, height, width, channels, outputs), group, workers,
    )  # fmt: skip
    back = np.ascontiguousarray(np.tile(KERNEL_TO_POINTS.T, workers))
    kernels = mix(back, sums).reshape(9, plane)[:, : channels * outputs]
    turned = kernels.reshape(3, 3, channels, outputs).transpose(3, 2, 0, 1)
    return np.ascontiguousarray(turned)


@njit(inline="always")
def _square_line(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, ...]:
    """Multiply by the transpose of Winograd's output matrix."""
    two, four, eight = broadcast(np.float32(2)), broadcast(np.float32(4)), broadcast(np.float32(8))
    even, odd = a + c, b + d
    far, skew = fused(four, c, a), fused(eight, d, two * b)
    return a, even + odd, even - odd, far + skew, far - skew, d


@njit(cache=True, nogil=True)
def _read_squares(
    gradient: Floats,
    shape: tuple[int, ...],
    image: int,
    top: int,
    m: Floats,
    tiles: int,
    first: int,
) -> None:
    """Transform the squares of one row of tiles into m [point][channel / 8][tile][8]."""
    height, width, channels = shape[1], shape[2], shape[4]
    plane = tiles * channels + APART
    half = np.zeros(PATCH * SIDE * 8, np.float32)
    zero = broadcast(np.float32(0))
    down = min(SIDE, height - top)
    line = width * channels
    for tile in range(-(-width // SIDE)):
        across = min(SIDE, width - tile * SIDE)
        for c in range(0, channels, 8):
            at = ((image * height + top) * width + tile * SIDE) * channels + c
            for j in range(SIDE):
                p = at + j * channels
                a = load(gradient, p) if j < across else zero
                b = load(gradient, p + line) if j < across and down > 1 else zero
                d = load(gradient, p + 2 * line) if j < across and down > 2 else zero
                e = load(gradient, p + 3 * line) if j < across and down > 3 else zero
                r = _square_line(a, b, d, e)
                store(half, 8 * j, r[0])
                store(half, 8 * (4 + j), r[1])
                store(half, 8 * (8 + j), r[2])
                store(half, 8 * (12 + j), r[3])
                store(half, 8 * (16 + j), r[4])
                store(half, 8 * (20 + j), r[5])
            for i in range(PATCH):
                q = 32 * i
                r = _square_line(
                    load(half, q), load(half, q + 8), load(half, q + 16), load(half, q + 24)
                )
                to = 6 * i * plane + c * tiles + 8 * (first + tile)
                store(m, to, r[0])
                store(m, to + plane, r[1])
                store(m, to + 2 * plane, r[2])
                store(m, to + 3 * plane, r[3])
                store(m, to + 4 * plane, r[4])
                store(m, to + 5 * plane, r[5])


@njit(cache=True, nogil=True, parallel=True)
def _sum_products(
    x: Floats,
    gradient: Floats,
    scale: Floats,
    shift: Floats,
    skip: Floats,
    sums: Floats,
    shape: tuple[int, ...],
    group: int,
    workers: int,
) -> None:
    """Add up the products of patches and squares: sums [worker][point][C][K], planes apart."""
    n, height, width, channels, outputs = shape
    rows_of_tiles = -(-height // SIDE)
    tiles_x = -(-width // SIDE)
    total = n * rows_of_tiles
    tiles = group * tiles_x
    v_plane, m_plane = tiles * channels + APART, tiles * outputs + APART
    strides = (v_plane, 8, tiles)
    for worker in prange(workers):
        seen = np.zeros(PATCH * (tiles_x * SIDE + 2) * channels, np.float32)
        v = np.empty(POINTS * v_plane, np.float32)
        m = np.empty(POINTS * m_plane, np.float32)
        for begin in range(worker * group, total, workers * group):
            end = min(total, begin + group)
            for row in range(begin, end):
                image, top = row // rows_of_tiles, row % rows_of_tiles * SIDE
                first = (row - begin) * tiles_x
                activate(x, skip, scale, shift, seen, shape, image, top, False)
                read_patches(seen, width, channels, v, strides, first)
                _read_squares(gradient, shape, image, top, m, tiles, first)
            for point in range(POINTS):
                add_outer(
                    v, point * v_plane, channels, m, point * m_plane, outputs,
                    (end - begin) * tiles_x, tiles,
                    sums, (worker * POINTS + point) * (channels * outputs + APART),
                )  # fmt: skip
