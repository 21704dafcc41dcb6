"""Edits of whole cells. Each returns a `Patch` and leaves the label image as it is.

Cells are found through `places`, anything with ``box(label)`` such as a
`LabelIndex`; without it the label image is scanned once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellmend.errors import InputError
from cellmend.labels.paint import Shape, clip, polygon
from cellmend.labels.patches import Patch
from cellmend.labels.places import Labels, Places, crop, find, grown
from cellmend.labels.runs import Box
from cellmend.labels.stroke import Overlap, StrokeBuilder

Pixels = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint32]]
"""Rows, columns, and the label that each pixel gets."""


def delete(labels: Labels, ids: Iterable[int], places: Places | None = None) -> Patch:
    """Remove cells; ids that are not there are ignored."""
    found = find(labels, ids, places, missing_ok=True)
    return Patch.merge(_of_label(labels, label, box, 0) for label, box in found)


def merge(
    labels: Labels, ids: Sequence[int], places: Places | None = None, *, into: int | None = None
) -> Patch:
    """Make cells one; all take the id `into`, by default the first.

    Raises
    ------
    InputError
        If one of the ids is not in the image.
    """
    found = find(labels, ids, places)
    target = ids[0] if into is None else into
    return Patch.merge(_of_label(labels, label, box, target) for label, box in found)


def change_id(labels: Labels, label: int, new: int, places: Places | None = None) -> Patch:
    """Give a cell another id; a cell that already has that id is joined with it."""
    if new <= 0:
        raise InputError(f"{new} cannot be the id of a cell.", hint="Use a number from 1.")
    [(_, box)] = find(labels, [label], places)
    return _of_label(labels, label, box, new)


def fill(labels: Labels, points: ArrayLike, value: int, overlap: Overlap = "keep") -> Patch:
    """Fill a closed outline (n, 2) of (y, x) with a label; 0 erases."""
    return StrokeBuilder(labels, value, overlap).add(*polygon(points))


def erase(labels: Labels, box: Box, mask: NDArray[np.bool_], only: int | None = None) -> Patch:
    """Clear the pixels of a shape; with `only`, those of one cell alone."""
    return StrokeBuilder(labels, 0, only=only).add(box, mask)


def move(
    labels: Labels,
    ids: Iterable[int],
    by: tuple[int, int],
    overlap: Overlap = "keep",
    places: Places | None = None,
) -> Patch:
    """Move cells together by (dy, dx) pixels; what leaves the image is cut off.

    Raises
    ------
    InputError
        If one of the ids is not in the image, or a cell would vanish: outside of the
        image, or under the cells that are there.
    """
    found = find(labels, ids, places)
    moved = {label for label, _ in found}
    lifted = [_pixels(box, crop(labels, box) == label, 0) for label, box in found]
    put = []
    for label, box in found:
        shape = _moved(labels, label, box, by)
        pixels = _put(labels, label, shape, overlap, over=moved)
        if not (pixels[2] == label).any():
            raise InputError(f"There is no room for cell {label} there.")
        put.append(pixels)
    return Patch.of_pixels(labels, *_joined(lifted + put))


def copy(
    source: Labels,
    target: Labels,
    ids: Iterable[int],
    overlap: Overlap = "keep",
    places: Places | None = None,
) -> Patch:
    """Put cells of one plane into another of the same size, with the same ids.

    Parameters
    ----------
    source, target
        (Y, X) label images; the patch is for `target`.
    ids
        Which cells of `source`.
    overlap
        What becomes of pixels of other cells in `target`.
    places
        Where the cells of `source` are.
    """
    found = find(source, ids, places)
    shapes = ((label, box, crop(source, box) == label) for label, box in found)
    put = [_put(target, label, (box, mask), overlap) for label, box, mask in shapes]
    return Patch.of_pixels(target, *_joined(put))


def touching(
    labels: Labels, ids: Iterable[int], places: Places | None = None
) -> list[tuple[int, int]]:
    """Return the pairs of these cells that share a border or a corner."""
    found = find(labels, ids, places)
    chosen = {label for label, _ in found}
    pairs = set()
    for label, tight in found:
        around = crop(labels, grown(tight, 1, labels.shape))
        own = (around == label).astype(np.uint8)
        border = cv2.dilate(own, np.ones((3, 3), np.uint8)).astype(bool) & (own == 0)
        for other in chosen.intersection(np.unique(around[border]).tolist()):
            pairs.add((min(label, other), max(label, other)))
    return sorted(pairs)


def overlapping(
    lower: Labels, upper: Labels, ids: Iterable[int], places: Places | None = None
) -> list[tuple[int, int]]:
    """Return the pairs of these cells that lie over each other in two planes.

    `places` tells where the cells of `lower` are; those that are not there are passed over.
    """
    chosen = set(ids)
    pairs = set()
    for label, box in find(lower, chosen, places, missing_ok=True):
        above = np.unique(crop(upper, box)[crop(lower, box) == label]).tolist()
        for other in chosen.intersection(above) - {label}:
            pairs.add((min(label, other), max(label, other)))
    return sorted(pairs)


def _moved(labels: Labels, label: int, box: Box, by: tuple[int, int]) -> Shape:
    dy, dx = by
    y0, x0, y1, x1 = box
    return clip(((y0 + dy, x0 + dx, y1 + dy, x1 + dx), crop(labels, box) == label), labels.shape)


def _put(
    labels: Labels, label: int, shape: Shape, overlap: Overlap, over: Container[int] = ()
) -> Pixels:
    """Return the pixels of a shape given to a cell; cells of `over` count as background."""
    box, mask = shape
    under = crop(labels, box)
    others = [i for i in np.unique(under[mask]).tolist() if i and i != label and i not in over]
    taken = np.isin(under, others)
    if overlap == "keep":
        mask = mask & ~taken
    after = np.where(taken & (overlap == "exclude"), 0, label).astype(np.uint32)
    return _pixels(box, mask, after[mask])


def _pixels(box: Box, mask: NDArray[np.bool_], after: NDArray[np.uint32] | int) -> Pixels:
    ys, xs = np.nonzero(mask)
    values = np.broadcast_to(np.asarray(after, dtype=np.uint32), ys.shape)
    return ys + box[0], xs + box[1], values


def _joined(parts: list[Pixels]) -> Pixels:
    if not parts:
        return _pixels((0, 0, 0, 0), np.zeros((0, 0), dtype=bool), 0)
    ys, xs, after = (np.concatenate(part) for part in zip(*parts, strict=True))
    return ys, xs, after


def _of_label(labels: Labels, label: int, box: Box, after: int) -> Patch:
    return Patch.between(labels, box, crop(labels, box) == label, after)
