"""A brush stroke in progress."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.paint import clip
from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box

Overlap = Literal["keep", "replace"]


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
        ``"keep"`` paints background only; ``"replace"`` also paints over other cells.
        An eraser (`value` 0) always replaces.
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
        self._moves: list[Patch] = []

    def add(self, box: Box, mask: NDArray[np.bool_]) -> Patch:
        """Return the change of one move: empty if there is none, else its `box` is what changes."""
        (y0, x0, y1, x1), inside = clip((box, mask), self._labels.shape)
        under = self._labels[y0:y1, x0:x1]
        free = under != self._value if self._only is None else under == self._only
        patch = Patch.between(self._labels, (y0, x0, y1, x1), inside & free, self._value)
        if patch:
            self._moves.append(patch)
        return patch

    def patch(self) -> Patch:
        """Return the stroke so far as one change."""
        return Patch.merge(self._moves)
