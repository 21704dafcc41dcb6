"""Sizes, places and shapes of cells, in pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.outlines import outline_mask
from cellmend.measure.runs import CellRuns

Columns = dict[str, NDArray[Any]]
Covariance = NDArray[np.float64]


def places(cells: CellRuns, axes: str, shape: tuple[int, ...]) -> Columns:
    """Return size, centroid, bounding box and whether the cell touches the image's border.

    `axes` and `shape` are those of the masks.
    """
    lengths = cells.lengths
    size = cells.total(lengths)
    columns: Columns = {}
    space = axes.replace("T", "")
    for axis in space[:-1]:
        columns[f"centroid_{axis.lower()}"] = cells.total(cells.places[axis] * lengths) / size
    middle = cells.total((cells.start + cells.end - 1) * lengths) / size / 2
    columns["centroid_x"] = middle
    low = {axis: cells.lowest(cells.places[axis]) for axis in space[:-1]}
    high = {axis: cells.highest(cells.places[axis]) + 1 for axis in space[:-1]}
    low["X"], high["X"] = cells.lowest(cells.start), cells.highest(cells.end)
    columns |= {f"{axis.lower()}0": low[axis] for axis in space}
    columns |= {f"{axis.lower()}1": high[axis] for axis in space}
    limits = dict(zip(axes, shape, strict=True))
    at_border = [(low[axis] == 0) | (high[axis] == limits[axis]) for axis in space]
    box = np.prod([high[axis] - low[axis] for axis in space], axis=0)
    return columns | {"touches_border": np.any(at_border, axis=0), "extent": size / box}


def covariances(cells: CellRuns, columns: Columns, axes: str) -> Covariance:
    """Return the covariance (n, d, d) of the pixel positions of each cell, in px².

    Positions are counted from the corner of the cell's box, which keeps the sums exact.
    """
    cell, n = cells.cell, cells.lengths
    places = {axis: cells.places[axis] for axis in axes if axis not in "TX"} | {"X": cells.start}
    local = {axis: place - columns[f"{axis.lower()}0"][cell] for axis, place in places.items()}
    size = cells.total(n)
    # Sums over a run: along X positions grow by one, along the other axes they stay.
    first = {axis: place * n for axis, place in local.items()}
    first["X"] = local["X"] * n + n * (n - 1) // 2
    mean = {axis: cells.total(total) / size for axis, total in first.items()}
    result = np.empty((cells.count, len(local), len(local)))
    for i, a in enumerate(local):
        for j, b in enumerate(local):
            if a == b == "X":
                products = local[a] * (first[a] + n * (n - 1) // 2) + (n - 1) * n * (2 * n - 1) // 6
            else:
                products = local[a] * first[b] if a != "X" else local[b] * first[a]
            result[:, i, j] = cells.total(products) / size - mean[a] * mean[b]
    return result


def axis_lengths(covariance: Covariance) -> Columns:
    """Return the axes of the ellipse or ellipsoid with the cell's covariance, in its units."""
    spread = np.clip(np.linalg.eigvalsh(covariance), 0, None)[:, ::-1]
    dimensions = covariance.shape[-1]
    factor = 4.0 if dimensions == 2 else 20**0.5  # of a solid ellipse, or ellipsoid
    lengths = factor * np.sqrt(spread)
    names = ("axis_major", "axis_minor") if dimensions == 2 else _AXES_3D
    return {name: lengths[:, i] for i, name in enumerate(names)}


_AXES_3D = ("axis_major", "axis_middle", "axis_minor")


def plane_shapes(
    cells: CellRuns, masks: NDArray[np.uint32], covariance: Covariance
) -> tuple[Columns, Columns]:
    """Return what only cells in a plane have: numbers without a unit, and lengths in pixels."""
    axes = axis_lengths(covariance)
    yy, xx, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(axes["axis_major"] > 0, axes["axis_minor"] / axes["axis_major"], 1)
    perimeter, convex, feret = _outlined(cells, masks)
    size = cells.total(cells.lengths)
    with np.errstate(invalid="ignore", divide="ignore"):
        circularity = np.where(perimeter > 0, 4 * np.pi * size / perimeter**2, np.nan)
    plain = {
        "eccentricity": np.sqrt(1 - np.minimum(ratio, 1) ** 2),
        "orientation_rad": 0.5 * np.arctan2(2 * xy, yy - xx),
        "convex_area_px": convex,
        "solidity": size / convex,
        "circularity": circularity,
    }
    return plain, {"perimeter": perimeter, "feret_max": feret}


def _outlined(
    cells: CellRuns, masks: NDArray[np.uint32]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return perimeter, pixels of the convex hull and largest extent."""
    if not cells.count:
        return np.zeros(0), np.zeros(0, np.int64), np.zeros(0)
    from cellmend.measure.kernels import hulls, perimeters  # numba loads when it is needed

    planes = masks.reshape(-1, *masks.shape[-2:])
    frame = cells.places.get("T", np.zeros_like(cells.start))
    runs = np.stack([frame, cells.places["Y"], cells.start, cells.end], axis=1)
    convex, feret = hulls(cells.first, runs)
    return perimeters(planes, _edges(planes), cells.first, runs), convex, feret


def _edges(planes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return where a cell meets another label or the border of its plane."""
    edges = outline_mask(planes)
    for border in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        edges[border] = planes[border] > 0
    return edges
