"""Cut a cell into several: along a line, or between points.

Both return a `Patch` and leave the label image as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import scipy  # its parts load when they are first used: the window need not wait
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.paint import Point
from cellmend.labels.patches import Patch
from cellmend.labels.places import Labels, Places, crop, find
from cellmend.labels.runs import Box

FINE_BITS = 4
"""Lines are drawn between sixteenths of a pixel."""


def split_line(
    labels: Labels, label: int, p: Point, q: Point, new_id: int, *, places: Places | None = None
) -> Patch:
    """Cut a cell along a line from p to q (y, x).

    The largest piece keeps its id, the others take `new_id`, `new_id` + 1...
    The pixels under the line go to the nearest piece, so that nothing is lost.

    Raises
    ------
    InputError
        If the line does not cut the cell into pieces.
    """
    [(_, box)] = find(labels, [label], places)
    inside = crop(labels, box) == label
    cut = _line(p, q, box)
    pieces, count = scipy.ndimage.label(inside & ~cut, structure=np.ones((3, 3)))
    if count < 2:
        raise InputError(
            "The line does not cut the cell in two.",
            hint="Begin and end it outside of the cell.",
        )
    return _renumber(labels, box, inside, _nearest(pieces, inside), new_id)


def crossed(labels: Labels, p: Point, q: Point) -> list[int]:
    """Return the cells under a line from p to q (y, x), ascending."""
    steps = 2 * int(max(abs(q[0] - p[0]), abs(q[1] - p[1]))) + 2
    ys = np.rint(np.linspace(p[0], q[0], steps)).astype(np.intp)
    xs = np.rint(np.linspace(p[1], q[1], steps)).astype(np.intp)
    inside = (ys >= 0) & (xs >= 0) & (ys < labels.shape[0]) & (xs < labels.shape[1])
    found: list[int] = np.unique(labels[ys[inside], xs[inside]]).tolist()
    return [label for label in found if label]


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
    [(_, box)] = find(labels, [label], places)
    inside = crop(labels, box) == label
    at = {(round(y) - box[0], round(x) - box[1]) for y, x in seeds}
    height, width = inside.shape
    starts = [(y, x) for y, x in at if 0 <= y < height and 0 <= x < width and inside[y, x]]
    if len(starts) < 2:
        raise InputError("A split needs two points inside the cell.")
    pieces = cheapest_seed(inside, sorted(starts))
    return _renumber(labels, box, inside, _nearest(pieces, inside), new_id)


def _line(p: Point, q: Point, box: Box) -> NDArray[np.bool_]:
    """Return the pixels of a line in a box, wide enough that no diagonal step passes it."""
    fine = 1 << FINE_BITS
    start, end = ((round((x - box[1]) * fine), round((y - box[0]) * fine)) for y, x in (p, q))
    drawn = np.zeros((box[2] - box[0], box[3] - box[1]), dtype=np.uint8)
    cv2.line(drawn, start, end, 1, 1, cv2.LINE_4, FINE_BITS)
    return drawn.astype(bool)


def _nearest(pieces: NDArray[np.int32], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give pixels of the cell that belong to no piece to the nearest one."""
    _, (ys, xs) = scipy.ndimage.distance_transform_edt(pieces == 0, return_indices=True)
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


def cheapest_seed(inside: NDArray[np.bool_], seeds: list[tuple[int, int]]) -> NDArray[np.int32]:
    """Tell for each pixel the seed (from 1) with the cheapest path; 0 where there is none."""
    depth = scipy.ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    cost = 1 / np.maximum(depth, 1) ** 2
    number = np.full(inside.shape, -1, dtype=np.int32)
    number[inside] = np.arange(np.count_nonzero(inside), dtype=np.int32)
    edges = [_steps(number, cost, dy, dx) for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))]
    tails, heads, weights = (np.concatenate(part) for part in zip(*edges, strict=True))
    count = int(number.max()) + 1
    graph = scipy.sparse.csr_array((weights, (tails, heads)), shape=(count, count))
    at = [int(number[seed]) for seed in seeds]
    _, _, nearest = scipy.sparse.csgraph.dijkstra(
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
