"""Average precision: how many cells were found, at what overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.overlap import Overlaps, overlaps

THRESHOLDS = (0.5, 0.75, 0.9)


@dataclass(frozen=True, eq=False)
class Matching:
    """Cells matched one to one, at each threshold of intersection over union.

    Attributes
    ----------
    thresholds
        float64 ``(t,)``.
    tp, fp, fn
        int64 ``(t,)``: true cells found, found cells that are not true, true cells missed.
    """

    thresholds: NDArray[np.float64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]

    @property
    def average_precision(self) -> NDArray[np.float64]:
        """TP / (TP + FP + FN), float64 ``(t,)``; 1 where there was nothing to find."""
        total = self.tp + self.fp + self.fn
        ratio = np.ones(total.shape)
        np.divide(self.tp, total, out=ratio, where=total > 0)
        return ratio

    def per_true_cell(self) -> dict[str, NDArray[np.float64]]:
        """Return the rates of TP, FP and FN per true cell; nan where there is none."""
        true = np.where(self.tp + self.fn > 0, self.tp + self.fn, np.nan)
        return {"tp": self.tp / true, "fp": self.fp / true, "fn": self.fn / true}


def match(
    truth: NDArray[np.generic],
    prediction: NDArray[np.generic],
    thresholds: Sequence[float] | NDArray[np.floating] = THRESHOLDS,
) -> Matching:
    """Match predicted to true cells so that as many pairs as possible reach each threshold.

    Parameters
    ----------
    truth, prediction
        Label images of the same shape, 0 background; ids may have gaps.
    thresholds
        Least intersection over union of a match, each above 0 and at most 1.

    Raises
    ------
    InputError
        If the shapes differ, a threshold is out of bounds, or lists of images are given.
    """
    if isinstance(truth, list | tuple) or isinstance(prediction, list | tuple):
        raise InputError(
            "Label images are compared one pair at a time.",
            hint="Call it for each pair and average, or run cellmend evaluate on their folders.",
        )
    levels = np.atleast_1d(np.asarray(thresholds, np.float64))
    if not ((levels > 0) & (levels <= 1)).all():
        raise InputError(f"Thresholds {levels.tolist()}: each must be above 0 and at most 1.")
    both = overlaps(truth, prediction)
    iou = both.iou()
    tp = np.array([_matched(both, iou >= level, level) for level in levels], np.int64)
    return Matching(levels, tp, both.second_ids.size - tp, both.first_ids.size - tp)


def average_precision(
    truth: NDArray[np.generic],
    prediction: NDArray[np.generic],
    thresholds: Sequence[float] | NDArray[np.floating] = THRESHOLDS,
) -> NDArray[np.float64]:
    """Return TP / (TP + FP + FN) at each threshold, float64 ``(t,)``; see `match`."""
    return match(truth, prediction, thresholds).average_precision


def matched_ids(
    truth: NDArray[np.generic], prediction: NDArray[np.generic], threshold: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which true and which predicted cells `match` pairs, ids (n,) each, pair by pair.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    both = overlaps(truth, prediction)
    first, second = _pairs(both, both.iou() >= threshold, threshold)
    return both.first_ids[first], both.second_ids[second]


def _matched(both: Overlaps, good: NDArray[np.bool_], level: float) -> int:
    """Return the size of the largest one-to-one matching among the good pairs."""
    return int(_pairs(both, good, level)[0].size)


def _pairs(
    both: Overlaps, good: NDArray[np.bool_], level: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the largest one-to-one matching among the good pairs, as places in both lists."""
    first, second = both.first[good], both.second[good]
    # A cell shares more than half with one other at most, so nothing competes.
    if level > 0.5:
        return first, second
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    shape = (both.first_ids.size, both.second_ids.size)
    graph = csr_array((np.ones(first.size, np.int8), (first, second)), shape=shape)
    partner = maximum_bipartite_matching(graph, perm_type="column").astype(np.int64)
    matched = np.flatnonzero(partner >= 0)
    return matched, partner[matched]
