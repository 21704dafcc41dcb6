"""How many pixels the labels of two images have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError

_CHUNK_PIXELS = 1 << 22

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Areas of all labels of two images, and of every pair of them that meets.

    Attributes
    ----------
    first_ids, second_ids
        The labels of each image in ascending order, without the background.
    first_areas, second_areas
        Their pixels.
    first, second
        One entry per pair: positions in `first_ids` and `second_ids`.
    shared
        Pixels the pair has in common, at least 1.
    """

    first_ids: Ids
    second_ids: Ids
    first_areas: Ids
    second_areas: Ids
    first: Ids
    second: Ids
    shared: Ids

    def iou(self) -> NDArray[np.float64]:
        """Return intersection over union of every pair."""
        union = self.first_areas[self.first] + self.second_areas[self.second] - self.shared
        ratio: NDArray[np.float64] = self.shared / union
        return ratio


def overlaps(first: NDArray[np.generic], second: NDArray[np.generic]) -> Overlaps:
    """Count the pixels that each pair of labels shares; only pairs that meet are kept.

    Runs of equal pixels are counted at once, which is what makes this quick, and the images
    are read in strips, so that large ones need little extra memory.

    Parameters
    ----------
    first, second
        Label images of the same shape, any number of dimensions, of integers, bools or whole
        floats; values below 1 are background.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if first.shape != second.shape:
        raise InputError(
            f"Label images of shape {first.shape} and {second.shape} cannot be compared.",
            hint="They must show the same image at the same size.",
        )
    a, b = np.ravel(first), np.ravel(second)
    parts = [
        _strip_pairs(a[start : start + _CHUNK_PIXELS], b[start : start + _CHUNK_PIXELS])
        for start in range(0, max(a.size, 1), _CHUNK_PIXELS)
    ]
    pairs, counts = _summed(
        np.concatenate([p for p, _ in parts], axis=1), np.concatenate([c for _, c in parts])
    )
    first_ids, i, first_areas = _labels(pairs[0], counts)
    second_ids, j, second_areas = _labels(pairs[1], counts)
    both = (pairs > 0).all(axis=0)
    return Overlaps(
        first_ids, second_ids, first_areas, second_areas, i[both], j[both], counts[both]
    )


def _strip_pairs(a: NDArray[np.generic], b: NDArray[np.generic]) -> tuple[Ids, Ids]:
    """Return the pairs ``(2, n)`` of a strip and their pixels; background becomes 0."""
    changes = np.flatnonzero((a[1:] != a[:-1]) | (b[1:] != b[:-1])) + 1
    starts = np.concatenate([[0], changes])[: a.size]
    lengths = np.diff(starts, append=a.size)
    pairs = np.stack([a[starts], b[starts]]).astype(np.int64)
    pairs[pairs < 0] = 0
    return _summed(pairs, lengths)


def _summed(pairs: Ids, counts: Ids) -> tuple[Ids, Ids]:
    """Merge equal pairs, adding their counts; sorted by first, then second."""
    order = np.lexsort(pairs[::-1])
    pairs, counts = pairs[:, order], counts[order]
    new = np.ones(counts.size, bool)
    new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    return pairs[:, starts], np.add.reduceat(counts, starts) if starts.size else counts


def _labels(ids: Ids, counts: Ids) -> tuple[Ids, Ids, Ids]:
    """Return the labels, the position of each entry's label, and the labels' areas."""
    unique, position = np.unique(ids, return_inverse=True)
    areas = np.zeros(unique.size, np.int64)
    np.add.at(areas, position, counts)
    if unique.size and unique[0] == 0:
        return unique[1:], position - 1, areas[1:]
    return unique, position, areas
