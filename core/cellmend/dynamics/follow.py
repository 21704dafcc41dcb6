"""Following the flows: where each pixel of a cell ends up.

Euler steps with bilinear (trilinear) interpolation, clipped to the image.
Points run side by side in blocks, and a point leaves its block as soon as the pixel it ends in
is known: when it is back where it was a round ago, for then it repeats for ever; or when it is
in a trap, a pixel that no step leads out of. Most points are in a trap or at rest after about
as many steps as their cell has pixels across.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.dynamics.chunks import StopFlag, even_spans, run_chunks
from cellmend.progress import SILENT, Reporter

Flows = NDArray[np.float32]
Field = NDArray[np.float32]
Ends = NDArray[np.int32] | NDArray[np.int64]
Bools = NDArray[np.bool_]
Points = NDArray[np.float32]
Shape = tuple[int, int, int]

BLOCK = 256
"""Points that run side by side: enough for wide registers, few enough to stay in the cache."""

ROUND = 8
"""Steps between two looks at which points are done; cycles of 1, 2, 4 and 8 steps count as rest."""

MARGIN = np.float32(1 / 64)
"""How far a trap's steps stay clear of the next pixel: above rounding up to 100,000 pixels."""

LEAST_POINTS = 4096


class Scratch(NamedTuple):
    """Room for one step of a block of points."""

    part: NDArray[np.float32]
    """How far each point is from its pixel, ``(2, BLOCK)``."""
    pixel: Ends
    """The flat index of its pixel in the field."""
    corners: NDArray[np.int64]
    """The flows around it, two float32 in each entry ``(4, BLOCK)``."""


@njit(cache=True, nogil=True)
def _fill_field(flows: Flows, inside: Bools, field: Field, first: int, last: int) -> None:
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
def _leads_out(field: Field, z: int, y: int, x: int, corner: tuple[int, int, int]) -> bool:
    """Tell whether the step from one corner of a pixel's patch ends outside the patch."""
    axes = field.shape[3]
    move = field[z + corner[0], y + corner[1], x + corner[2]]
    for axis in range(axes):
        end = np.float32(corner[3 - axes + axis]) + move[axis]
        if not (np.float32(0) <= end <= np.float32(1) - MARGIN):
            return True
    return False


@njit(cache=True, nogil=True)
def _find_traps(field: Field, traps: Bools, first: int, last: int) -> None:
    """Mark the pixels that no step leads out of, in the rows from `first` on.

    The patch of a pixel is the square (cube) from its corner to the next pixels' corners.
    Interpolation is linear along each axis, so a step maps the patch into the hull of where
    its corners go: if they all stay in the patch, so does every point in it.
    """
    _, height, width = traps.shape
    deep = field.shape[3] - 2
    for row in range(first, last):
        z, y = divmod(row, height)
        for x in range(width):
            # Nearly all fail at the first corner or at the one across.
            if _leads_out(field, z, y, x, (0, 0, 0)) or _leads_out(field, z, y, x, (deep, 1, 1)):
                continue
            stays = True
            for dz in range(deep + 1):
                for dy in range(2):
                    for dx in range(2):
                        stays = stays and not _leads_out(field, z, y, x, (dz, dy, dx))
            traps[z, y, x] = stays


@njit(cache=True, nogil=True)
def _step_plane(field: Field, shape: Shape, points: Points, count: int, scratch: Scratch) -> None:
    """Move `count` points ``(3, n)`` of a plane by one step.

    In three plain loops, of which the first and the last run in wide registers. That takes
    rows picked one by one, since numba does not see that rows unpacked together are contiguous,
    and unsigned indices, since it looks at the sign of any other.
    """
    stride = shape[2] + 1
    ys, xs = points[1], points[2]
    y_part, x_part = scratch.part[0], scratch.part[1]
    pixel, corners = scratch.pixel, scratch.corners
    for k in range(count):
        j, i = np.int32(ys[k]), np.int32(xs[k])
        y_part[k], x_part[k] = ys[k] - np.float32(j), xs[k] - np.float32(i)
        pixel[k] = j * stride + i
    pairs = field.reshape(-1).view(np.int64)
    above, above_right, below, below_right = corners[0], corners[1], corners[2], corners[3]
    for k in range(count):
        here = np.uint64(pixel[k])
        under = here + np.uint64(stride)
        above[k], above_right[k] = pairs[here], pairs[here + np.uint64(1)]
        below[k], below_right[k] = pairs[under], pairs[under + np.uint64(1)]
    f00, f01 = above.view(np.float32), above_right.view(np.float32)
    f10, f11 = below.view(np.float32), below_right.view(np.float32)
    bottom, right = np.float32(shape[1] - 1), np.float32(shape[2] - 1)
    for k in range(count):
        b, a = y_part[k], x_part[k]
        d, c = np.float32(1) - b, np.float32(1) - a
        dc, da, bc, ba = d * c, d * a, b * c, b * a
        y = ys[k] + (f00[2 * k] * dc + f01[2 * k] * da + f10[2 * k] * bc + f11[2 * k] * ba)
        dx = f00[2 * k + 1] * dc + f01[2 * k + 1] * da
        x = xs[k] + (dx + f10[2 * k + 1] * bc + f11[2 * k + 1] * ba)
        ys[k] = min(max(y, np.float32(0)), bottom)
        xs[k] = min(max(x, np.float32(0)), right)


