"""The labels on show: the one place that writes them."""

from __future__ import annotations

import itertools
import weakref
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box

__all__ = ["Box", "LabelContent", "LabelModel", "Labels", "Snapshot"]

Labels = NDArray[np.uint32]


class LabelContent:
    """Labels with the index of where each cell is: what a `LabelModel` shows.

    Making one takes time on large images; it may be done in any thread.

    Parameters
    ----------
    labels
        uint32 (..., Y, X), C-contiguous; taken over, so nobody else may write to it.
    """

    _snapshots: list[weakref.ref[Snapshot]]

    def __init__(self, labels: Labels) -> None:
        self._take(labels, LabelIndex)

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> LabelContent:
        """Return labels without any cell; takes no time and, until drawn to, no memory."""
        content = cls.__new__(cls)
        content._take(np.zeros(shape, np.uint32), LabelIndex.of_empty)
        return content

    def snapshot(self) -> Snapshot:
        """Return the labels as they are now, to be copied in another thread."""
        self._snapshots = [known for known in self._snapshots if known() is not None]
        snapshot = Snapshot(self)
        self._snapshots.append(weakref.ref(snapshot))
        return snapshot

    def write(self, plane: int, patch: Patch, *, back: bool = False) -> None:
        """Apply a patch to a plane, or with `back` revert it."""
        for known in self._snapshots:
            snapshot = known()
            if snapshot is not None:
                snapshot.note(plane, patch, back=back)
        index, ids = self.indexes[plane], patch.ids()
        before = {label for label in ids if label in index}
        if back:
            patch.revert(self.planes[plane])
            index.revert(patch)
        else:
            patch.apply(self.planes[plane])
            index.update(patch)
        after = {label for label in ids if label in index}
        self.spread.update(after - before)
        for label in before - after:
            self.spread[label] -= 1
            if not self.spread[label]:
                del self.spread[label]

    def _take(self, labels: Labels, index: Callable[[Labels], LabelIndex]) -> None:
        self.labels = labels
        self._snapshots = []
        self.planes = labels.reshape(-1, *labels.shape[-2:])
        self.indexes = [index(plane) for plane in self.planes]
        # In how many planes each cell is: kept up to date, so that nobody has to look.
        self.spread = Counter(itertools.chain.from_iterable(self.indexes))

    @classmethod
    def of(cls, labels: NDArray[np.integer], *, copy: bool = True) -> LabelContent:
        """Copy an array of ids; without `copy` take it over, if nobody else holds it.

        Raises
        ------
        InputError
            If the numbers are not whole, are negative or do not fit 32 bits.
        """
        return cls(as_labels(labels, copy=copy))


class Snapshot:
    """Labels as they were when it was made; to be copied once, in any thread.

    Making one takes no time. People go on editing while the copy is made: what is written
    to the labels until it is ready is noted here, and taken out of it again.
    """

    def __init__(self, content: LabelContent) -> None:
        self._content = content
        self._later: list[tuple[int, Patch, bool]] | None = []

    def note(self, plane: int, patch: Patch, *, back: bool) -> None:
        """Remember a patch that is about to be written, or with `back` reverted."""
        later = self._later
        if later is not None:
            later.append((plane, patch, back))

    def copy(self) -> Labels:
        """Return the labels, uint32 (..., Y, X)."""
        labels = self._content.labels.copy()
        planes = labels.reshape(-1, *labels.shape[-2:])
        for plane, patch, back in self._end():
            (patch.apply if back else patch.revert)(planes[plane])
        return labels

    def copy_plane(self, plane: int) -> Labels:
        """Return the labels of one plane alone, uint32 (Y, X)."""
        labels: Labels = self._content.planes[plane].copy()
        for at, patch, back in self._end():
            if at == plane:
                (patch.apply if back else patch.revert)(labels)
        return labels

    def _end(self) -> Iterable[tuple[int, Patch, bool]]:
        """Return what was written since, the last first, after a copy was made.

        Each pixel ends as it was before the first of these patches, whether the copy was made
        before, while or after it was written.
        """
        if self._later is None:
            raise RuntimeError("A snapshot can be copied once.")
        later, self._later = self._later, None
        return reversed(later)


