"""Fill the planes between those in which a cell was drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import scipy  # its parts load when they are first used: the window need not wait
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.paint import Shape, clip
from cellmend.labels.patches import Patch
from cellmend.labels.places import crop

Mask = NDArray[np.bool_]


def interpolate(
    planes: Sequence[NDArray[np.integer]], indexes: Sequence[LabelIndex], label: int
) -> dict[int, Patch]:
    """Draw a cell in every plane between two that hold it, over background only.

    Parameters
    ----------
    planes
        The (Y, X) label images of a volume, in order.
    indexes
        Where the cells of each plane are.
    label
        The cell.

    Returns
    -------
    dict
        A patch for each plane that is filled.

    Raises
    ------
    InputError
        If no plane lies between two that hold the cell.
    """
    drawn = [z for z, index in enumerate(indexes) if label in index]
    patches = {}
    for low, high in itertools.pairwise(drawn):
        below = _shape(planes[low], indexes[low], label)
        above = _shape(planes[high], indexes[high], label)
        for z in range(low + 1, high):
            box, mask = clip(between(below, above, (z - low) / (high - low)), planes[z].shape)
            free = crop(planes[z], box) == 0
            patches[z] = Patch.between(planes[z], box, mask & free, label)
    if not patches:
        raise InputError(
            f"Cell {label} has no gap to fill.",
            hint="Draw it in two planes that are not next to each other.",
        )
    return patches


def between(below: Shape, above: Shape, fraction: float) -> Shape:
    """Return the shape at a fraction of the way from one to another.

    The shapes are laid over each other by their centres of mass, their signed distances
    to the border are averaged (shape-based interpolation, Raya and Udupa 1990), and the
    result is moved to its place on the line between the centres.
    """
    (y, x), (other_y, other_x) = _center(below), _center(above)
    shift = (round(y - other_y), round(x - other_x))
    laid_over = _moved(above, shift)
    y0, x0, y1, x1 = (
        function(a, b)
        for function, a, b in zip((min, min, max, max), below[0], laid_over[0], strict=True)
    )
    box = (y0 - 1, x0 - 1, y1 + 1, x1 + 1)
    depth = (1 - fraction) * _signed(below, box) + fraction * _signed(laid_over, box)
    back = (-round(shift[0] * fraction), -round(shift[1] * fraction))
    return _moved((box, depth > 0), back)


def _shape(plane: NDArray[np.integer], index: LabelIndex, label: int) -> Shape:
    box = index.box(label)
    assert box is not None
    return box, crop(plane, box) == label


def _center(shape: Shape) -> tuple[float, float]:
    (y0, x0, _, _), mask = shape
    ys, xs = np.nonzero(mask)
    return y0 + float(ys.mean()), x0 + float(xs.mean())


def _moved(shape: Shape, by: tuple[int, int]) -> Shape:
    (y0, x0, y1, x1), mask = shape
    return (y0 + by[0], x0 + by[1], y1 + by[0], x1 + by[1]), mask


def _signed(shape: Shape, box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Return the distance to the border of a shape: positive inside, negative outside."""
    (y0, x0, y1, x1), mask = shape
    whole = np.zeros((box[2] - box[0], box[3] - box[1]), dtype=bool)
    whole[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1]] = mask
    inside = scipy.ndimage.distance_transform_edt(whole)
    outside = scipy.ndimage.distance_transform_edt(~whole)
    return np.asarray(inside - outside)
