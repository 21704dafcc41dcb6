"""Outlines of cells, as points and as a mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cellmend.labels.index import LabelIndex
from cellmend.labels.runs import Box


def outlines(
    labels: NDArray[np.integer], index: LabelIndex | None = None
) -> list[NDArray[np.int32]]:
    """Return the outer outline of each cell, by ascending id.

    Parameters
    ----------
    labels
        (Y, X) label image.
    index
        Where the cells are; built by a scan where missing.

    Returns
    -------
    list of ndarray
        Per cell (n, 2) border pixels as (x, y), in order around its largest piece
        (Suzuki and Abe 1985, by OpenCV). They belong to the cell.
    """
    places = LabelIndex(labels) if index is None else index
    found = ((label, places.box(label)) for label in places.ids())
    return [outline(labels, label, box) for label, box in found if box is not None]


def outline(labels: NDArray[np.integer], label: int, box: Box) -> NDArray[np.int32]:
    """Return the outer outline (n, 2) as (x, y) of the label's largest piece in `box`."""
    y0, x0, y1, x1 = box
    inside = (labels[y0:y1, x0:x1] == label).view(np.uint8)
    contours, _ = cv2.findContours(
        inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(x0, y0)
    )
    if len(contours) == 1:
        return np.asarray(contours[0], dtype=np.int32).reshape(-1, 2)
    largest = max(contours, key=lambda c: (cv2.contourArea(c), len(c)))
    return np.asarray(largest, dtype=np.int32).reshape(-1, 2)


def outline_mask(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return where a cell meets another label: boolean, of the shape of `labels`.

    A pixel is on an outline if it is not background and one of its 4 neighbours
    in the plane differs; the border of the image is no neighbour. Volumes are
    treated plane by plane.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    differs = labels[..., 1:, :] != labels[..., :-1, :]
    edge[..., 1:, :] |= differs
    edge[..., :-1, :] |= differs
    differs = labels[..., :, 1:] != labels[..., :, :-1]
    edge[..., :, 1:] |= differs
    edge[..., :, :-1] |= differs
    edge &= labels != 0
    return edge
