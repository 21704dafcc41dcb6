"""Horizontal runs of equal labels: the compact form behind patches and the index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Bounding box ``(y0, x0, y1, x1)``; the ends are exclusive."""

_CHUNK_PIXELS = 1 << 22


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of pixels in one row that share a label.

    Parameters
    ----------
    rows, cols
        Row and first column of each run, int32.
    lengths
        Pixels in each run, int32.
    values
        The label of each run, uint32.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    lengths: NDArray[np.int32]
    values: NDArray[np.uint32]


def label_runs(labels: NDArray[np.integer]) -> Runs:
    """Return the runs of all non-zero pixels of a 2D label image, row by row.

    The image is scanned in strips, so that a large one needs little extra memory.
    """
    height, width = labels.shape
    strip = max(1, _CHUNK_PIXELS // max(1, width))
    parts = [_strip_runs(labels[y : y + strip], y) for y in range(0, max(1, height), strip)]
    return Runs(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.cols for p in parts]),
        np.concatenate([p.lengths for p in parts]),
        np.concatenate([p.values for p in parts]),
    )


def _strip_runs(strip: NDArray[np.integer], first_row: int) -> Runs:
    width = strip.shape[1]
    starts_here = np.empty(strip.shape, dtype=bool)
    starts_here[:, :1] = True
    np.not_equal(strip[:, 1:], strip[:, :-1], out=starts_here[:, 1:])
    starts = np.flatnonzero(starts_here)
    lengths = np.diff(starts, append=strip.size)
    rows, cols = np.divmod(starts, max(1, width))
    values = strip[rows, cols]
    kept = values != 0
    return Runs(
        (rows[kept] + first_row).astype(np.int32),
        cols[kept].astype(np.int32),
        lengths[kept].astype(np.int32),
        values[kept].astype(np.uint32),
    )


def expand(
    rows: NDArray[np.int32], cols: NDArray[np.int32], lengths: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row and the column of every pixel of the runs, run after run."""
    ends = np.cumsum(lengths, dtype=np.intp)
    total = int(ends[-1]) if len(ends) else 0
    shift = np.repeat(cols - (ends - lengths), lengths)
    return np.repeat(rows, lengths).astype(np.intp), np.arange(total, dtype=np.intp) + shift
