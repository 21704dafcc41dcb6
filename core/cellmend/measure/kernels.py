"""What takes a loop per cell: perimeters, convex hulls, and sorting the pixels of each cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_NOWHERE = np.int64(1) << 40
"""The edge of a row in which a cell has no pixel; beyond every column."""

# What a border pixel adds to the perimeter, by 2 per border neighbour beside it and 10 per
# border neighbour across a corner (Benkrid and Crookes 2000, as in scikit-image).
_LENGTHS = np.zeros(50)
_LENGTHS[[4, 6, 14, 16, 24, 26]] = 1
_LENGTHS[[20, 32]] = np.sqrt(2)
_LENGTHS[[12, 22]] = (1 + np.sqrt(2)) / 2


@njit(cache=True, nogil=True)
def sort_within(values: NDArray[Any], first: NDArray[np.int64]) -> None:
    """Sort ``values[first[i]:first[i + 1]]`` for each i, in place."""
    for i in range(len(first) - 1):
        values[first[i] : first[i + 1]].sort()


@njit(cache=True, nogil=True)
def perimeters(
    planes: NDArray[np.uint32],
    edges: NDArray[np.bool_],
    first: NDArray[np.int64],
    runs: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the length of each cell's border in pixels.

    Parameters
    ----------
    planes
        Labels (N, Y, X).
    edges
        Where a cell meets another label or the border of the image, of the same shape.
    first
        Where the runs of each cell begin in `runs`, and after the last, their end.
    runs
        (n, 4): plane, row, first column and the column after the last of each run of pixels.
    """
    result = np.zeros(len(first) - 1)
    for i in range(len(result)):
        for run in range(first[i], first[i + 1]):
            plane, y, start, end = runs[run]
            labels, edge = planes[plane], edges[plane]
            for x in range(start, end):
                if edge[y, x]:
                    result[i] += _LENGTHS[_neighbourhood(labels, edge, y, x)]
    return result


@njit(cache=True, nogil=True)
def _neighbourhood(labels: NDArray[np.uint32], edge: NDArray[np.bool_], y: int, x: int) -> int:
    height, width = labels.shape
    code = 0
    for v in range(max(y - 1, 0), min(y + 2, height)):
        for u in range(max(x - 1, 0), min(x + 2, width)):
            if edge[v, u] and labels[v, u] == labels[y, x] and (v != y or u != x):
                code += 2 if v == y or u == x else 10
    return code


@njit(cache=True, nogil=True)
def hulls(
    first: NDArray[np.int64], runs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixels in the convex hull of each cell, and its largest extent in pixels.

    The hull is that of the middles of the pixels' edges; the extent (maximum Feret
    diameter) is that of the pixels in it. The parameters are those of `perimeters`;
    the runs of each cell go from its first row to its last.
    """
    count = len(first) - 1
    areas = np.zeros(count, np.int64)
    ferets = np.zeros(count)
    for i in range(count):
        top, bottom = runs[first[i], 1], runs[first[i + 1] - 1, 1]
        left = np.full(bottom - top + 1, _NOWHERE)
        right = np.full(bottom - top + 1, _NOWHERE)  # mirrored, so that both sides are minima
        for run in range(first[i], first[i + 1]):
            _, row, start, end = runs[run]
            left[row - top] = min(left[row - top], start)
            right[row - top] = min(right[row - top], 1 - end)
        left, right = _hull_side(left), _hull_side(right)
        for y in range(len(left)):
            areas[i] += 1 - right[y] - left[y]
        ferets[i] = _largest_distance(left, right)
    return areas, ferets


# Coordinates below are doubled, so that the middles of edges are whole numbers: entry 2y + 1
# of a side belongs to row y, the entries beside it to the upper and lower edges of that row.


@njit(cache=True, nogil=True)
def _corners(side: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the convex hull of one side has its corners, top down: rows and columns."""
    edge = np.full(2 * len(side) + 1, _NOWHERE)
    for y in range(len(side)):
        if side[y] != _NOWHERE:
            edge[2 * y + 1] = min(edge[2 * y + 1], 2 * side[y] - 1)
            edge[2 * y] = min(edge[2 * y], 2 * side[y])
            edge[2 * y + 2] = min(edge[2 * y + 2], 2 * side[y])
    ys = np.empty(len(edge), np.int64)
    n = 0
    for y in range(len(edge)):
        if edge[y] == _NOWHERE:
            continue
        while n > 1:  # drop the last corner where it does not stick out
            a, b = ys[n - 2], ys[n - 1]
            if (edge[b] - edge[a]) * (y - b) < (edge[y] - edge[b]) * (b - a):
                break
            n -= 1
        ys[n] = y
        n += 1
    return ys[:n], edge[ys[:n]]


@njit(cache=True, nogil=True)
def _hull_side(side: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first column inside the hull for every row of one side."""
    ys, xs = _corners(side)
    filled = np.empty(len(side), np.int64)
    part = 0
    for y in range(len(side)):
        while ys[part + 1] < 2 * y + 1:
            part += 1
        height = ys[part + 1] - ys[part]
        rise = (xs[part + 1] - xs[part]) * (2 * y + 1 - ys[part])
        filled[y] = -((-xs[part] * height - rise) // (2 * height))  # rounded up
    return filled


@njit(cache=True, nogil=True)
def _largest_distance(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    ly, lx = _corners(left)
    ry, rx = _corners(right)
    ys, xs = np.concatenate((ly, ry)), np.concatenate((lx, -rx))
    largest = 0
    for i in range(len(ys)):
        for j in range(i):
            largest = max(largest, (ys[i] - ys[j]) ** 2 + (xs[i] - xs[j]) ** 2)
    return float(np.sqrt(largest) / 2)
