"""A matrix product for inside kernels: small, single-threaded, sums kept in registers."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.net.simd import broadcast, fused, load, repeat, store

Floats = NDArray[np.float32]

ROWS = 6
"""Rows of the block of sums that is kept in registers."""
BLOCK = 256
"""Values of a plane that are mixed at a time: planes lie at the same places of the cache."""


def panels(matrix: NDArray[np.floating]) -> Floats:
    """Lay out a (rows, columns) matrix: flat panels [column / width][row][width]."""
    rows, columns = matrix.shape
    width = panel_width(columns)
    split = matrix.reshape(rows, columns // width, width).transpose(1, 0, 2)
    return np.ascontiguousarray(split, np.float32).ravel()


def mix(matrix: NDArray[np.float32], planes: Floats) -> Floats:
    """Return ``matrix @ planes`` for (columns, length) planes laid out flat."""
    made = np.empty(len(matrix) * (len(planes) // matrix.shape[1]), np.float32)
    _mix(matrix, planes, made)
    return made


def panel_width(channels: int) -> int:
    """Return how many outputs are summed side by side."""
    return 16 if channels % 16 == 0 else 8


@njit(inline="always")
def _multiply(
    a: Floats,
    at: int,
    depth: int,
    b: Floats,
    bt: int,
    out: Floats,
    to: int,
    stride: int,
    wide: bool,
) -> None:
    """Write six rows of a matrix product, 16 columns (or 8 where not `wide`)."""
    z = broadcast(np.float32(0))
    c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = z
    if wide:
        for k in range(depth):
            b0, b1 = load(b, bt + 16 * k), load(b, bt + 16 * k + 8)
            v = repeat(a, at + k)
            c00, c01 = fused(v, b0, c00), fused(v, b1, c01)
            v = repeat(a, at + depth + k)
            c10, c11 = fused(v, b0, c10), fused(v, b1, c11)
            v = repeat(a, at + 2 * depth + k)
            c20, c21 = fused(v, b0, c20), fused(v, b1, c21)
            v = repeat(a, at + 3 * depth + k)
            c30, c31 = fused(v, b0, c30), fused(v, b1, c31)
            v = repeat(a, at + 4 * depth + k)
            c40, c41 = fused(v, b0, c40), fused(v, b1, c41)
            v = repeat(a, at + 5 * depth + k)
            c50, c51 = fused(v, b0, c50), fused(v, b1, c51)
        store(out, to + 8, c01)
        store(out, to + stride + 8, c11)
        store(out, to + 2 * stride + 8, c21)
        store(out, to + 3 * stride + 8, c31)
        store(out, to + 4 * stride + 8, c41)
        store(out, to + 5 * stride + 8, c51)
    else:
        for k in range(depth):
            b0 = load(b, bt + 8 * k)
            c00 = fused(repeat(a, at + k), b0, c00)
            c10 = fused(repeat(a, at + depth + k), b0, c10)
            c20 = fused(repeat(a, at + 2 * depth + k), b0, c20)
            c30 = fused(repeat(a, at + 3 * depth + k), b0, c30)
            c40 = fused(repeat(a, at + 4 * depth + k), b0, c40)
            c50 = fused(repeat(a, at + 5 * depth + k), b0, c50)
    store(out, to, c00)
    store(out, to + stride, c10)
    store(out, to + 2 * stride, c20)
    store(out, to + 3 * stride, c30)
    store(out, to + 4 * stride, c40)
    store(out, to + 5 * stride, c50)


@njit(cache=True, nogil=True)
def matmul(
    a: Floats,
    at: int,
    rows: int,
    depth: int,
    b: Floats,
    bt: int,
    out: Floats,
    to: int,
    columns: int,
) -> None:
    """Write (rows, columns) = a (rows, depth) @ b in panels; rows a multiple of six."""
    wide = columns % 16 == 0
    panel = 16 if wide else 8
    for column in range(0, columns, panel):
        start = bt + column * depth
        for row in range(0, rows, 6):
            _multiply(
                a, at + row * depth, depth, b, start, out, to + row * columns + column, columns,
                wide,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _mix(matrix: Floats, planes: Floats, out: Floats) -> None:
    rows, columns = matrix.shape
    length = len(planes) // columns
    for begin in range(0, length, BLOCK):
        for row in range(rows):
            for at in range(begin, min(begin + BLOCK, length), 8):
                total = broadcast(np.float32(0))
                for column in range(columns):
                    factor = broadcast(matrix[row, column])
                    total = fused(factor, load(planes, column * length + at), total)
                store(out, row * length + at, total)


@njit(cache=True, nogil=True)
def add_outer(
    a: Floats, at: int, a_rows: int, b: Floats, bt: int, b_rows: int, depth: int, stride: int,
    out: Floats, to: int,
) -> None:  # fmt: skip
    """Add a @ b.T to out (a_rows, b_rows).

    Of a and b eight rows lie side by side: [row / 8][column][8], `depth` of `stride`
    columns count.
    """
    for i in range(0, a_rows, 8):
        for j in range(0, b_rows, 16):
            for half in range(2):
                first, second = at + i * stride + 4 * half, bt + j * stride
                _add_outer(
                    a, first, b, second, second + 8 * stride, depth, out,
                    to + (i + 4 * half) * b_rows + j, b_rows, j + 8 < b_rows,
                )  # fmt: skip


@njit(inline="always")
def _add_outer(
    a: Floats, at: int, b: Floats, bt: int, bt1: int, depth: int, out: Floats, to: int,
    stride: int, wide: bool,
) -> None:  # fmt: skip
    """Add four rows, 16 columns (or 8 where not `wide`)."""
    c00, c10 = load(out, to), load(out, to + stride)
    c20, c30 = load(out, to + 2 * stride), load(out, to + 3 * stride)
    if wide:
        c01, c11 = load(out, to + 8), load(out, to + stride + 8)
        c21, c31 = load(out, to + 2 * stride + 8), load(out, to + 3 * stride + 8)
        for k in range(0, 8 * depth, 8):
            b0, b1 = load(b, bt + k), load(b, bt1 + k)
            v = repeat(a, at + k)
            c00, c01 = fused(v, b0, c00), fused(v, b1, c01)
            v = repeat(a, at + k + 1)
            c10, c11 = fused(v, b0, c10), fused(v, b1, c11)
            v = repeat(a, at + k + 2)
            c20, c21 = fused(v, b0, c20), fused(v, b1, c21)
            v = repeat(a, at + k + 3)
            c30, c31 = fused(v, b0, c30), fused(v, b1, c31)
        store(out, to + 8, c01)
        store(out, to + stride + 8, c11)
        store(out, to + 2 * stride + 8, c21)
        store(out, to + 3 * stride + 8, c31)
    else:
        for k in range(0, 8 * depth, 8):
            b0 = load(b, bt + k)
            c00 = fused(repeat(a, at + k), b0, c00)
            c10 = fused(repeat(a, at + k + 1), b0, c10)
            c20 = fused(repeat(a, at + k + 2), b0, c20)
            c30 = fused(repeat(a, at + k + 3), b0, c30)
    store(out, to, c00)
    store(out, to + stride, c10)
    store(out, to + 2 * stride, c20)
    store(out, to + 3 * stride, c30)
