"""Heat that spreads inside one cell: the kernels under `cellmend.dynamics.flows`.

Each iteration adds 1 at the source and then replaces every pixel of the cell by the mean
of its 3x3 neighbourhood, in which pixels outside the cell count as 0. A block
with a rim of one pixel is kept as a flat array, so that the two passes of the separable
mean are plain loops over contiguous memory.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellmend.dynamics.chunks import StopFlag
from cellmend.dynamics.regions import Areas, Boxes, Labels

Heat = NDArray[np.float32] | NDArray[np.float64]
Flows = NDArray[np.float32]
Box = NDArray[np.int32]

SHORT_PATH = 64
"""Cells this small and round are computed in float32: their heat stays far above its range."""

SPARSE = 8
"""Cells that fill less than this fraction of their box are computed pixel by pixel."""


@njit(cache=True, nogil=True)
def _source(labels: Labels, label: int, box: Box) -> tuple[int, int]:
    """Return the pixel of the cell nearest to its centre of mass, the first in a tie.

    Coordinates count from 1 at the box's corner, as those of the padded block do.
    """
    y0, y1, x0, x1 = box
    count = 0
    y_sum = 0.0
    x_sum = 0.0
    for y in range(y0, y1):
        for x in range(x0, x1):
            if labels[y, x] == label:
                count += 1
                y_sum += y - y0 + 1
                x_sum += x - x0 + 1
    y_mean = y_sum / count
    x_mean = x_sum / count
    best = np.inf
    best_y = 1
    best_x = 1
    for y in range(y0, y1):
        dy = (y - y0 + 1) - y_mean
        for x in range(x0, x1):
            if labels[y, x] == label:
                dx = (x - x0 + 1) - x_mean
                distance = dx * dx + dy * dy
                if distance < best:
                    best = distance
                    best_y = y - y0 + 1
                    best_x = x - x0 + 1
    return best_y, best_x


@njit(cache=True, nogil=True)
def _spread(
    heat: Heat,
    rows: Heat,
    weight: Heat,
    source: int,
    width: int,
    iterations: int,
    stop: StopFlag,
) -> None:
    """Run the iterations on flat blocks; `weight` is 1/9 inside the cell and 0 elsewhere."""
    size = heat.size
    inner = size - 2 * width
    left, middle, right = heat[: size - 2], heat[1 : size - 1], heat[2:]
    sums = rows[1 : size - 1]
    above, here, below = rows[:inner], rows[width : width + inner], rows[2 * width :]
    target = heat[width : width + inner]
    share = weight[width : width + inner]
    for _ in range(iterations):
        if stop[0]:
            return
        heat[source] += 1
        for i in range(size - 2):
            sums[i] = left[i] + middle[i] + right[i]
        for i in range(inner):
            target[i] = (above[i] + here[i] + below[i]) * share[i]


@njit(cache=True, nogil=True)
def _spread_thin(
    heat: NDArray[np.float64],
    pixels: NDArray[np.int64],
    source: int,
    width: int,
    iterations: int,
    stop: StopFlag,
) -> None:
    """Run the iterations on the listed pixels only; slower for each, but few."""
    mean = np.empty(pixels.size, np.float64)
    for _ in range(iterations):
        if stop[0]:
            return
        heat[source] += 1
        for k in range(pixels.size):
            i = pixels[k]
            above = heat[i - width - 1] + heat[i - width] + heat[i - width + 1]
            below = heat[i + width - 1] + heat[i + width] + heat[i + width + 1]
            mean[k] = (above + heat[i - 1] + heat[i] + heat[i + 1] + below) / 9
        for k in range(pixels.size):
            heat[pixels[k]] = mean[k]


@njit(cache=True, nogil=True)
def _directions(heat: Heat, weight: Heat, out: Flows) -> None:
    """Write the unit vectors along the gradient of `heat` into `out` ``(2, h, w)``."""
    height, width = out.shape[1:]
    stride = width + 2
    for y in range(height):
        for x in range(width):
            i = (y + 1) * stride + (x + 1)
            if weight[i] > 0:
                dy = np.float64(heat[i + stride]) - np.float64(heat[i - stride])
                dx = np.float64(heat[i + 1]) - np.float64(heat[i - 1])
                length = np.sqrt(dy * dy + dx * dx) + 1e-60
                out[0, y, x] = dy / length
                out[1, y, x] = dx / length


@njit(cache=True, nogil=True)
def _box_flows(labels: Labels, label: int, box: Box, area: int, stop: StopFlag) -> Flows:
    """Return the flows ``(2, h, w)`` of one cell in its bounding box."""
    height = box[1] - box[0] + 2
    width = box[3] - box[2] + 2
    size = height * width
    y_source, x_source = _source(labels, label, box)
    source = y_source * width + x_source
    iterations = 2 * (height + width)
    weight = np.zeros(size, np.float64)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if labels[y, x] == label:
                weight[(y - box[0] + 1) * width + (x - box[2] + 1)] = 1.0 / 9.0
    out = np.zeros((2, height - 2, width - 2), np.float32)
    # A thin or winding cell needs the range of float64: heat falls about eightfold
    # per pixel along a line one pixel wide.
    if max(height, width) <= SHORT_PATH and 3 * area >= size:
        share = weight.astype(np.float32)
        single = np.zeros(size, np.float32)
        _spread(single, np.zeros_like(single), share, source, width, iterations, stop)
        _directions(single, share, out)
    else:
        double = np.zeros(size, np.float64)
        if SPARSE * area < size:
            pixels = np.flatnonzero(weight)
            _spread_thin(double, pixels, source, width, iterations, stop)
        else:
            _spread(double, np.zeros_like(double), weight, source, width, iterations, stop)
        _directions(double, weight, out)
    return out


@njit(cache=True, nogil=True)
def cell_flows(
    labels: Labels,
    boxes: Boxes,
    areas: Areas,
    out: Flows,
    first: int,
    last: int,
    stop: StopFlag,
) -> None:
    """Write the flows of the labels ``first <= label < last`` into `out` ``(2, Y, X)``."""
    for label in range(first, last):
        if areas[label] == 0:
            continue
        box = boxes[label, 2:]
        flows = _box_flows(labels, label, box, areas[label], stop)
        if stop[0]:
            return
        for y in range(box[0], box[1]):
            for x in range(box[2], box[3]):
                if labels[y, x] == label:
                    out[0, y, x] = flows[0, y - box[0], x - box[2]]
                    out[1, y, x] = flows[1, y - box[0], x - box[2]]


@njit(cache=True, nogil=True)
def cell_errors(
    labels: Labels,
    boxes: Boxes,
    areas: Areas,
    network: Flows,
    errors: NDArray[np.float64],
    first: int,
    last: int,
    stop: StopFlag,
) -> None:
    """Write each cell's mean squared difference to the `network`'s flows ``(2, Y, X)`` / 5."""
    for label in range(first, last):
        if areas[label] == 0:
            continue
        box = boxes[label, 2:]
        flows = _box_flows(labels, label, box, areas[label], stop)
        if stop[0]:
            return
        total = 0.0
        for y in range(box[0], box[1]):
            for x in range(box[2], box[3]):
                if labels[y, x] == label:
                    for axis in range(2):
                        step = network[axis, y, x] / 5.0
                        # As when the flows are followed: what is not finite counts as 0.
                        step = step if np.isfinite(step) else 0.0
                        total += (flows[axis, y - box[0], x - box[2]] - step) ** 2
        errors[label] = total / areas[label]
