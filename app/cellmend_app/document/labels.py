"""The labels on show: the one place that writes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box

__all__ = ["Box", "LabelModel", "Labels", "as_labels"]

Labels = NDArray[np.uint32]


class LabelModel(QObject):
    """Labels of an image or a stack, changed only through patches or as a whole.

    Patches are written to the plane on show.

    Signals
    -------
    edited(box)
        Pixels inside `box` (y0, x0, y1, x1) of the plane on show changed.
    replaced()
        Any label of any plane may have changed.
    """

    edited = pyqtSignal(object)
    replaced = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plane = 0
        self._take(np.zeros((1, 1), np.uint32))

    @property
    def array(self) -> Labels:
        """The plane on show, (Y, X) uint32, a read-only view that stays current."""
        return _read_only(self._planes[self._plane])

    @property
    def full(self) -> Labels:
        """All planes, uint32 (..., Y, X), a read-only view that stays current."""
        return _read_only(self._labels)

    @property
    def plane(self) -> int:
        """Which plane is on show, counted from 0."""
        return self._plane

    @plane.setter
    def plane(self, index: int) -> None:
        self._plane = min(max(index, 0), len(self._planes) - 1)

    @property
    def index(self) -> LabelIndex:
        """Where each cell of the plane on show is."""
        return self._indexes[self._plane]

    @property
    def count(self) -> int:
        """How many cells there are, in all planes together."""
        return len(self._indexes[0]) if len(self._indexes) == 1 else len(self.ids)

    @property
    def ids(self) -> list[int]:
        """Every id in use, ascending."""
        return sorted(set().union(*self._indexes))

    def __contains__(self, label: int) -> bool:
        return any(label in index for index in self._indexes)

    def next_id(self) -> int:
        """Return an id above every id in use, and above those undone: none is given twice."""
        return max(index.next_id for index in self._indexes)

    def box(self, label: int) -> Box | None:
        """Return the box of a cell in the plane on show, None if it is not there."""
        return self.index.box(label)

    def apply(self, patch: Patch) -> None:
        """Write a patch into the plane on show."""
        patch.apply(self._planes[self._plane])
        self.index.update(patch)
        self.edited.emit(patch.box)

    def revert(self, patch: Patch) -> None:
        """Take a patch, the last one written to these pixels, out of the plane on show."""
        patch.revert(self._planes[self._plane])
        self.index.revert(patch)
        self.edited.emit(patch.box)

    def replace(self, labels: NDArray[np.integer]) -> None:
        """Show other labels, (..., Y, X); the array given is copied.

        Raises
        ------
        InputError
            If they are no ids.
        """
        self.swap(as_labels(labels))

    def swap(self, labels: Labels) -> Labels:
        """Take over `labels` without a copy, and hand back the array used so far.

        Whoever gave the array must not write to it any more.
        """
        former = self._labels
        self._take(labels)
        self.replaced.emit()
        return former

    def _take(self, labels: Labels) -> None:
        self._labels = np.ascontiguousarray(labels)
        self._planes = self._labels.reshape(-1, *labels.shape[-2:])
        self._indexes = [LabelIndex(plane) for plane in self._planes]
        self.plane = self._plane


def as_labels(labels: NDArray[np.integer]) -> Labels:
    """Return a uint32 copy of an array of ids.

    Raises
    ------
    InputError
        If the numbers are not whole, are negative or do not fit 32 bits.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise InputError(f"Labels must be whole numbers, not {array.dtype}.")
    limit = np.iinfo(np.uint32).max
    if array.dtype != np.uint32 and array.size and (array.min() < 0 or array.max() > limit):
        raise InputError("Labels must be between 0 and 4,294,967,295.")
    return array.astype(np.uint32, order="C", copy=True)


def _read_only(array: Labels) -> Labels:
    view = array.view()
    view.flags.writeable = False
    return view
