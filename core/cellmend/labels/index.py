"""Where each label is, kept up to date patch by patch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box, Runs, label_runs


class _Place:
    __slots__ = ("area", "loose", "x0", "x1", "y0", "y1")

    def __init__(self, y0: int, x0: int, y1: int, x1: int, area: int) -> None:
        self.y0, self.x0, self.y1, self.x1, self.area = y0, x0, y1, x1, area
        self.loose = False


class LabelIndex:
    """Bounding box and area of each label of a 2D label image.

    Built with one scan; afterwards an edit costs as much as the pixels it
    changes. A box that lost pixels is measured again when it is next asked for.

    Parameters
    ----------
    labels
        (Y, X) label image. The index keeps a reference and expects to be told
        of each change with `update` after it was applied.
    """

    def __init__(self, labels: NDArray[np.integer]) -> None:
        self._labels = labels
        self._places = _places(label_runs(labels))
        self._largest = max(self._places, default=0)

    @classmethod
    def of_empty(cls, labels: NDArray[np.integer]) -> LabelIndex:
        """Return the index of an image known to hold no label, without a scan."""
        index = cls.__new__(cls)
        index._labels, index._places, index._largest = labels, {}, 0
        return index

    def __contains__(self, label: int) -> bool:
        return label in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def next_id(self) -> int:
        """A label larger than any used since the index was built."""
        return self._largest + 1

    def ids(self) -> list[int]:
        """Return all labels in ascending order."""
        return sorted(self._places)

    def area(self, label: int) -> int:
        """Return the pixels of a label; 0 if there is none."""
        place = self._places.get(label)
        return 0 if place is None else place.area

    def box(self, label: int) -> Box | None:
        """Return the tight box of a label, or None if it is not in the image."""
        place = self._places.get(label)
        if place is None:
            return None
        if place.loose:
            self._tighten(label, place)
        return place.y0, place.x0, place.y1, place.x1

    def boxes(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Yield each label with its tight box: label, y0, x0, y1, x1."""
        for label, place in self._places.items():
            if place.loose:
                self._tighten(label, place)
            yield label, place.y0, place.x0, place.y1, place.x1

    def update(self, patch: Patch) -> None:
        """Take in a patch that was applied."""
        self._change(patch, gained=4, lost=3)

    def revert(self, patch: Patch) -> None:
        """Take in a patch that was reverted."""
        self._change(patch, gained=3, lost=4)

    def _change(self, patch: Patch, *, gained: int, lost: int) -> None:
        table = patch.run_table()
        rows, cols, lengths = (column.astype(np.int32) for column in table[:3])
        for label, place in _places(_positive(rows, cols, lengths, table[gained])).items():
            self._gain(label, place)
        for label, place in _places(_positive(rows, cols, lengths, table[lost])).items():
            self._lose(label, place.area)

    def _gain(self, label: int, more: _Place) -> None:
        place = self._places.get(label)
        self._largest = max(self._largest, label)
        if place is None:
            self._places[label] = more
            return
        place.y0, place.x0 = min(place.y0, more.y0), min(place.x0, more.x0)
        place.y1, place.x1 = max(place.y1, more.y1), max(place.x1, more.x1)
        place.area += more.area

    def _lose(self, label: int, pixels: int) -> None:
        place = self._places[label]
        place.area -= pixels
        place.loose = True
        if place.area == 0:
            del self._places[label]

    def _tighten(self, label: int, place: _Place) -> None:
        inside = self._labels[place.y0 : place.y1, place.x0 : place.x1] == label
        ys = np.flatnonzero(inside.any(axis=1))
        xs = np.flatnonzero(inside.any(axis=0))
        place.y0, place.y1 = place.y0 + int(ys[0]), place.y0 + int(ys[-1]) + 1
        place.x0, place.x1 = place.x0 + int(xs[0]), place.x0 + int(xs[-1]) + 1
        place.loose = False


def _positive(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    lengths: NDArray[np.int32],
    values: NDArray[np.integer],
) -> Runs:
    kept = values != 0
    return Runs(rows[kept], cols[kept], lengths[kept], values[kept].astype(np.uint32))


def _places(runs: Runs) -> dict[int, _Place]:
    """Measure each label from its runs."""
    if len(runs.values) == 0:
        return {}
    order = np.argsort(runs.values, kind="stable")
    values, rows, cols = runs.values[order], runs.rows[order], runs.cols[order]
    lengths = runs.lengths[order]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    columns = (
        values[starts],
        np.minimum.reduceat(rows, starts),
        np.minimum.reduceat(cols, starts),
        np.maximum.reduceat(rows, starts) + 1,
        np.maximum.reduceat(cols + lengths, starts),
        np.add.reduceat(lengths.astype(np.int64), starts),
    )
    table = zip(*(column.tolist() for column in columns), strict=True)
    return {label: _Place(*place) for label, *place in table}
