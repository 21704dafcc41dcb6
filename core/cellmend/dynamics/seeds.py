"""Cells from the places where the pixels' paths end.

A histogram of the end points has a heap for each cell. Its top is a seed; the seed grows over
the bins next to it that still hold several points; and every pixel whose path ends in those
bins belongs to the cell.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.dynamics.follow import Ends
from cellmend.dynamics.regions import Labels

Counts = NDArray[np.int32]
Indices = NDArray[np.int64]

SEED_COUNT = 10
"""A bin is a seed only if more points than this end in it."""
GROW_COUNT = 2
"""A seed grows over bins with more points than this."""
PEAK_RADIUS = 2
"""A seed holds the most points in the window of this radius around it."""
GROW_ROUNDS = 5
"""How many bins far a seed may grow."""


@njit(cache=True, nogil=True)
def _count_ends(ends: Ends, counts: Counts) -> None:
    for i in range(ends.size):
        if ends[i] >= 0:
            counts[ends[i]] += 1


@njit(cache=True, nogil=True)
def _is_peak(counts: Counts, candidates: Indices, peaks: NDArray[np.bool_]) -> None:
    """Mark the candidates that are the maximum of their window; `counts` is ``(Z, Y, X)``."""
    depth, height, width = counts.shape
    for k in range(candidates.size):
        z, rest = divmod(candidates[k], height * width)
        y, x = divmod(rest, width)
        here = counts[z, y, x]
        highest = here
        for zz in range(max(z - PEAK_RADIUS, 0), min(z + PEAK_RADIUS + 1, depth)):
            for yy in range(max(y - PEAK_RADIUS, 0), min(y + PEAK_RADIUS + 1, height)):
                for xx in range(max(x - PEAK_RADIUS, 0), min(x + PEAK_RADIUS + 1, width)):
                    highest = max(highest, counts[zz, yy, xx])
        peaks[k] = highest == here


@njit(cache=True, nogil=True)
def _grow(counts: Counts, seeds: Indices, labels: Labels) -> None:
    """Write label k + 1 over the bins that seed k grows to; later seeds overwrite."""
    depth, height, width = counts.shape
    side = 2 * GROW_ROUNDS + 1
    seen = np.zeros((side, side, side), np.bool_)
    bins = np.empty((side * side * side, 3), np.int64)
    for k in range(seeds.size):
        seen[:] = False
        z0, rest = divmod(seeds[k], height * width)
        y0, x0 = divmod(rest, width)
        bins[0, 0], bins[0, 1], bins[0, 2] = z0, y0, x0
        seen[GROW_ROUNDS, GROW_ROUNDS, GROW_ROUNDS] = True
        labels[z0, y0, x0] = k + 1
        first, last = 0, 1
        for _ in range(GROW_ROUNDS):
            found = last
            for b in range(first, last):
                z, y, x = bins[b]
                for zz in range(max(z - 1, 0), min(z + 2, depth)):
                    for yy in range(max(y - 1, 0), min(y + 2, height)):
                        for xx in range(max(x - 1, 0), min(x + 2, width)):
                            dz, dy, dx = zz - z0, yy - y0, xx - x0
                            at = (dz + GROW_ROUNDS, dy + GROW_ROUNDS, dx + GROW_ROUNDS)
                            if seen[at] or counts[zz, yy, xx] <= GROW_COUNT:
                                continue
                            seen[at] = True
                            labels[zz, yy, xx] = k + 1
                            bins[found, 0], bins[found, 1], bins[found, 2] = zz, yy, xx
                            found += 1
            first, last = last, found


@njit(cache=True, nogil=True)
def _label_pixels(ends: Ends, bins: Labels, labels: Labels) -> None:
    """Give every pixel the label of the bin its path ends in; all arrays are flat."""
    for i in range(ends.size):
        labels[i] = bins[ends[i]] if ends[i] >= 0 else 0


def labels_from_ends(ends: Ends, shape: tuple[int, int, int]) -> Labels:
    """Group the pixels whose paths end together.

    Parameters
    ----------
    ends
        Flat; the flat index of each pixel's end, -1 outside cells (see `follow`).
    shape
        Of the volume, ``(1, Y, X)`` for a plane.

    Returns
    -------
    ndarray
        int32 labels of the given shape, seeds with fewer points first. Ids have gaps where
        a seed was overwritten by a larger one. Pixels that end far from any seed are 0.
    """
    counts = np.zeros(shape, np.int32)
    _count_ends(ends, counts.ravel())
    candidates = np.flatnonzero(counts > SEED_COUNT)
    peaks = np.zeros(candidates.size, np.bool_)
    _is_peak(counts, candidates, peaks)
    seeds = candidates[peaks]
    seeds = seeds[np.argsort(counts.ravel()[seeds], kind="stable")]
    bins = np.zeros(shape, np.int32)
    _grow(counts, seeds, bins)
    _label_pixels(ends, bins.ravel(), counts.ravel())
    return counts
