"""Give a cell another shape; other cells are never touched.

Each returns a `Patch` and leaves the label image as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import scipy  # its parts load when they are first used: the window need not wait
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.patches import Patch
from cellmend.labels.places import Labels, Places, crop, find, grown

Mask = NDArray[np.bool_]


def fill_holes(labels: Labels, label: int, places: Places | None = None) -> Patch:
    """Fill background that a cell encloses; cells inside the hole stay."""
    return _reshape(labels, label, places, 0, scipy.ndimage.binary_fill_holes)


def convex_hull(labels: Labels, label: int, places: Places | None = None) -> Patch:
    """Grow a cell into its convex hull, over background only."""

    def hull(inside: Mask) -> Mask:
        corners = cv2.convexHull(np.argwhere(inside)[:, ::-1].astype(np.int32))
        drawn = np.zeros(inside.shape, dtype=np.uint8)
        cv2.fillConvexPoly(drawn, corners, 1)
        return drawn.astype(bool) | inside

    return _reshape(labels, label, places, 0, hull)


def grow(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Grow a cell by `radius` pixels, over background only."""

    def nearby(inside: Mask) -> Mask:
        return _distance(~inside) <= radius

    return _reshape(labels, label, places, int(np.ceil(radius)), nearby)


def shrink(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Take `radius` pixels off the border of a cell.

    Raises
    ------
    InputError
        If nothing would be left.
    """

    def shrunk(inside: Mask) -> Mask:
        left = np.asarray(_distance(np.pad(inside, 1))[1:-1, 1:-1] > radius)
        if not left.any():
            raise InputError(f"Cell {label} is too small to shrink by {radius:g} pixels.")
        return left

    return _reshape(labels, label, places, 1, shrunk)


def smooth(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Smooth the border of a cell with a Gaussian of `radius` pixels, over background only.

    Raises
    ------
    InputError
        If nothing would be left.
    """

    def smoothed(inside: Mask) -> Mask:
        left = np.asarray(scipy.ndimage.gaussian_filter(inside.astype(np.float32), radius) > 0.5)
        if not left.any():
            raise InputError(f"Cell {label} is too small to smooth by {radius:g} pixels.")
        return left

    return _reshape(labels, label, places, int(np.ceil(3 * radius)), smoothed)


def _reshape(
    labels: Labels,
    label: int,
    places: Places | None,
    margin: int,
    change: Callable[[Mask], Mask],
) -> Patch:
    """Give a cell the shape that `change` makes of it; other cells are never touched."""
    [(_, tight)] = find(labels, [label], places)
    box = grown(tight, margin, labels.shape)
    around = crop(labels, box)
    inside = around == label
    wanted = change(inside)
    mask = inside | (wanted & (around == 0))
    return Patch.between(labels, box, mask, np.where(wanted[mask], label, 0))


def _distance(inside: Mask) -> NDArray[np.float64]:
    """Return the Euclidean distance of each pixel to the nearest False."""
    return np.asarray(scipy.ndimage.distance_transform_edt(inside), dtype=np.float64)
