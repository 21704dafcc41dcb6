"""What the pixels of each cell hold, channel by channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.measure.runs import CellRuns, Whole

PERCENTILES = (5, 25, 75, 95)

Statistics = dict[str, NDArray[Any]]


def statistics(cells: CellRuns, values: NDArray[np.generic], axes: str) -> Statistics:
    """Return mean, median, sum, standard deviation and the like of each cell.

    Parameters
    ----------
    cells
        The cells.
    values
        One channel, of the masks' shape.
    axes
        Its axes.

    Returns
    -------
    dict
        ``mean``, ``sum``, ``std`` (of the population), ``min``, ``max``, ``median`` and
        `PERCENTILES` as ``p5`` and so on, float64. A cell with a pixel that is not a
        number has none of them either.
    """
    names = ("mean", "median", "sum", "std", "min", "max", *(f"p{p}" for p in PERCENTILES))
    result = {name: np.empty(cells.count) for name in names}
    flat = values.reshape(-1)
    for chosen, first, pixels in cells.chunks(values.shape, axes):
        found = _of_chunk(flat[pixels].astype(np.float64), first)
        for name, column in found.items():
            result[name][chosen] = column
    return result


def background(
    values: NDArray[np.generic], masks: NDArray[np.uint32], frames: bool
) -> NDArray[np.float64]:
    """Return the median of the pixels outside all cells, of each frame or of all.

    NaN where there is no such pixel.
    """
    outside = masks == 0
    pairs = zip(values, outside, strict=True) if frames else [(values, outside)]
    medians = [np.median(v[o]) if o.any() else np.nan for v, o in pairs]
    return np.array(medians, np.float64)


def _of_chunk(values: NDArray[np.float64], first: Whole) -> Statistics:
    from cellmend.measure.kernels import sort_within  # numba loads when it is needed

    begins, size = first[:-1], np.diff(first)
    total = np.add.reduceat(values, begins)
    mean = total / size
    spread = np.add.reduceat((values - np.repeat(mean, size)) ** 2, begins)
    sort_within(values, first)
    result = {
        "mean": mean,
        "sum": total,
        "std": np.sqrt(spread / size),
        "min": values[begins],
        "max": values[first[1:] - 1],
        "median": _percentile(values, begins, size, 50),
    }
    result |= {f"p{p}": _percentile(values, begins, size, p) for p in PERCENTILES}
    broken = np.isnan(total)
    if broken.any():
        for column in result.values():
            column[broken] = np.nan
    return result


def _percentile(
    ordered: NDArray[np.float64], begins: Whole, size: Whole, percent: float
) -> NDArray[np.float64]:
    """Interpolate between the two nearest of the ordered values of each cell."""
    place = percent / 100 * (size - 1)
    below = np.floor(place).astype(np.int64)
    low = ordered[begins + below]
    high = ordered[begins + np.minimum(below + 1, size - 1)]
    return np.asarray(low + (high - low) * (place - below), np.float64)
