"""Following the flows: where each pixel of a cell ends up.

Euler steps with bilinear (trilinear) interpolation, clipped to the image.
Points run side by side in small blocks, and a point leaves its block as soon as the rest of
its path is known: once it is back where it was a few steps ago it repeats for ever, so the
end is the same, to the bit, as after all the steps. Most points are caught by a fixed point
after about as many steps as their cell has pixels across.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.dynamics.chunks import StopFlag, even_spans, run_chunks
from cellmend.progress import SILENT, Reporter

Field = NDArray[np.float32]
Ends = NDArray[np.int32] | NDArray[np.int64]
Bools = NDArray[np.bool_]
Block = NDArray[np.float32]

BLOCK = 64
"""Points that run side by side: enough to hide the latency of one point's next step."""

ROUND = 8
"""Steps between two looks at which points have come to rest; cycles up to this long count."""

LEAST_POINTS = 4096


@njit(cache=True, nogil=True)
def _fill_field(flows: Field, inside: Bools, field: Field, first: int, last: int) -> None:
    """Write ``flows / 5`` at cell pixels, components last; anything not finite becomes 0."""
    axes, _, height, width = flows.shape
    for row in range(first, last):
        z, y = divmod(row, height)
        for x in range(width):
            for axis in range(axes):
                step = flows[axis, z, y, x] / np.float32(5)
                if not inside[z, y, x] or not np.isfinite(step):
                    step = np.float32(0)
                field[z, y, x, axis] = step


@njit(cache=True, nogil=True)
def _step_plane(field: Field, points: Block, count: int) -> None:
    """Move `count` points ``(3, n)`` of a plane by one step."""
    height, width = field.shape[1:3]
    for k in range(count):
        y, x = points[1, k], points[2, k]
        j, i = np.int32(y), np.int32(x)
        b, a = y - np.float32(j), x - np.float32(i)
        d, c = np.float32(1) - b, np.float32(1) - a
        j1, i1 = min(j + 1, height - 1), min(i + 1, width - 1)
        dc, da, bc, ba = d * c, d * a, b * c, b * a
        dy = field[0, j, i, 0] * dc + field[0, j, i1, 0] * da
        dy += field[0, j1, i, 0] * bc + field[0, j1, i1, 0] * ba
        dx = field[0, j, i, 1] * dc + field[0, j, i1, 1] * da
        dx += field[0, j1, i, 1] * bc + field[0, j1, i1, 1] * ba
        points[1, k] = min(max(y + dy, np.float32(0)), np.float32(height - 1))
        points[2, k] = min(max(x + dx, np.float32(0)), np.float32(width - 1))


@njit(cache=True, nogil=True)
def _step_volume(field: Field, points: Block, count: int) -> None:
    """Move `count` points ``(3, n)`` of a volume by one step."""
    shape = field.shape[:3]
    low = np.empty(3, np.int32)
    part = np.empty(3, np.float32)
    move = np.empty(3, np.float32)
    for k in range(count):
        for axis in range(3):
            low[axis] = np.int32(points[axis, k])
            part[axis] = points[axis, k] - np.float32(low[axis])
            move[axis] = 0
        for corner in range(8):
            dz, dy, dx = corner >> 2, (corner >> 1) & 1, corner & 1
            weight = part[0] if dz else np.float32(1) - part[0]
            weight *= part[1] if dy else np.float32(1) - part[1]
            weight *= part[2] if dx else np.float32(1) - part[2]
            z = min(low[0] + dz, shape[0] - 1)
            y = min(low[1] + dy, shape[1] - 1)
            x = min(low[2] + dx, shape[2] - 1)
            for axis in range(3):
                move[axis] += field[z, y, x, axis] * weight
        for axis in range(3):
            moved = max(points[axis, k] + move[axis], np.float32(0))
            points[axis, k] = min(moved, np.float32(shape[axis] - 1))


