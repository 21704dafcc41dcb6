"""The pixels of each cell as runs, in the order of the cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.runs import expand, label_runs

Whole = NDArray[np.int64]

_CHUNK_PIXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class CellRuns:
    """Runs of pixels along X, cell after cell, and within a cell from its first row on.

    Parameters
    ----------
    labels
        The label of each cell, ascending within a frame.
    first
        Where the runs of each cell begin, and after the last, their end.
    places
        Of each run, its place along every axis but X.
    start, end
        Of each run, its first column and the column after its last.
    """

    labels: NDArray[np.uint32]
    first: Whole
    places: dict[str, Whole]
    start: Whole
    end: Whole

    @classmethod
    def of(cls, masks: NDArray[np.uint32], axes: str) -> CellRuns:
        """Find the cells of `masks`; a label in two frames (T) is two cells."""
        runs = label_runs(masks.reshape(-1, masks.shape[-1]))
        indices = np.unravel_index(runs.rows, masks.shape[:-1])
        places = {axis: place.astype(np.int64) for axis, place in zip(axes, indices, strict=False)}
        key = runs.values.astype(np.int64)
        if "T" in places:
            key += places["T"] << 32
        order = np.argsort(key, kind="stable")
        key = key[order]
        begins = np.flatnonzero(np.diff(key, prepend=-1))
        start = runs.cols[order].astype(np.int64)
        return cls(
            labels=(key[begins] & 0xFFFFFFFF).astype(np.uint32),
            first=np.append(begins, len(key)).astype(np.int64),
            places={axis: place[order] for axis, place in places.items()},
            start=start,
            end=start + runs.lengths[order],
        )

    @property
    def count(self) -> int:
        """The number of cells."""
        return len(self.labels)

    @property
    def lengths(self) -> Whole:
        """The pixels of each run."""
        return self.end - self.start

    @property
    def cell(self) -> NDArray[np.intp]:
        """The cell of each run, counted from 0."""
        return np.repeat(np.arange(self.count), np.diff(self.first))

    def of_each(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the value of the first run of each cell."""
        return values[self.first[:-1]]

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the values of each cell's runs."""
        return np.add.reduceat(values, self.first[:-1]) if self.count else values[:0]

    def lowest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the smallest value of each cell's runs."""
        return np.minimum.reduceat(values, self.first[:-1]) if self.count else values[:0]

    def highest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the largest value of each cell's runs."""
        return np.maximum.reduceat(values, self.first[:-1]) if self.count else values[:0]

    def chunks(self, shape: tuple[int, ...], axes: str) -> Iterator[tuple[slice, Whole, Whole]]:
        """Yield some cells at a time: which, where the pixels of each begin, and the pixels.

        Pixels are places in the flattened image of `shape` and `axes`. There are about
        two million at a time, unless one cell alone has more.
        """
        lengths = self.lengths
        rows = np.ravel_multi_index([self.places[axis] for axis in axes[:-1]], shape[:-1])
        begins = np.concatenate([[0], np.cumsum(lengths)])[self.first]
        low = 0
        while low < self.count:
            high = int(np.searchsorted(begins, begins[low] + _CHUNK_PIXELS, side="right")) - 1
            high = max(high, low + 1)
            runs = slice(self.first[low], self.first[high])
            y, x = expand(*(part[runs].astype(np.int32) for part in (rows, self.start, lengths)))
            yield slice(low, high), begins[low : high + 1] - begins[low], y * shape[-1] + x
            low = high
