"""Outlines of cells as lines between pixels, for views in which pixels are large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF

from cellmend.labels.runs import Box, label_runs


@dataclass(frozen=True, eq=False)
class Edges:
    """Sides of cells.

    Parameters
    ----------
    labels
        uint32 (n,), the cell of each line.
    ends
        float64 (n, 4): x and y of its one end, then of the other, in pixels.
    """

    labels: NDArray[np.uint32]
    ends: NDArray[np.float64]

    def lines(self, chosen: NDArray[np.bool_]) -> list[QLineF]:
        """Return some of the lines for a painter."""
        return [QLineF(*ends) for ends in self.ends[chosen].tolist()]


def edges_in(labels: NDArray[np.uint32], box: Box, inset: float) -> Edges:
    """Return the sides of cells in a box of a plane (Y, X), drawn `inset` pixels inside them.

    Sides at the border of the image are left out. Straight neighbours are one line.
    """
    y0, x0, y1, x1 = box
    top, left = max(0, y0 - 1), max(0, x0 - 1)
    crop = labels[top : y1 + 1, left : x1 + 1]
    found = []
    for flipped in (False, True):
        plane = crop.T if flipped else crop
        for first in (True, False):
            rows, starts, stops, values = _sides(plane, first)
            along = rows + (inset if first else 1 - inset)
            ends = (starts + inset, along, stops - inset, along)
            x_a, y_a, x_b, y_b = (ends[i] for i in ((1, 0, 3, 2) if flipped else (0, 1, 2, 3)))
            found.append((values, np.stack([x_a + left, y_a + top, x_b + left, y_b + top], axis=1)))
    return Edges(
        np.concatenate([values for values, _ in found]),
        np.concatenate([ends for _, ends in found]),
    )


def _sides(
    plane: NDArray[np.uint32], first: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint32]]:
    """Return row, start and end column, and label of the upper or lower sides of cells."""
    differs = plane[1:] != plane[:-1]
    marked = np.zeros_like(plane)
    target = slice(1, None) if first else slice(None, -1)
    marked[target] = np.where(differs, plane[target], 0)
    runs = label_runs(marked)
    return runs.rows, runs.cols, runs.cols + runs.lengths, runs.values
