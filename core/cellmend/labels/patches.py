"""A change to a label image: which pixels, what they held, what they hold now.

A patch keeps runs of pixels in absolute coordinates, so that its size follows
the number of pixels that really change and not the area of its box: deleting
two cells in opposite corners of an 8192² image takes a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.runs import Box, expand

SQUARE = 256
"""Side of the squares in which `Patch.boxes` gathers changes, in pixels."""


class Patch:
    """A change that can be applied and reverted exactly; pixels that stay equal are dropped.

    Parameters
    ----------
    box
        ``(y0, x0, y1, x1)``, ends exclusive, inside the image.
    mask
        Boolean (h, w): the pixels of the box that change.
    before
        Their labels before, 1D in row order, one per True of `mask`.
    after
        Their labels after: the same, or one number for all.
    """

    __slots__ = ("_after", "_before", "_cols", "_lengths", "_rows", "box")

    def __init__(
        self,
        box: Box,
        mask: NDArray[np.bool_],
        before: NDArray[np.integer],
        after: NDArray[np.integer] | int,
    ) -> None:
        ys, xs = np.nonzero(mask)
        old = np.asarray(before, dtype=np.uint32)
        new = np.broadcast_to(np.asarray(after, dtype=np.uint32), old.shape)
        self._encode(ys + box[0], xs + box[1], old, new)

    @classmethod
    def between(
        cls,
        labels: NDArray[np.integer],
        box: Box,
        mask: NDArray[np.bool_],
        after: NDArray[np.integer] | int,
    ) -> Patch:
        """Return the patch that sets the pixels of `mask` in `box` to `after`."""
        y0, x0, y1, x1 = box
        return cls(box, mask, labels[y0:y1, x0:x1][mask], after)

    @classmethod
    def of_pixels(
        cls,
        labels: NDArray[np.integer],
        ys: NDArray[np.intp],
        xs: NDArray[np.intp],
        after: NDArray[np.uint32],
    ) -> Patch:
        """Return the patch that sets pixels, in any order; of equal ones the last counts."""
        order = np.lexsort((xs, ys))  # stable: equal pixels keep their order
        ys, xs, after = ys[order], xs[order], after[order]
        last = np.ones(len(ys), dtype=bool)
        last[:-1] = (ys[1:] != ys[:-1]) | (xs[1:] != xs[:-1])
        ys, xs, after = ys[last], xs[last], after[last]
        patch = cls.__new__(cls)
        patch._encode(ys, xs, np.asarray(labels[ys, xs], dtype=np.uint32), after)
        return patch

    @classmethod
    def merge(cls, patches: Iterable[Patch]) -> Patch:
        """Return one patch with the effect of `patches` applied one after the other."""
        parts = list(patches)
        merged = cls.__new__(cls)
        runs = _Columns.of(parts).sorted()
        if runs.overlap():
            ys, xs, before, after = _compose(parts)
            merged._encode(ys, xs, before, after)
        else:
            merged._store(*runs.joined())
        return merged

    def apply(self, labels: NDArray[np.integer]) -> None:
        """Write the new labels."""
        ys, xs = self.pixels()
        labels[ys, xs] = self.after

    def revert(self, labels: NDArray[np.integer]) -> None:
        """Write the old labels back."""
        ys, xs = self.pixels()
        labels[ys, xs] = self.before

    def pixels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the changed pixels, in the order of `before`."""
        return expand(self._rows, self._cols, self._lengths)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The changed pixels of `box`, boolean (h, w), made on demand."""
        y0, x0, y1, x1 = self.box
        mask = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        ys, xs = self.pixels()
        mask[ys - y0, xs - x0] = True
        return mask

    @property
    def before(self) -> NDArray[np.uint32]:
        """Labels before, one per changed pixel in row order."""
        return np.repeat(self._before, self._lengths)

    @property
    def after(self) -> NDArray[np.uint32]:
        """Labels after, one per changed pixel in row order."""
        return np.repeat(self._after, self._lengths)

    @property
    def size(self) -> int:
        """Number of changed pixels."""
        return int(self._lengths.sum())

    @property
    def nbytes(self) -> int:
        """Memory that the patch holds, in bytes."""
        return sum(a.nbytes for a in self._arrays())

    def __bool__(self) -> bool:
        return len(self._lengths) > 0

    def run_table(self) -> tuple[NDArray[np.integer], ...]:
        """Return rows, first columns, lengths, old and new labels of the runs."""
        return self._arrays()

    def boxes(self) -> list[Box]:
        """Return boxes that together hold every changed pixel.

        A patch of scattered cells gets a box for each square of `SQUARE` pixels that it
        changes, so that drawing them anew does not cost the whole image.
        """
        y0, x0, y1, x1 = self.box
        if (y1 - y0) * (x1 - x0) <= 4 * SQUARE * SQUARE or not self:
            return [self.box] if self else []
        squares = (self._rows // SQUARE).astype(np.int64) << 32 | (self._cols // SQUARE)
        order = np.argsort(squares, kind="stable")
        firsts = np.flatnonzero(np.diff(squares[order], prepend=-1))
        rows, cols = self._rows[order], self._cols[order]
        edges = (
            np.minimum.reduceat(rows, firsts),
            np.minimum.reduceat(cols, firsts),
            np.maximum.reduceat(rows, firsts) + 1,
            np.maximum.reduceat(cols + self._lengths[order], firsts),
        )
        return list(zip(*(edge.tolist() for edge in edges), strict=True))

    def ids(self) -> set[int]:
        """Return the labels that lose or gain a pixel, without the background."""
        return {int(i) for i in np.union1d(self._before, self._after)} - {0}

    def _arrays(self) -> tuple[NDArray[np.integer], ...]:
        return self._rows, self._cols, self._lengths, self._before, self._after

    def _encode(
        self,
        ys: NDArray[np.integer],
        xs: NDArray[np.integer],
        before: NDArray[np.uint32],
        after: NDArray[np.uint32],
    ) -> None:
        """Keep pixels, given in row order, as runs."""
        changed = before != after
        if not changed.all():
            ys, xs, before, after = ys[changed], xs[changed], before[changed], after[changed]
        first = np.ones(len(ys), dtype=bool)
        first[1:] = (
            (ys[1:] != ys[:-1])
            | (xs[1:] != xs[:-1] + 1)
            | (before[1:] != before[:-1])
            | (after[1:] != after[:-1])
        )
        starts = np.flatnonzero(first)
        lengths = np.diff(starts, append=len(ys))
        self._store(ys[starts], xs[starts], lengths, before[starts], after[starts])

    def _store(
        self,
        rows: NDArray[np.integer],
        cols: NDArray[np.integer],
        lengths: NDArray[np.integer],
        before: NDArray[np.integer],
        after: NDArray[np.integer],
    ) -> None:
        self._rows = rows.astype(np.int32)
        self._cols = cols.astype(np.int32)
        self._lengths = lengths.astype(np.int32)
        self._before = before.astype(np.uint32)
        self._after = after.astype(np.uint32)
        self.box: Box = (0, 0, 0, 0)
        if len(rows):
            ends = self._cols + self._lengths
            self.box = (
                int(self._rows.min()),
                int(self._cols.min()),
                int(self._rows.max()) + 1,
                int(ends.max()),
            )


class _Columns:
    """The runs of several patches side by side."""

    def __init__(self, columns: list[NDArray[np.integer]]) -> None:
        self.rows, self.cols, self.lengths, self.before, self.after = columns

    @classmethod
    def of(cls, patches: list[Patch]) -> _Columns:
        tables = [p.run_table() for p in patches]
        if not tables:
            return cls([np.empty(0, np.int32) for _ in range(5)])
        return cls([np.concatenate(column) for column in zip(*tables, strict=True)])

    def sorted(self) -> _Columns:
        order = np.lexsort((self.cols, self.rows))
        columns = (self.rows, self.cols, self.lengths, self.before, self.after)
        return _Columns([column[order] for column in columns])

    def overlap(self) -> bool:
        same_row = self.rows[1:] == self.rows[:-1]
        return bool((same_row & (self.cols[1:] < self.cols[:-1] + self.lengths[:-1])).any())

    def joined(self) -> tuple[NDArray[np.integer], ...]:
        """Return the columns with touching runs of the same change made one."""
        first = np.ones(len(self.rows), dtype=bool)
        first[1:] = (
            (self.rows[1:] != self.rows[:-1])
            | (self.cols[1:] != self.cols[:-1] + self.lengths[:-1])
            | (self.before[1:] != self.before[:-1])
            | (self.after[1:] != self.after[:-1])
        )
        starts = np.flatnonzero(first)
        lengths = np.add.reduceat(self.lengths, starts) if len(starts) else self.lengths
        return (
            self.rows[starts],
            self.cols[starts],
            lengths,
            self.before[starts],
            self.after[starts],
        )


def _compose(
    patches: list[Patch],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint32], NDArray[np.uint32]]:
    """Return, in row order, each pixel with its first old and its last new label."""
    ys, xs = (np.concatenate(axis) for axis in zip(*(p.pixels() for p in patches), strict=True))
    before = np.concatenate([p.before for p in patches])
    after = np.concatenate([p.after for p in patches])
    order = np.lexsort((xs, ys))  # stable: equal pixels stay in the order of the patches
    ys, xs, before, after = ys[order], xs[order], before[order], after[order]
    new = np.ones(len(ys), dtype=bool)
    new[1:] = (ys[1:] != ys[:-1]) | (xs[1:] != xs[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(ys)) - 1
    return ys[first], xs[first], before[first], after[last]
