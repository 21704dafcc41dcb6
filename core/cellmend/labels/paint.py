"""Shapes drawn by a person, as a box and the pixels inside it.

A pixel belongs to a shape if its centre does; pixel (y, x) has its centre at
exactly (y, x). Boxes may reach out of the image: `clip` cuts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellmend.labels.runs import Box

Shape = tuple[Box, NDArray[np.bool_]]
"""A bounding box and the boolean (h, w) mask of the shape inside it."""

Point = Sequence[float]


def disc(center_yx: Point, radius: float) -> Shape:
    """Return the pixels at most `radius` from a point; at least the nearest pixel."""
    return capsule(center_yx, center_yx, radius)


def capsule(p: Point, q: Point, radius: float) -> Shape:
    """Return the pixels at most `radius` from the segment p-q (y, x): one move of a brush.

    Radii under 0.5 count as 0.71, so that a thin line never breaks between two pixels.
    """
    reach = radius if radius >= 0.5 else 0.71
    box = (
        ceil(min(p[0], q[0]) - reach),
        ceil(min(p[1], q[1]) - reach),
        floor(max(p[0], q[0]) + reach) + 1,
        floor(max(p[1], q[1]) + reach) + 1,
    )
    y = np.arange(box[0], box[2], dtype=np.float32)[:, None] - np.float32(p[0])
    x = np.arange(box[1], box[3], dtype=np.float32)[None, :] - np.float32(p[1])
    dy, dx = np.float32(q[0] - p[0]), np.float32(q[1] - p[1])
    length2 = float(dy * dy + dx * dx)
    if length2 > 0:
        along = np.clip((y * dy + x * dx) / np.float32(length2), 0, 1)
        mask = (y - along * dy) ** 2 + (x - along * dx) ** 2 <= reach * reach
    else:
        mask = y * y + x * x <= reach * reach
    return box, mask


def polygon(points: ArrayLike) -> Shape:
    """Return what a closed outline encloses, its own pixels included.

    Parameters
    ----------
    points
        (n, 2) corners (y, x). An outline may cross itself: every part that it
        encloses is filled, unlike with the even-odd rule.
    """
    corners = np.rint(np.asarray(points, dtype=np.float64).reshape(-1, 2)).astype(np.int32)
    if len(corners) == 0:
        return (0, 0, 0, 0), np.zeros((0, 0), dtype=bool)
    (y0, x0), (y1, x1) = corners.min(axis=0), corners.max(axis=0)
    # A margin of one pixel lets the outside be one connected region.
    height, width = int(y1 - y0) + 3, int(x1 - x0) + 3
    drawn = np.zeros((height, width), dtype=np.uint8)
    cv2.polylines(drawn, [corners[:, ::-1] - [int(x0) - 1, int(y0) - 1]], True, 1)
    cv2.floodFill(drawn, None, (0, 0), 2)
    return (int(y0), int(x0), int(y1) + 1, int(x1) + 1), drawn[1:-1, 1:-1] != 2


def clip(shape: Shape, image_shape: tuple[int, ...]) -> Shape:
    """Cut a shape at the borders of an image; the mask may become empty."""
    (y0, x0, y1, x1), mask = shape
    height, width = image_shape[-2:]
    top, left = min(max(y0, 0), height), min(max(x0, 0), width)
    bottom, right = max(min(y1, height), top), max(min(x1, width), left)
    cut = mask[max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)]
    return (top, left, bottom, right), cut[: bottom - top, : right - left]
