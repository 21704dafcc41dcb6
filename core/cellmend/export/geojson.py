"""Cells as GeoJSON, which QuPath opens as detections."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.io.atomic import replacing
from cellmend.labels.index import LabelIndex
from cellmend.labels.outlines import Region, regions

_NAMESPACE = uuid.UUID("f0f5a1b2-6a55-4c7c-9f0f-51f6c1e1d8aa")


def write_geojson(
    path: str | Path,
    masks: NDArray[np.integer],
    measurements: Mapping[str, NDArray[Any]] | None = None,
) -> int:
    """Write a polygon along the pixel edges of each cell, with its holes; return how many cells.

    Coordinates are pixels from the upper left corner of the image, as QuPath counts them.

    Parameters
    ----------
    path
        The file.
    masks
        (Y, X).
    measurements
        Columns by name, one entry per cell, with a column ``label``; what is not a
        number is left out, for JSON has no word for it.

    Raises
    ------
    InputError
        If the masks are a volume.
    FileFormatError
        If the file cannot be written.
    """
    if masks.ndim != 2:
        raise InputError("GeoJSON holds one plane only.", hint="Export each plane alone.")
    index = LabelIndex(masks)
    numbers = _by_label(measurements or {})
    features = []
    for label in index.ids():
        box = index.box(label)
        if box is not None:
            feature = _feature(label, regions(masks, label, box))
            if label in numbers:
                feature["properties"]["measurements"] = numbers[label]
            features.append(feature)
    content = {"type": "FeatureCollection", "features": features}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return len(features)


def _by_label(measurements: Mapping[str, NDArray[Any]]) -> dict[int, dict[str, float]]:
    """Return the finite measurements of each label."""
    names = [name for name in measurements if name != "label"]
    columns = [np.asarray(measurements[name], np.float64).tolist() for name in names]
    rows = zip(*columns, strict=True) if columns else ()
    return {
        int(label): {name: v for name, v in zip(names, row, strict=True) if math.isfinite(v)}
        for label, row in zip(measurements.get("label", ()), rows, strict=True)
    }


def _feature(label: int, pieces: list[Region]) -> dict[str, Any]:
    polygons = [
        [_ring(region.outer, clockwise=False)]
        + [_ring(hole, clockwise=True) for hole in region.holes]
        for region in pieces
    ]
    one = len(polygons) == 1
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, str(label))),
        "geometry": {
            "type": "Polygon" if one else "MultiPolygon",
            "coordinates": polygons[0] if one else polygons,
        },
        "properties": {"objectType": "detection", "name": str(label), "label": label},
    }


def _ring(corners: NDArray[np.int32], *, clockwise: bool) -> list[list[int]]:
    """Return a closed ring that turns as RFC 7946 asks: outer rings left, holes right."""
    x, y = corners[:, 0].astype(np.int64), corners[:, 1].astype(np.int64)
    signed = int((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    ordered = corners if (signed < 0) == clockwise else corners[::-1]
    return [*ordered.tolist(), ordered[0].tolist()]
