"""A table with one row per cell: size, shape, place and brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image, as_image
from cellmend.labels.confidence import Confidence
from cellmend.measure import brightness, shape
from cellmend.measure.runs import CellRuns

Table = dict[str, NDArray[Any]]


def table(
    image: Image | NDArray[np.generic],
    masks: NDArray[np.generic],
    confidence: Confidence | None = None,
    *,
    axes: str | None = None,
) -> Table:
    """Measure every cell.

    Values follow scikit-image's ``regionprops``, which the tests compare them with.
    Measure brightness on the raw image: restored pixels are a network's guess.

    Parameters
    ----------
    image
        The image the masks were made of, or an array: 2D is ``YX``, any other needs `axes`.
    masks
        Labels, one dimension for each of the image's axes but C. Along Z a label is one
        cell; along T it is one cell in every frame.
    confidence
        What the run that made the masks says of its cells, if it is known.
    axes
        Axes of an array, such as ``"CYX"``.

    Returns
    -------
    dict
        Columns of equal length, one entry per cell, ordered by frame and label.

        - ``frame`` (zero-based, only along T) and ``label``;
        - ``area_px`` (``volume_px`` along Z), and ``diameter_px`` of the disc or ball of
          the same size;
        - where it is known, ``flow_error`` and ``cellprob``, the run's confidence in the
          cell; NaN for a cell that it did not make;
        - ``centroid_y`` and so on in pixels, the bounding box ``y0``, ``x0``, ``y1``,
          ``x1`` (ends exclusive), ``touches_border`` of the image, and ``extent``, the
          share of the box that is filled;
        - ``axis_major_px``, ``axis_minor_px`` (along Z also ``axis_middle_px``) of the
          ellipse with the same second moments;
        - in planes, ``eccentricity`` and ``orientation_rad`` (from the Y axis,
          counter-clockwise) of that ellipse, ``perimeter_px``, ``feret_max_px`` (largest
          extent), ``convex_area_px``, ``solidity`` (area by convex area) and
          ``circularity`` (4π area by perimeter², NaN for a single pixel);
        - for each channel, followed by its name (and its number, as in ``DAPI (2)``, where
          others are called the same), ``mean_``, ``median_``, ``sum_``,
          ``std_``, ``min_``, ``max_``, ``p5_``, ``p25_``, ``p75_``, ``p95_``;
          ``background_``, the median outside all cells (of the frame), and
          ``mean_corrected_`` and ``sum_corrected_``, less the background;
        - sizes, lengths and places in µm (``area_um2``, ``perimeter_um``, ...) where the
          pixel size is known; perimeter and extent only of square pixels.

    Raises
    ------
    InputError
        If the masks do not fit the image.
    """
    source = as_image(image, axes)
    space = source.axes.replace("C", "")
    fitting = tuple(source.size(axis) for axis in space)
    if masks.shape != fitting:
        raise InputError(
            f"Masks of shape {masks.shape} do not fit an image of {space} = {fitting}.",
            hint="They must be of the same image at the same size.",
        )
    labels = _as_labels(masks)
    cells = CellRuns.of(labels, space)
    frames = _frames(cells, space)
    columns: Table = {"frame": frames} if "T" in space else {}
    columns["label"] = cells.labels
    columns |= _sizes(cells, space)
    columns |= {} if confidence is None else confidence.columns(frames, cells.labels)
    columns |= shape.places(cells, space, labels.shape)
    columns |= _shapes(cells, labels, columns, source)
    columns |= _brightness(cells, labels, source, space)
    return columns | _in_um(columns, space, dict(source.pixel_size_um or {}))


def _as_labels(masks: NDArray[np.generic]) -> NDArray[np.uint32]:
    """Return the masks as uint32, negative numbers as background."""
    if masks.dtype.kind in "if":
        masks = np.maximum(masks, 0)
    return np.ascontiguousarray(masks, dtype=np.uint32)


def _frames(cells: CellRuns, axes: str) -> NDArray[np.int64]:
    """Return the frame of each cell, 0 where there is no time."""
    return cells.of_each(cells.places["T"]) if "T" in axes else np.zeros(cells.count, np.int64)


def _sizes(cells: CellRuns, axes: str) -> Table:
    size = cells.total(cells.lengths)
    root = np.cbrt(size * 0.75 / np.pi) if "Z" in axes else np.sqrt(size / np.pi)
    return {"volume_px" if "Z" in axes else "area_px": size, "diameter_px": 2 * root}


def _shapes(cells: CellRuns, labels: NDArray[np.uint32], columns: Table, source: Image) -> Table:
    """Return the shape's columns in pixels, and its lengths in µm as far as those are known."""
    space = source.axes.replace("C", "").replace("T", "")
    covariance = shape.covariances(cells, columns, space)
    plain: Table = {}
    lengths: Table = {}
    if space == "YX":
        plain, lengths = shape.plane_shapes(cells, labels, covariance)
    axes = shape.axis_lengths(covariance)
    pixel = source.pixel_size_um or {}
    in_um: Table = {}
    if all(axis in pixel for axis in space):
        sizes = np.array([pixel[axis] for axis in space])
        in_um = shape.axis_lengths(covariance * sizes[:, None] * sizes)
        if np.allclose(sizes, sizes[0], rtol=1e-6, atol=0):
            in_um |= {name: column * sizes[0] for name, column in lengths.items()}
    return (
        {f"{name}_px": column for name, column in (lengths | axes).items()}
        | plain
        | {f"{name}_um": column for name, column in in_um.items()}
    )


def _brightness(cells: CellRuns, labels: NDArray[np.uint32], source: Image, axes: str) -> Table:
    columns: Table = {}
    frame = _frames(cells, axes)
    size = cells.total(cells.lengths)
    for index, name in enumerate(_distinct(source.channel_names)):
        values = source.channel(index)
        found = brightness.statistics(cells, values, axes)
        outside = brightness.background(values, labels, "T" in axes)[frame]
        found["background"] = outside
        found["mean_corrected"] = found["mean"] - outside
        found["sum_corrected"] = found["sum"] - outside * size
        columns |= {f"{what}_{name}": column for what, column in found.items()}
    return columns


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, those that come more than once with the number of their channel."""
    return [
        name if names.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(names, start=1)
    ]


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
        unit, size = ("volume_um3", "volume_px") if "Z" in space else ("area_um2", "area_px")
        result[unit] = columns[size] * voxel
        result["diameter_um"] = columns["diameter_px"] * voxel ** (1 / len(space))
    return result