@njit(cache=True, nogil=True)
def _run_round(
    field: Field, points: Block, before: Block, period: NDArray[np.int32], count: int, steps: int
) -> None:
    """Run some steps and note after how many of them each point was back where it began."""
    for k in range(count):
        for axis in range(3):
            before[axis, k] = points[axis, k]
        period[k] = 0
    for step in range(1, steps + 1):
        if field.shape[3] == 2:
            _step_plane(field, points, count)
        else:
            _step_volume(field, points, count)
        for k in range(count):
            if (
                period[k] == 0
                and points[0, k] == before[0, k]
                and points[1, k] == before[1, k]
                and points[2, k] == before[2, k]
            ):
                period[k] = step


@njit(cache=True, nogil=True)
def _run_block(
    field: Field,
    points: Block,
    before: Block,
    origin: NDArray[np.int64],
    period: NDArray[np.int32],
    count: int,
    niter: int,
    ends: Ends,
    stop: StopFlag,
) -> None:
    """Follow a block of points to their ends; `ends` is flat and receives flat indices."""
    height, width = field.shape[1:3]
    done = 0
    while count > 0 and not stop[0]:
        steps = min(ROUND, niter - done)
        _run_round(field, points, before, period, count, steps)
        done += steps
        left = niter - done
        kept = 0
        for k in range(count):
            if left == 0 or (period[k] > 0 and left % period[k] == 0):
                z, y, x = np.int64(points[0, k]), np.int64(points[1, k]), np.int64(points[2, k])
                ends[origin[k]] = (z * height + y) * width + x
            else:
                for axis in range(3):
                    points[axis, kept] = points[axis, k]
                origin[kept] = origin[k]
                kept += 1
        count = kept


@njit(cache=True, nogil=True)
def _follow_rows(
    field: Field,
    inside: Bools,
    niter: int,
    ends: Ends,
    first: int,
    last: int,
    stop: StopFlag,
) -> None:
    """Follow the points of the rows ``first <= z * height + y < last``."""
    height, width = field.shape[1:3]
    points = np.zeros((3, BLOCK), np.float32)
    before = np.zeros((3, BLOCK), np.float32)
    origin = np.zeros(BLOCK, np.int64)
    period = np.zeros(BLOCK, np.int32)
    # A literal 0 would have numba compile the inner kernels a second time.
    count = int(np.int64(0))
    for row in range(first, last):
        if stop[0]:
            return
        z, y = divmod(row, height)
        for x in range(width):
            if inside[z, y, x]:
                points[0, count], points[1, count], points[2, count] = z, y, x
                origin[count] = row * width + x
                count += 1
                if count == BLOCK:
                    _run_block(field, points, before, origin, period, count, niter, ends, stop)
                    count = int(np.int64(0))
    _run_block(field, points, before, origin, period, count, niter, ends, stop)


def follow(flows: Field, inside: Bools, niter: int, report: Reporter = SILENT) -> Ends:
    """Follow the flows from every cell pixel for `niter` steps.

    Parameters
    ----------
    flows
        float32 ``(2, 1, Y, X)`` or ``(3, Z, Y, X)``, 5 times the unit flow.
    inside
        bool ``(Z, Y, X)``: the pixels of cells; elsewhere the flows count as zero.
    niter
        Number of steps.

    Returns
    -------
    ndarray
        int32 (int64 from 2**31 pixels on), flat: for every pixel the flat index of the pixel
        it ends in, -1 outside cells.
    """
    rows = inside.reshape(-1, inside.shape[-1])
    spans = even_spans(np.count_nonzero(rows, axis=1), LEAST_POINTS)
    field = np.empty((*inside.shape, len(flows)), np.float32)
    ends: Ends = np.full(inside.size, -1, np.int32)
    if inside.size >= 2**31:
        ends = ends.astype(np.int64)

    def fill(first: int, last: int, _stop: StopFlag) -> None:
        _fill_field(flows, inside, field, first, last)

    def run(first: int, last: int, stop: StopFlag) -> None:
        _follow_rows(field, inside, niter, ends, first, last, stop)

    run_chunks(fill, spans, report)
    run_chunks(run, spans, report)
    return ends
