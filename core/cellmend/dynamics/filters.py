"""Kernels that renumber labels, fill their holes and average over them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.dynamics.regions import Areas, Boxes, Labels

Box = NDArray[np.int32]

OUTSIDE = 1
CELL = 2


@njit(cache=True, nogil=True)
def renumber(labels: Labels, keep: NDArray[np.bool_], table: Labels) -> int:
    """Renumber the kept labels from 1 in the order they are met, in place; drop the others.

    Parameters
    ----------
    labels
        int32, flat.
    keep
        Indexed by label, whether it stays.
    table
        Indexed by label, all zero: receives the new label of each.

    Returns
    -------
    int
        How many labels there are now.
    """
    count = 0
    for i in range(labels.size):
        label = labels[i]
        if label == 0:
            continue
        if not keep[label]:
            labels[i] = 0
            continue
        if table[label] == 0:
            count += 1
            table[label] = count
        labels[i] = table[label]
    return count


@njit(cache=True, nogil=True)
def label_sums(labels: Labels, values: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
    """Add up `values` for each label; both arrays are flat, `sums` is indexed by label."""
    for i in range(labels.size):
        if labels[i] > 0:
            sums[labels[i]] += values[i]


@njit(cache=True, nogil=True)
def _has_gap(labels: Labels, label: int, box: Box) -> bool:
    """Tell whether a row of the cell is interrupted, as every row through a hole is."""
    z0, z1, y0, y1, x0, x1 = box
    for z in range(z0, z1):
        for y in range(y0, y1):
            last = x1
            for x in range(x0, x1):
                if labels[z, y, x] == label:
                    if x > last + 1:
                        return True
                    last = x
    return False


@njit(cache=True, nogil=True)
def _padded_block(labels: Labels, label: int, box: Box, rim: int) -> NDArray[np.uint8]:
    """Return the cell's box as 0 and `CELL`, with a rim of 1 in the plane and `rim` along Z."""
    z0, z1, y0, y1, x0, x1 = box
    block = np.zeros((z1 - z0 + 2 * rim, y1 - y0 + 2, x1 - x0 + 2), np.uint8)
    for z in range(z0, z1):
        for y in range(y0, y1):
            for x in range(x0, x1):
                if labels[z, y, x] == label:
                    block[z - z0 + rim, y - y0 + 1, x - x0 + 1] = CELL
    return block


@njit(cache=True, nogil=True)
def _flood(block: NDArray[np.uint8], strides: NDArray[np.int64]) -> None:
    """Mark what can be reached from the flat block's first element without entering the cell."""
    stack = np.empty(block.size, np.int64)
    block[0] = OUTSIDE
    stack[0] = 0
    count = 1
    while count > 0:
        count -= 1
        here = stack[count]
        for stride in strides:
            for there in (here - stride, here + stride):
                if 0 <= there < block.size and block[there] == 0:
                    block[there] = OUTSIDE
                    stack[count] = there
                    count += 1


@njit(cache=True, nogil=True)
def fill_holes(labels: Labels, boxes: Boxes, areas: Areas, rim: int, first: int, last: int) -> None:
    """Give each label every pixel it encloses, in order, in place.

    Parameters
    ----------
    labels
        int32 ``(Z, Y, X)``.
    boxes
        ``(n + 1, 6)`` bounding boxes.
    areas
        int64 ``(n + 1,)`` pixel counts, kept up to date.
    rim
        1 where a hole must be closed along Z too, 0 where planes stand for themselves. The
        outside is connected across faces (edges of a pixel, in a plane), as in
        `scipy.ndimage.binary_fill_holes`.
    first, last
        The labels ``first <= label < last`` are filled.
    """
    for label in range(first, last):
        z0, z1, y0, y1, x0, x1 = boxes[label]
        if not _has_gap(labels, label, boxes[label]):
            continue
        block = _padded_block(labels, label, boxes[label], rim)
        width = block.shape[2]
        plane = width * block.shape[1]
        strides = np.array((1, width, plane))
        _flood(block.ravel(), strides[: 2 + rim])
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if block[z - z0 + rim, y - y0 + 1, x - x0 + 1] == 0:
                        areas[labels[z, y, x]] -= 1
                        areas[label] += 1
                        labels[z, y, x] = label
    areas[0] = 0