@njit(cache=True, nogil=True)
def _step_volume(field: Field, shape: Shape, points: Points, count: int) -> None:
    """Move `count` points ``(3, n)`` of a volume by one step."""
    line = np.uint64(3 * (shape[2] + 1))
    plane = np.uint64(shape[1] + 1) * line
    flat = field.reshape(-1)
    for k in range(count):
        z, y, x = points[0, k], points[1, k], points[2, k]
        zi, yi, xi = np.int32(z), np.int32(y), np.int32(x)
        c, b, a = z - np.float32(zi), y - np.float32(yi), x - np.float32(xi)
        at = np.uint64(zi) * plane + np.uint64(yi) * line + np.uint64(3) * np.uint64(xi)
        dz = dy = dx = np.float32(0)
        for corner in range(4):
            here, weight = at, np.float32(1)
            if corner & 2:
                here, weight = here + plane, weight * c
            else:
                weight *= np.float32(1) - c
            if corner & 1:
                here, weight = here + line, weight * b
            else:
                weight *= np.float32(1) - b
            near, far = weight * (np.float32(1) - a), weight * a
            dz += flat[here] * near + flat[here + np.uint64(3)] * far
            dy += flat[here + np.uint64(1)] * near + flat[here + np.uint64(4)] * far
            dx += flat[here + np.uint64(2)] * near + flat[here + np.uint64(5)] * far
        points[0, k] = min(max(z + dz, np.float32(0)), np.float32(shape[0] - 1))
        points[1, k] = min(max(y + dy, np.float32(0)), np.float32(shape[1] - 1))
        points[2, k] = min(max(x + dx, np.float32(0)), np.float32(shape[2] - 1))


@njit(cache=True, nogil=True)
def _run_steps(
    field: Field, shape: Shape, points: Points, count: int, steps: int, scratch: Scratch
) -> None:
    for _ in range(steps):
        if field.shape[3] == 2:
            _step_plane(field, shape, points, count, scratch)
        else:
            _step_volume(field, shape, points, count)


@njit(cache=True, nogil=True)
def _run_block(
    field: Field,
    traps: Bools,
    points: Points,
    origin: NDArray[np.int64],
    count: int,
    niter: int,
    ends: Ends,
    scratch: Scratch,
    stop: StopFlag,
) -> None:
    """Follow a block of points to their ends; `ends` is flat and receives flat indices."""
    shape = traps.shape
    before = np.full(points.shape, np.float32(-1))
    # What is left is a multiple of a round, so that a point at rest is where it will end.
    left = niter - niter % ROUND
    _run_steps(field, shape, points, count, niter - left, scratch)
    while count > 0 and not stop[0]:
        kept = 0
        for k in range(count):
            z, y, x = points[:, k]
            i, j, h = np.int64(x), np.int64(y), np.int64(z)
            rests = z == before[0, k] and y == before[1, k] and x == before[2, k]
            if left == 0 or rests or traps[h, j, i]:
                ends[origin[k]] = (h * shape[1] + j) * shape[2] + i
            else:
                points[0, kept] = before[0, kept] = z
                points[1, kept] = before[1, kept] = y
                points[2, kept] = before[2, kept] = x
                origin[kept] = origin[k]
                kept += 1
        count = kept
        _run_steps(field, shape, points, count, ROUND, scratch)
        left -= ROUND


@njit(cache=True, nogil=True)
def _follow_rows(
    field: Field,
    inside: Bools,
    traps: Bools,
    niter: int,
    ends: Ends,
    first: int,
    last: int,
    stop: StopFlag,
) -> None:
    """Follow the points of the rows ``first <= z * height + y < last``."""
    _, height, width = inside.shape
    points = np.zeros((3, BLOCK), np.float32)
    origin = np.zeros(BLOCK, np.int64)
    scratch = Scratch(
        np.empty((2, BLOCK), np.float32),
        np.empty(BLOCK, ends.dtype),
        np.empty((4, BLOCK), np.int64),
    )
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
                    _run_block(field, traps, points, origin, count, niter, ends, scratch, stop)
                    count = int(np.int64(0))
    _run_block(field, traps, points, origin, count, niter, ends, scratch, stop)


def follow(flows: Flows, inside: Bools, niter: int, report: Reporter = SILENT) -> Ends:
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
    # One pixel more along each axis that is followed, so that a point on the last one has
    # neighbours too; their weight is 0.
    axes = len(flows)
    depth, height, width = inside.shape
    field = np.zeros((depth + axes - 2, height + 1, width + 1, axes), np.float32)
    large = field.size // axes >= 2**31
    ends: Ends = np.full(inside.size, -1, np.int32)
    if large:
        ends = ends.astype(np.int64)
    traps = np.zeros(inside.shape, np.bool_)

    def fill(first: int, last: int, _stop: StopFlag) -> None:
        _fill_field(flows, inside, field, first, last)

    def find(first: int, last: int, _stop: StopFlag) -> None:
        _find_traps(field, traps, first, last)

    def run(first: int, last: int, stop: StopFlag) -> None:
        _follow_rows(field, inside, traps, niter, ends, first, last, stop)

    for kernel in (fill, find, run):
        run_chunks(kernel, spans, report)
    return ends
