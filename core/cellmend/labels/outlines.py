"""Outlines of cells, as points and as a mask."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Region:
    """One connected piece of a cell, bounded by the edges of its pixels.

    Parameters
    ----------
    outer
        (n, 2) corners (x, y) in order; pixel (y, x) reaches from (x, y) to (x + 1, y + 1).
        The polygon's area is that of its pixels, and of its holes.
    holes
        The same for each hole.
    """

    outer: NDArray[np.int32]
    holes: tuple[NDArray[np.int32], ...] = ()


def regions(labels: NDArray[np.integer], label: int, box: Box) -> list[Region]:
    """Return the pieces of a label in `box` as polygons along pixel edges, largest first.

    The contour of the label at twice the size runs through the four quarters of
    each pixel; each quarter lies at one corner of its pixel, which is the corner
    of the polygon. Pieces that touch at a corner only are one.
    """
    y0, x0, y1, x1 = box
    inside = (labels[y0:y1, x0:x1] == label).view(np.uint8)
    doubled = inside.repeat(2, axis=0).repeat(2, axis=1)
    contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer: dict[int, NDArray[np.int32]] = {}
    holes: dict[int, list[NDArray[np.int32]]] = {}
    for number, contour in enumerate(contours):
        corners = _corners(np.asarray(contour).reshape(-1, 2)) + np.array([x0, y0], np.int32)
        parent = int(tree[0][number][3])
        if parent < 0:
            outer[number] = corners
        else:
            holes.setdefault(parent, []).append(corners)
    found = [Region(polygon, tuple(holes.get(number, ()))) for number, polygon in outer.items()]
    if len(found) > 1:
        found.sort(key=lambda region: -polygon_area(region.outer))
    return found


def polygon_area(corners: NDArray[np.integer]) -> float:
    """Return the area of a simple polygon (the shoelace formula)."""
    x, y = corners[:, 0].astype(np.int64), corners[:, 1].astype(np.int64)
    return abs(int((x * _following(y) - y * _following(x)).sum())) / 2


def _following(points: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the next point for each; much quicker than ``numpy.roll`` on few points."""
    return np.concatenate((points[1:], points[:1]))


def _corners(quarters: NDArray[np.int32]) -> NDArray[np.int32]:
    """Turn a contour of quarter pixels into corners, without doubles and points on a line."""
    corners = (quarters + 1) // 2
    after = _following(corners) - corners
    moves = (after[:, 0] != 0) | (after[:, 1] != 0)
    corners, after = corners[moves], after[moves]
    before = np.concatenate((after[-1:], after[:-1]))
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(corners[turns], dtype=np.int32)