class LabelModel(QObject):
    """Labels of an image or a stack, changed only through patches or as a whole.

    Patches are written to the plane on show.

    Signals
    -------
    edited(boxes)
        A patch was written. Inside these boxes (y0, x0, y1, x1) pixels of the plane on show
        changed; there are none if another plane did.
    replaced()
        Any label of any plane may have changed.
    """

    edited = pyqtSignal(object)
    replaced = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plane = 0
        self._content = LabelContent.empty((1, 1))

    @property
    def array(self) -> Labels:
        """The plane on show, (Y, X) uint32, a read-only view that stays current."""
        return _read_only(self._content.planes[self._plane])

    @property
    def full(self) -> Labels:
        """All planes, uint32 (..., Y, X), a read-only view that stays current."""
        return _read_only(self._content.labels)

    def snapshot(self) -> Snapshot:
        """Return all planes as they are now, to be copied in another thread."""
        return self._content.snapshot()

    @property
    def plane(self) -> int:
        """Which plane is on show, counted from 0."""
        return self._plane

    @plane.setter
    def plane(self, index: int) -> None:
        self._plane = min(max(index, 0), len(self._content.planes) - 1)

    @property
    def index(self) -> LabelIndex:
        """Where each cell of the plane on show is."""
        return self._content.indexes[self._plane]

    @property
    def count(self) -> int:
        """How many ids are in use, in all planes together."""
        return len(self._content.spread)

    def count_cells(self, depth: int) -> int:
        """Return how many cells there are where an id is one cell in `depth` planes, one frame."""
        indexes = self._content.indexes
        if depth == len(indexes):
            return self.count
        if depth == 1:
            return sum(map(len, indexes))
        starts = range(0, len(indexes), depth)
        return sum(len(set().union(*indexes[start : start + depth])) for start in starts)

    @property
    def ids(self) -> list[int]:
        """Every id in use, ascending."""
        return sorted(self._content.spread)

    def __contains__(self, label: int) -> bool:
        return label in self._content.spread

    def plane_labels(self, plane: int) -> Labels:
        """Return any plane, (Y, X) uint32, a read-only view that stays current."""
        return _read_only(self._content.planes[plane])

    def plane_index(self, plane: int) -> LabelIndex:
        """Return where each cell of any plane is."""
        return self._content.indexes[plane]

    def next_id(self) -> int:
        """Return an id above every id in use, and above those undone: none is given twice."""
        return max(index.next_id for index in self._content.indexes)

    def box(self, label: int) -> Box | None:
        """Return the box of a cell in the plane on show, None if it is not there."""
        return self.index.box(label)

    def apply(self, patch: Patch, plane: int | None = None) -> None:
        """Write a patch into a plane, by default the one on show."""
        self._write(patch, plane, back=False)

    def revert(self, patch: Patch, plane: int | None = None) -> None:
        """Take a patch, the last one written to these pixels, out of a plane."""
        self._write(patch, plane, back=True)

    def _write(self, patch: Patch, plane: int | None, *, back: bool) -> None:
        plane = self._plane if plane is None else plane
        self._content.write(plane, patch, back=back)
        self.edited.emit(patch.boxes() if plane == self._plane else [])

    def replace(self, labels: NDArray[np.integer]) -> None:
        """Show other labels, (..., Y, X); the array given is copied.

        Raises
        ------
        InputError
            If they are no ids.
        """
        self.swap(LabelContent.of(labels))

    def swap(self, content: LabelContent) -> LabelContent:
        """Show other labels without a copy, and hand back those shown so far."""
        former, self._content = self._content, content
        self.plane = self._plane
        self.replaced.emit()
        return former


def as_labels(labels: NDArray[np.integer], *, copy: bool = True) -> Labels:
    """Return a uint32 copy of an array of ids; without `copy` itself, if it can be edited.

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
    if copy:
        return array.astype(np.uint32, order="C", copy=True)
    return np.require(array, np.uint32, ["C", "W"])


def _read_only(array: Labels) -> Labels:
    view = array.view()
    view.flags.writeable = False
    return view
