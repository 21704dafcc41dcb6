"""Where cells are: what every edit asks before it looks at pixels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.runs import Box

Labels = NDArray[np.integer]


class Places(Protocol):
    """Knows where each label is; a `LabelIndex` does."""

    def box(self, label: int) -> Box | None:
        """Return a box that holds all pixels of the label, or None."""


def find(
    labels: Labels, ids: Iterable[int], places: Places | None, *, missing_ok: bool = False
) -> list[tuple[int, Box]]:
    """Return each cell with its box; without `places` the label image is scanned.

    Raises
    ------
    InputError
        If a cell is not in the image, unless `missing_ok`.
    """
    known = LabelIndex(labels) if places is None else places
    found = [(label, known.box(label)) for label in dict.fromkeys(ids)]
    missing = [label for label, box in found if box is None]
    if missing and not missing_ok:
        raise InputError(f"There is no cell {missing[0]}.")
    return [(label, box) for label, box in found if box is not None]


def crop(labels: Labels, box: Box) -> Labels:
    """Return the labels of a box, a view."""
    y0, x0, y1, x1 = box
    return labels[y0:y1, x0:x1]


def grown(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    """Return a box with a margin, cut at the borders of the image."""
    y0, x0, y1, x1 = box
    height, width = shape[-2:]
    return (
        max(0, y0 - margin),
        max(0, x0 - margin),
        min(height, y1 + margin),
        min(width, x1 + margin),
    )
