"""Labels in the one form the kernels know, and where each label lies."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.errors import InputError

Labels = NDArray[np.int32]
Boxes = NDArray[np.int32]
Areas = NDArray[np.int64]


def as_labels(masks: NDArray[np.generic]) -> Labels:
    """Return `masks` as C-contiguous int32; ids are kept unless they are very large.

    Negative values and NaN count as background. Ids far above the number of pixels are
    replaced by consecutive ones in the same order, so that tables indexed by id stay small.

    Raises
    ------
    InputError
        If the array is not ``(Y, X)`` or ``(Z, Y, X)``.
    """
    if masks.ndim not in (2, 3):
        raise InputError(f"Masks are (Y, X) or (Z, Y, X), not of shape {masks.shape}.")
    if masks.size == 0 or (
        masks.max() <= 2 * masks.size + 1000 and masks.min() >= np.iinfo(np.int32).min
    ):
        return np.ascontiguousarray(masks, dtype=np.int32)
    ids, inverse = np.unique(masks, return_inverse=True)
    labels = np.where(ids > 0, np.cumsum(ids > 0, dtype=np.int32), 0)[inverse]
    return np.ascontiguousarray(labels.reshape(masks.shape))


@njit(cache=True, nogil=True)
def label_boxes(labels: Labels, boxes: Boxes, areas: Areas) -> None:
    """Fill bounding boxes and pixel counts of all labels.

    Parameters
    ----------
    labels
        int32 ``(Z, Y, X)``.
    boxes
        int32 ``(n + 1, 6)``, all zero: receives first and behind-last index per axis.
    areas
        int64 ``(n + 1,)``, all zero: receives the number of pixels; 0 for the background.
    """
    depth, height, width = labels.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                label = labels[z, y, x]
                if label <= 0:
                    continue
                if areas[label] == 0:
                    boxes[label, 0], boxes[label, 2], boxes[label, 4] = z, y, x
                areas[label] += 1
                boxes[label, 1] = z + 1
                boxes[label, 2] = min(boxes[label, 2], y)
                boxes[label, 3] = max(boxes[label, 3], y + 1)
                boxes[label, 4] = min(boxes[label, 4], x)
                boxes[label, 5] = max(boxes[label, 5], x + 1)


def boxes_and_areas(labels: Labels) -> tuple[Boxes, Areas]:
    """Return ``(n + 1, 6)`` boxes and ``(n + 1,)`` areas, indexed by label; n is the largest."""
    count = max(int(labels.max(initial=0)), 0) + 1
    boxes = np.zeros((count, 6), np.int32)
    areas = np.zeros(count, np.int64)
    label_boxes(labels if labels.ndim == 3 else labels[None], boxes, areas)
    return boxes, areas
