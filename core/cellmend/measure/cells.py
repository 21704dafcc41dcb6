"""A table with one row per cell: size, place and brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image, as_image
from cellmend.labels.runs import Runs, label_runs

Table = dict[str, NDArray[Any]]
Positions = NDArray[np.int64]


def table(image: Image | NDArray[np.generic], masks: NDArray[np.generic]) -> Table:
    """Measure every cell.

    Parameters
    ----------
    image
        The image the masks were made of; a bare array must be ``(Y, X)``.
    masks
        Labels, one dimension for each of the image's axes but C. Along Z a label is one
        cell; along T it is one cell in every frame.

    Returns
    -------
    dict
        Columns of equal length, one entry per cell, ordered by frame and label: ``frame``
        (zero-based, only along T), ``label``, ``area_px`` (``volume_px`` along Z),
        ``diameter_px`` (of the disc or ball of the same size), ``centroid_y`` and so on in
        pixels, the bounding box ``y0``, ``x0``, ``y1``, ``x1`` (ends exclusive), ``mean_``
        and each channel's name, and sizes and places in µm where the pixel size is known.

    Raises
    ------
    InputError
        If the masks do not fit the image.
    """
    source = as_image(image)
    axes = source.axes.replace("C", "")
    shape = tuple(source.size(axis) for axis in axes)
    if masks.shape != shape:
        raise InputError(
            f"Masks of shape {masks.shape} do not fit an image of {axes} = {shape}.",
            hint="They must be of the same image at the same size.",
        )
    runs = label_runs(_label_rows(masks))
    columns, cell = _cells(runs, shape[:-1], axes)
    columns |= _sizes_and_places(runs, cell, shape[:-1], axes, len(columns["label"]))
    columns |= _brightness(source, runs, cell, columns[_size_name(axes)])
    if source.pixel_size_um is not None:
        columns |= _in_um(columns, axes, dict(source.pixel_size_um))
    return columns


def _label_rows(masks: NDArray[np.generic]) -> NDArray[np.integer[Any]]:
    """Return the masks as rows of whole numbers, negative ones as background."""
    rows = masks.reshape(-1, masks.shape[-1])
    if rows.dtype.kind == "u":
        return rows.astype(rows.dtype.newbyteorder("="), copy=False)
    return np.maximum(rows.astype(np.int64), 0)


def _size_name(axes: str) -> str:
    return "volume_px" if "Z" in axes else "area_px"


def _places(runs: Runs, lead: tuple[int, ...], axes: str) -> dict[str, Positions]:
    """Return where each run lies along every axis but X."""
    return dict(zip(axes, np.unravel_index(runs.rows, lead), strict=False))


def _cells(runs: Runs, lead: tuple[int, ...], axes: str) -> tuple[Table, Positions]:
    """Return the columns that name each cell, and the cell of each run."""
    key = runs.values.astype(np.int64)
    if "T" in axes:
        key += _places(runs, lead, axes)["T"] << 32
    cells, cell = np.unique(key, return_inverse=True)
    labels = (cells & 0xFFFFFFFF).astype(np.uint32)
    return ({"frame": cells >> 32} if "T" in axes else {}) | {"label": labels}, cell


def _sizes_and_places(
    runs: Runs, cell: Positions, lead: tuple[int, ...], axes: str, count: int
) -> Table:
    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(cell, weights=values, minlength=count).astype(np.float64)

    lengths = runs.lengths.astype(np.int64)
    size = total(lengths)
    root = np.sqrt(size / np.pi) if "Z" not in axes else np.cbrt(size * 0.75 / np.pi)
    columns: Table = {_size_name(axes): size.astype(np.int64), "diameter_px": 2 * root}
    places = {a: p for a, p in _places(runs, lead, axes).items() if a != "T"}
    for axis, place in places.items():
        columns[f"centroid_{axis.lower()}"] = total(place * lengths) / size
    columns["centroid_x"] = total((runs.cols + (lengths - 1) / 2) * lengths) / size
    first = places | {"X": runs.cols.astype(np.int64)}
    last = places | {"X": runs.cols + lengths - 1}
    for axis, starts in first.items():
        low = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(low, cell, starts)
        columns[f"{axis.lower()}0"] = low
    for axis, ends in last.items():
        high = np.zeros(count, np.int64)
        np.maximum.at(high, cell, ends + 1)
        columns[f"{axis.lower()}1"] = high
    return columns


def _brightness(source: Image, runs: Runs, cell: Positions, size: Positions) -> Table:
    starts = runs.rows.astype(np.int64) * source.size("X") + runs.cols
    edges = np.stack([starts, starts + runs.lengths], axis=1).ravel()
    columns: Table = {}
    for index, name in enumerate(source.channel_names):
        # One more element, so that the last run may end where the image does.
        values = np.append(source.channel(index).astype(np.float64).ravel(), 0)
        sums = np.add.reduceat(values, edges)[::2] if edges.size else np.zeros(0)
        columns[f"mean_{name}"] = np.bincount(cell, weights=sums, minlength=size.size) / size
    return columns


def _in_um(columns: Table, axes: str, pixel: dict[str, float]) -> Table:
    """Return sizes and places in µm, as far as the pixel size is known along their axes."""
    space = [axis for axis in axes if axis != "T"]
    known = [axis for axis in space if axis in pixel]
    result: Table = {
        f"centroid_{axis.lower()}_um": columns[f"centroid_{axis.lower()}"] * pixel[axis]
        for axis in known
    }
    if known == space:
        voxel = float(np.prod([pixel[axis] for axis in space]))
        unit = "volume_um3" if "Z" in space else "area_um2"
        result[unit] = columns[_size_name(axes)] * voxel
        result["diameter_um"] = columns["diameter_px"] * voxel ** (1 / len(space))
    return result
