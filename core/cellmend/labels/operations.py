"""Edits of whole cells. Each returns a `Patch` and leaves the label image as it is.

Cells are found through `places`, anything with ``box(label)`` such as a
`LabelIndex`; without it the label image is scanned once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.paint import Point, capsule, clip, polygon
from cellmend.labels.patches import Patch
from cellmend.labels.runs import Box
from cellmend.labels.stroke import Overlap, StrokeBuilder

Labels = NDArray[np.integer]


class Places(Protocol):
    """Knows where each label is."""

    def box(self, label: int) -> Box | None:
        """Return a box that holds all pixels of the label, or None."""


def delete(labels: Labels, ids: Iterable[int], places: Places | None = None) -> Patch:
    """Remove cells; ids that are not there are ignored."""
    found = _boxes(labels, ids, places, missing_ok=True)
    return Patch.merge(_of_label(labels, label, box, 0) for label, box in found)


def merge(labels: Labels, ids: Sequence[int], places: Places | None = None) -> Patch:
    """Make cells one; all take the first id.

    Raises
    ------
    InputError
        If one of the ids is not in the image.
    """
    found = _boxes(labels, ids, places)
    return Patch.merge(_of_label(labels, label, box, ids[0]) for label, box in found)


def change_id(labels: Labels, label: int, new: int, places: Places | None = None) -> Patch:
    """Give a cell another id; a cell that already has that id is joined with it."""
    if new <= 0:
        raise InputError(f"{new} cannot be the id of a cell.", hint="Use a number from 1.")
    [(_, box)] = _boxes(labels, [label], places)
    return _of_label(labels, label, box, new)


def fill(labels: Labels, points: ArrayLike, value: int, overlap: Overlap = "keep") -> Patch:
    """Fill a closed outline (n, 2) of (y, x) with a label; 0 erases."""
    return StrokeBuilder(labels, value, overlap).add(*polygon(points))


def erase(labels: Labels, box: Box, mask: NDArray[np.bool_], only: int | None = None) -> Patch:
    """Clear the pixels of a shape; with `only`, those of one cell alone."""
    return StrokeBuilder(labels, 0, only=only).add(box, mask)


def split_line(
    labels: Labels,
    label: int,
    p: Point,
    q: Point,
    new_id: int,
    *,
    width: float = 1.0,
    places: Places | None = None,
) -> Patch:
    """Cut a cell along a line from p to q (y, x).

    The largest piece keeps its id, the others take `new_id`, `new_id` + 1...
    The pixels under the line go to the nearest piece, so that nothing is lost.

    Raises
    ------
    InputError
        If the line does not cut the cell into pieces.
    """
    [(_, box)] = _boxes(labels, [label], places)
    inside = _crop(labels, box) == label
    cut = np.zeros_like(inside)
    shape = clip(_shifted(capsule(p, q, max(width / 2, 0.71)), box), inside.shape)
    (y0, x0, y1, x1), line = shape
    cut[y0:y1, x0:x1] = line
    pieces, count = ndimage.label(inside & ~cut, structure=np.ones((3, 3)))
    if count < 2:
        raise InputError(
            "The line does not cut the cell in two.",
            hint="Begin and end it outside of the cell.",
        )
    return _renumber(labels, box, inside, _nearest(pieces, inside), new_id)


def split_seeds(
    labels: Labels,
    label: int,
    seeds: Sequence[Point],
    new_id: int,
    *,
    places: Places | None = None,
) -> Patch:
    """Split a cell between points (y, x), preferably at its necks.

    Each pixel goes to the point that it reaches at the lowest cost, where a step
    costs the more the nearer it is to the border of the cell. Two halves of a
    round cell are equal; a dumbbell of unequal lobes is cut at its neck. The
    largest piece keeps its id, the others take `new_id`, `new_id` + 1...

    Raises
    ------
    InputError
        If there are fewer than two different points inside the cell.
    """
    [(_, box)] = _boxes(labels, [label], places)
    inside = _crop(labels, box) == label
    at = {(round(y) - box[0], round(x) - box[1]) for y, x in seeds}
    height, width = inside.shape
    starts = [(y, x) for y, x in at if 0 <= y < height and 0 <= x < width and inside[y, x]]
    if len(starts) < 2:
        raise InputError("A split needs two points inside the cell.")
    pieces = _cheapest_seed(inside, sorted(starts))
    return _renumber(labels, box, inside, _nearest(pieces, inside), new_id)


def fill_holes(labels: Labels, label: int, places: Places | None = None) -> Patch:
    """Fill background that a cell encloses; cells inside the hole stay."""
    return _reshape(labels, label, places, 0, ndimage.binary_fill_holes)


def convex_hull(labels: Labels, label: int, places: Places | None = None) -> Patch:
    """Grow a cell into its convex hull, over background only."""

    def hull(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        corners = cv2.convexHull(np.argwhere(inside)[:, ::-1].astype(np.int32))
        drawn = np.zeros(inside.shape, dtype=np.uint8)
        cv2.fillConvexPoly(drawn, corners, 1)
        return drawn.astype(bool) | inside

    return _reshape(labels, label, places, 0, hull)


def grow(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Grow a cell by `radius` pixels, over background only."""

    def grown(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return _distance(~inside) <= radius

    return _reshape(labels, label, places, int(np.ceil(radius)), grown)


def shrink(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Take `radius` pixels off the border of a cell.

    Raises
    ------
    InputError
        If nothing would be left.
    """

    def shrunk(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        left = np.asarray(_distance(np.pad(inside, 1))[1:-1, 1:-1] > radius)
        if not left.any():
            raise InputError(f"Cell {label} is too small to shrink by {radius:g} pixels.")
        return left

    return _reshape(labels, label, places, 1, shrunk)


def smooth(labels: Labels, label: int, radius: float, places: Places | None = None) -> Patch:
    """Smooth the border of a cell with a Gaussian of `radius` pixels, over background only."""

    def smoothed(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(ndimage.gaussian_filter(inside.astype(np.float32), radius) > 0.5)

    return _reshape(labels, label, places, int(np.ceil(3 * radius)), smoothed)


def _reshape(
    labels: Labels,
    label: int,
    places: Places | None,
    margin: int,
    change: Callable[[NDArray[np.bool_]], NDArray[np.bool_]],
) -> Patch:
    """Give a cell the shape that `change` makes of it; other cells are never touched."""
    [(_, (y0, x0, y1, x1))] = _boxes(labels, [label], places)
    height, width = labels.shape
    box = (
        max(0, y0 - margin),
        max(0, x0 - margin),
        min(height, y1 + margin),
        min(width, x1 + margin),
    )
    crop = _crop(labels, box)
    inside = crop == label
    wanted = change(inside)
    mask = inside | (wanted & (crop == 0))
    return Patch.between(labels, box, mask, np.where(wanted[mask], label, 0))


def _boxes(
    labels: Labels, ids: Iterable[int], places: Places | None, *, missing_ok: bool = False
) -> list[tuple[int, Box]]:
    known = LabelIndex(labels) if places is None else places
    found = [(label, known.box(label)) for label in dict.fromkeys(ids)]
    missing = [label for label, box in found if box is None]
    if missing and not missing_ok:
        raise InputError(f"There is no cell {missing[0]}.")
    return [(label, box) for label, box in found if box is not None]


def _crop(labels: Labels, box: Box) -> Labels:
    y0, x0, y1, x1 = box
    return labels[y0:y1, x0:x1]


def _of_label(labels: Labels, label: int, box: Box, after: int) -> Patch:
    return Patch.between(labels, box, _crop(labels, box) == label, after)


def _shifted(shape: tuple[Box, NDArray[np.bool_]], origin: Box) -> tuple[Box, NDArray[np.bool_]]:
    (y0, x0, y1, x1), mask = shape
    return (y0 - origin[0], x0 - origin[1], y1 - origin[0], x1 - origin[1]), mask


def _nearest(pieces: NDArray[np.int32], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give pixels of the cell that belong to no piece to the nearest one."""
    _, (ys, xs) = ndimage.distance_transform_edt(pieces == 0, return_indices=True)
    return np.where(inside, pieces[ys, xs], 0)


def _renumber(
    labels: Labels, box: Box, inside: NDArray[np.bool_], pieces: NDArray[np.int32], new_id: int
) -> Patch:
    """Make pieces cells: all but the largest get new ids."""
    values = pieces[inside]
    sizes = np.bincount(values)
    kept = int(sizes.argmax())
    new = np.zeros(len(sizes), dtype=np.uint32)
    others = [n for n in np.flatnonzero(sizes) if n != kept]
    new[others] = np.arange(new_id, new_id + len(others))
    new[kept] = labels[box[0] : box[2], box[1] : box[3]][inside][0]
    return Patch.between(labels, box, inside, new[values])


def _cheapest_seed(inside: NDArray[np.bool_], seeds: list[tuple[int, int]]) -> NDArray[np.int32]:
    """Tell for each pixel the seed (from 1) with the cheapest path; 0 where there is none."""
    depth = _distance(np.pad(inside, 1))[1:-1, 1:-1]
    cost = 1 / np.maximum(depth, 1) ** 2
    number = np.full(inside.shape, -1, dtype=np.int32)
    number[inside] = np.arange(np.count_nonzero(inside), dtype=np.int32)
    edges = [_steps(number, cost, dy, dx) for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))]
    tails, heads, weights = (np.concatenate(part) for part in zip(*edges, strict=True))
    count = int(number.max()) + 1
    graph = sparse.csr_array((weights, (tails, heads)), shape=(count, count))
    at = [int(number[seed]) for seed in seeds]
    _, _, nearest = csgraph.dijkstra(
        graph, directed=False, indices=at, min_only=True, return_predecessors=True
    )
    pieces = np.zeros(inside.shape, dtype=np.int32)
    piece_of = np.zeros(count + 1, dtype=np.int32)
    piece_of[at] = np.arange(1, len(at) + 1)
    pieces[inside] = piece_of[np.where(nearest < 0, count, nearest)]
    return pieces


def _steps(
    number: NDArray[np.int32], cost: NDArray[np.float64], dy: int, dx: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Return the edges between pixels of the cell that lie one step (dy, dx) apart."""
    height, width = number.shape
    here = np.s_[: height - dy, max(0, -dx) : width - max(0, dx)]
    there = np.s_[dy:, max(0, dx) : width - max(0, -dx)]
    both = (number[here] >= 0) & (number[there] >= 0)
    weight = (cost[here] + cost[there])[both] * (np.hypot(dy, dx) / 2)
    return number[here][both], number[there][both], weight


def _distance(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Euclidean distance of each pixel to the nearest False."""
    return np.asarray(ndimage.distance_transform_edt(inside), dtype=np.float64)
