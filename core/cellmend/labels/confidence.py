"""How sure the network was of each cell: what a run says, by frame and label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FLOW_ERROR, CELLPROB = "flow_error", "cellprob"
"""The columns of the table of cells."""

Cell = tuple[int, int]
"""A frame, counted from 0, and a label in it."""


@dataclass(frozen=True, eq=False)
class Confidence:
    """What a run says of each of its cells, as long as their masks are those of the run.

    Attributes
    ----------
    frames, labels
        int64 and uint32 (n,): which cell; the frame is 0 but in a time series.
    flow_errors, cellprobs
        float64 (n,); see `cellmend.dynamics.MaskResult`.
    edited
        Cells whose masks were changed since: of these the run says nothing any more.
    """

    frames: NDArray[np.int64]
    labels: NDArray[np.uint32]
    flow_errors: NDArray[np.float64]
    cellprobs: NDArray[np.float64]
    edited: frozenset[Cell] = frozenset()

    @classmethod
    def of(
        cls,
        masks: NDArray[np.integer],
        flow_errors: NDArray[np.float64],
        cellprobs: NDArray[np.float64],
        *,
        series: bool = False,
    ) -> Confidence:
        """Tell which cells the values of a run belong to.

        Parameters
        ----------
        masks
            The masks of the run, numbered from 1 without a gap; with `series` anew in each
            frame, along the first axis.
        flow_errors, cellprobs
            In the order of the labels, one frame after the other.
        """
        frames = masks if series else masks[np.newaxis]
        counts = [int(frame.max(initial=0)) for frame in frames]
        numbers = [np.arange(1, count + 1, dtype=np.uint32) for count in counts]
        return cls(
            frames=np.repeat(np.arange(len(counts)), counts),
            labels=np.concatenate([np.zeros(0, np.uint32), *numbers]),
            flow_errors=flow_errors,
            cellprobs=cellprobs,
        )

    def after_editing(self, cells: Iterable[Cell]) -> Confidence:
        """Return the same, but for these cells, whose masks were changed."""
        return replace(self, edited=self.edited.union(cells))

    def before_editing(self, cells: Iterable[Cell]) -> Confidence:
        """Return the same with these cells, whose masks are again those of the run."""
        return replace(self, edited=self.edited.difference(cells))

    def unedited(self) -> Confidence:
        """Return what is known of the cells that were not edited, and of no others."""
        keys = [_key(*cell) for cell in self.edited]
        kept = ~np.isin(_keys(self.frames, self.labels), np.array(keys, np.uint64))
        return Confidence(
            self.frames[kept], self.labels[kept], self.flow_errors[kept], self.cellprobs[kept]
        )

    def columns(
        self, frames: NDArray[np.integer], labels: NDArray[np.integer]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the values of some cells; NaN for those of which the run says nothing.

        Parameters
        ----------
        frames, labels
            (m,): which cells.

        Returns
        -------
        dict
            ``flow_error`` and ``cellprob``, float64 (m,).
        """
        known, asked = _keys(self.frames, self.labels), _keys(frames, labels)
        edited = np.array([_key(*cell) for cell in self.edited], np.uint64)
        order = np.argsort(known, kind="stable")
        place = np.searchsorted(known, asked, sorter=order)
        found = np.append(order, -1)[place]
        there = np.append(known, np.uint64(0))[found] == asked
        there &= (asked > 0) & ~np.isin(asked, edited)
        return {
            name: np.where(there, np.append(values, np.nan)[found], np.nan)
            for name, values in ((FLOW_ERROR, self.flow_errors), (CELLPROB, self.cellprobs))
        }


def _key(frame: int, label: int) -> int:
    return frame << 32 | label


def _keys(frames: NDArray[np.integer], labels: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return one number for each cell; 0 is none, for there is no label 0."""
    return frames.astype(np.uint64) << np.uint64(32) | labels.astype(np.uint64)
