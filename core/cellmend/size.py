"""The diameter of cells, from masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def diameters(masks: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return ``2 * sqrt(area / pi)`` in pixels for every label present, ascending."""
    _, areas = np.unique(masks[masks > 0], return_counts=True)
    return np.asarray(2 * np.sqrt(areas / np.pi), np.float64)


def median_diameter(masks: NDArray[np.integer]) -> float:
    """Return the median diameter in pixels; 0.0 where there are no cells."""
    each = diameters(masks)
    return float(np.median(each)) if len(each) else 0.0
