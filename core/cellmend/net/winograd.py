"""3x3 convolution of (N, Y, X, C) float32 arrays on the CPU.

It is Winograd's F(4x4, 3x3) (Lavin & Gray, CVPR 2016): four times
fewer multiplications than the direct one; `winograd_gradient` has its gradients. What
stands before it in the network (a skip added, batch normalisation, ReLU,
nearest-neighbour doubling) happens as the input is read, and what stands behind it (bias,
residual sum) as the output is written, so that no further pass over memory is needed.
Channels are multiples of eight.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from cellmend.net.matmul import ROWS, Floats, matmul, mix, panel_width
from cellmend.net.simd import broadcast, fused, larger, load, store

SIDE = 4
"""Side of the square of outputs that one patch gives."""
PATCH = 6
"""Side of the patch of inputs that it takes."""
POINTS = PATCH * PATCH
APART = 16
"""Values between the planes of points, so that these do not share their cache lines' sets."""
WANTED_TILES = 96
"""Patches that are multiplied by one set of weights at a time, at least."""

_G = np.array(
    [[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
     [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)  # fmt: skip


KERNEL_TO_POINTS = np.kron(_G, _G).astype(np.float32)
"""(36, 9): what the nine weights of a kernel give at every point."""


def winograd_weights(weight: NDArray[np.floating]) -> Floats:
    """Transform (out, in, 3, 3) weights: flat panels [point][out / panel][in][panel]."""
    outputs, inputs = weight.shape[:2]
    width = panel_width(outputs)
    split = weight.reshape(outputs // width, width, inputs, 9).transpose(3, 0, 2, 1)
    return mix(KERNEL_TO_POINTS, np.ascontiguousarray(split, np.float32).ravel())


def conv3(
    x: Floats,
    weights: Floats,
    bias: Floats,
    scale: Floats | None = None,
    shift: Floats | None = None,
    *,
    skip: Floats | None = None,
    residual: Floats | None = None,
    double: bool = False,
    in_place: bool = False,
) -> Floats:
    """Return ``conv(relu(scale * (x [+ skip]) + shift)) + bias [+ residual]``.

    Without a scale and a shift it is ``conv(x [+ skip]) + bias [+ residual]``.

    Parameters
    ----------
    x
        (N, Y, X, C), or half of that size where `double` is true: nearest-neighbour
        doubling comes first.
    weights
        Of `winograd_weights`.
    bias
        (K,), the number of output channels.
    scale, shift
        (C,), and (N, C): one shift for each image.
    skip
        (N, Y, X, C).
    residual
        (N, Y, X, K) or half that size, then doubled.
    double
        Whether x is doubled.
    in_place
        Whether the result takes the place of the residual, which is of the same size then.
    """
    n, height, width, channels = x.shape
    if double:
        height, width = 2 * height, 2 * width
    out = residual if in_place else None
    if out is None:
        out = np.empty((n, height, width, len(bias)), np.float32)
    nothing = np.empty(0, np.float32)
    halved = residual is not None and residual.shape[1] != height
    tiles_x = -(-width // SIDE)
    rows = n * -(-height // SIDE)
    workers = get_num_threads()
    group = min(math.ceil(WANTED_TILES / tiles_x), math.ceil(rows / workers))
    _conv3(
        x.ravel(), weights, bias,
        nothing if scale is None else scale,
        nothing if shift is None else shift.ravel(),
        nothing if skip is None else skip.ravel(),
        nothing if residual is None else residual.ravel(),
        out.ravel(), (n, height, width, channels, len(bias)), double, halved, group, workers,
    )  # fmt: skip
    return out


@njit(inline="always")
def _input_line(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> tuple[Any, ...]:
    """Multiply by Winograd's input matrix."""
    four, five, two = broadcast(np.float32(4)), broadcast(np.float32(5)), broadcast(np.float32(2))
    even, odd = e - four * c, d - four * b
    outer, inner = e - c, two * (d - b)
    return (
        fused(four, a, e) - five * c,
        even + odd,
        even - odd,
        outer + inner,
        outer - inner,
        fused(four, b, f) - five * d,
    )


@njit(inline="always")
def _output_line(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> tuple[Any, ...]:
    """Multiply by Winograd's output matrix."""
    two, four, eight = broadcast(np.float32(2)), broadcast(np.float32(4)), broadcast(np.float32(8))
    p, q, r, s = b + c, b - c, d + e, d - e
    return a + p + r, fused(two, s, q), fused(four, r, p), fused(eight, s, q) + f


@njit(cache=True, nogil=True)
def activate(
    x: Floats,
    skip: Floats,
    scale: Floats,
    shift: Floats,
    seen: Floats,
    shape: tuple[int, ...],
    image: int,
    top: int,
    double: bool,
) -> None:
    """Fill `seen` (6, X + 2.., C) with rows `top` - 1 on, zeros outside the image."""
    height, width, channels = shape[1], shape[2], shape[3]
    half = 1 if double else 0
    line = len(seen) // PATCH
    zero = broadcast(np.float32(0))
    for i in range(PATCH):
        y = top - 1 + i
        if y < 0 or y >= height:
            seen[i * line : (i + 1) * line] = 0
            continue
        source_row = (image * (height >> half) + (y >> half)) * (width >> half)
        skip_row = (image * height + y) * width
        for c in range(0, channels, 8):
            by = plus = zero
            if len(scale):
                by, plus = load(scale, c), load(shift, image * channels + c)
            at = i * line + channels + c
            for column in range(width):
                v = load(x, (source_row + (column >> half)) * channels + c)
                if len(skip):
                    v = v + load(skip, (skip_row + column) * channels + c)
                if len(scale):
                    v = larger(fused(by, v, plus), zero)
                store(seen, at + column * channels, v)


@njit(cache=True, nogil=True)
def read_patches(
    seen: Floats, width: int, channels: int, v: Floats, strides: tuple[int, int, int], first: int
) -> None:
    """Transform the patches of one row of tiles into v; strides of points, tiles, channels."""
    line = len(seen) // PATCH
    plane, tile_stride, channel_stride = strides
    half = np.empty(POINTS * 8, np.float32)
    for tile in range(-(-width // SIDE)):
        for c in range(0, channels, 8):
            at = tile * SIDE * channels + c
            for j in range(PATCH):
                p = at + j * channels
                r = _input_line(
                    load(seen, p), load(seen, p + line), load(seen, p + 2 * line),
                    load(seen, p + 3 * line), load(seen, p + 4 * line), load(seen, p + 5 * line),
                )  # fmt: skip
                store(half, 8 * j, r[0])
                store(half, 8 * (6 + j), r[1])
                store(half, 8 * (12 + j), r[2])
                store(half, 8 * (18 + j), r[3])
                store(half, 8 * (24 + j), r[4])
                store(half, 8 * (30 + j), r[5])
            for i in range(PATCH):
                q = 48 * i
                r = _input_line(
                    load(half, q), load(half, q + 8), load(half, q + 16),
                    load(half, q + 24), load(half, q + 32), load(half, q + 40),
                )  # fmt: skip
                to = 6 * i * plane + (first + tile) * tile_stride + c * channel_stride
                store(v, to, r[0])
                store(v, to + plane, r[1])
                store(v, to + 2 * plane, r[2])
                store(v, to + 3 * plane, r[3])
                store(v, to + 4 * plane, r[4])
                store(v, to + 5 * plane, r[5])


@njit(cache=True, nogil=True)
def _write_tiles(
    m: Floats,
    tiles: int,
    first: int,
    bias: Floats,
    residual: Floats,
    out: Floats,
    shape: tuple[int, ...],
    image: int,
    top: int,
    halved: bool,
) -> None:
    """Transform m [point][tile][channel] back and write one row of tiles."""
    height, width, channels = shape[1], shape[2], shape[4]
    plane = tiles * channels + APART
    half = np.empty(SIDE * PATCH * 8, np.float32)
    shrink = 1 if halved else 0
    for tile in range(-(-width // SIDE)):
        columns = min(SIDE, width - tile * SIDE)
        for c in range(0, channels, 8):
            at = (first + tile) * channels + c
            plus = load(bias, c)
            for j in range(PATCH):
                p = at + j * plane
                r = _output_line(
                    load(m, p), load(m, p + 6 * plane), load(m, p + 12 * plane),
                    load(m, p + 18 * plane), load(m, p + 24 * plane), load(m, p + 30 * plane),
                )  # fmt: skip
                store(half, 8 * j, r[0])
                store(half, 8 * (6 + j), r[1])
                store(half, 8 * (12 + j), r[2])
                store(half, 8 * (18 + j), r[3])
            for i in range(min(SIDE, height - top)):
                q = 48 * i
                r = _output_line(
                    load(half, q), load(half, q + 8), load(half, q + 16),
                    load(half, q + 24), load(half, q + 32), load(half, q + 40),
                )  # fmt: skip
                y = top + i
                row = (image * height + y) * width
                low = (image * (height >> shrink) + (y >> shrink)) * (width >> shrink)
                for j in range(columns):
                    column = tile * SIDE + j
                    value = r[0] if j == 0 else r[1] if j == 1 else r[2] if j == 2 else r[3]
                    value = value + plus
                    if len(residual):
                        value = value + load(residual, (low + (column >> shrink)) * channels + c)
                    store(out, (row + column) * channels + c, value)


@njit(cache=True, nogil=True, parallel=True)
def _conv3(
    x: Floats,
    weights: Floats,
    bias: Floats,
    scale: Floats,
    shift: Floats,
    skip: Floats,
    residual: Floats,
    out: Floats,
    shape: tuple[int, ...],
    double: bool,
    halved: bool,
    group: int,
    workers: int,
) -> None:
    n, height, width, channels, outputs = shape
    rows_of_tiles = -(-height // SIDE)
    tiles_x = -(-width // SIDE)
    total = n * rows_of_tiles
    tiles = -(-group * tiles_x // ROWS) * ROWS
    v_plane, m_plane = tiles * channels + APART, tiles * outputs + APART
    strides = (v_plane, channels, 1)
    for worker in prange(workers):
        seen = np.zeros(PATCH * (tiles_x * SIDE + 2) * channels, np.float32)
        v = np.zeros(POINTS * v_plane, np.float32)
        m = np.empty(POINTS * m_plane, np.float32)
        for begin in range(worker * group, total, workers * group):
            end = min(total, begin + group)
            for row in range(begin, end):
                image, top = row // rows_of_tiles, row % rows_of_tiles * SIDE
                activate(x, skip, scale, shift, seen, shape, image, top, double)
                read_patches(seen, width, channels, v, strides, (row - begin) * tiles_x)
            for point in range(POINTS):
                matmul(
                    v, point * v_plane, tiles, channels, weights,
                    point * channels * outputs, m, point * m_plane, outputs,
                )  # fmt: skip
            for row in range(begin, end):
                image, top = row // rows_of_tiles, row % rows_of_tiles * SIDE
                first = (row - begin) * tiles_x
                _write_tiles(m, tiles, first, bias, residual, out, shape, image, top, halved)
