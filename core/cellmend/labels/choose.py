"""Which cells a person means: those in a shape, of a size, at the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cellmend.labels.index import LabelIndex
from cellmend.labels.paint import polygon
from cellmend.labels.runs import Box


def in_box(index: LabelIndex, box: Box) -> list[int]:
    """Return the cells whose middle, that of their bounding box, lies in a box."""
    y0, x0, y1, x1 = box
    # Middles are compared doubled, so that they stay whole numbers.
    return [
        label
        for label, top, left, bottom, right in index.boxes()
        if 2 * y0 <= top + bottom - 1 < 2 * y1 and 2 * x0 <= left + right - 1 < 2 * x1
    ]


def in_lasso(index: LabelIndex, points: ArrayLike) -> list[int]:
    """Return the cells whose middle lies inside a closed outline (n, 2) of (y, x)."""
    (y0, x0, y1, x1), mask = polygon(points)
    chosen = []
    for label in in_box(index, (y0, x0, y1, x1)):
        box = index.box(label)
        assert box is not None
        y, x = (box[0] + box[2] - 1) // 2, (box[1] + box[3] - 1) // 2
        if y0 <= y < y1 and x0 <= x < x1 and mask[y - y0, x - x0]:
            chosen.append(label)
    return chosen


def of_size(index: LabelIndex, least: int, most: int) -> list[int]:
    """Return the cells of `least` to `most` pixels, both included."""
    return [label for label in index if least <= index.area(label) <= most]


def at_border(index: LabelIndex, shape: tuple[int, ...]) -> list[int]:
    """Return the cells that touch the border of an image of that shape (..., Y, X)."""
    height, width = np.asarray(shape[-2:]).tolist()
    return [
        label
        for label, top, left, bottom, right in index.boxes()
        if top == 0 or left == 0 or bottom == height or right == width
    ]
