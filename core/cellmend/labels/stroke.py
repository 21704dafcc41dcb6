"""A brush stroke in progress."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.paint import clip
from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box

Overlap = Literal["keep", "replace", "exclude"]
"""What becomes of pixels of other cells: they stay, they are painted over, or they become
background, so that contested pixels belong to no cell."""


class StrokeBuilder:
    """Turns the moves of a brush into patches, and the whole stroke into one.

    Each patch that `add` returns must be applied before the next move: pixels
    already painted then hold the value and are not recorded twice.

    Parameters
    ----------
    labels
        (Y, X) label image; only read.
    value
        The label to paint; 0 erases.
    overlap
        What becomes of pixels of other cells. An eraser (`value` 0) always replaces.
    only
        Paint only over pixels that hold this label, e.g. to erase one cell alone.
    """

    def __init__(
        self,
        labels: NDArray[np.integer],
        value: int,
        overlap: Overlap = "keep",
        *,
        only: int | None = None,
    ) -> None:
        self._labels = labels
        self._value = value
        self._only = 0 if only is None and overlap == "keep" and value else only
        self._contested: NDArray[np.bool_] | None = None
        if overlap == "exclude" and value and only is None:
            # Only the pages that are written take memory, so that this costs nothing.
            self._contested = np.zeros(labels.shape, dtype=bool)
        self._moves: list[Patch] = []

    def add(self, box: Box, mask: NDArray[np.bool_]) -> Patch:
        """Return the change of one move: empty if there is none, else its `box` is what changes."""
        (y0, x0, y1, x1), inside = clip((box, mask), self._labels.shape)
        under = self._labels[y0:y1, x0:x1]
        if self._contested is not None:
            patch = self._exclude((y0, x0, y1, x1), inside, self._contested[y0:y1, x0:x1])
        else:
            free = under != self._value if self._only is None else under == self._only
            patch = Patch.between(self._labels, (y0, x0, y1, x1), inside & free, self._value)
        if patch:
            self._moves.append(patch)
        return patch

    def _exclude(self, box: Box, inside: NDArray[np.bool_], contested: NDArray[np.bool_]) -> Patch:
        """Paint background, clear other cells, and never paint what was cleared."""
        y0, x0, y1, x1 = box
        under = self._labels[y0:y1, x0:x1]
        contested |= inside & (under != 0) & (under != self._value)
        mask = inside & ((under == 0) ^ contested) & (under != self._value)
        return Patch.between(self._labels, box, mask, np.where(under[mask] == 0, self._value, 0))

    def patch(self) -> Patch:
        """Return the stroke so far as one change."""
        return Patch.merge(self._moves)
