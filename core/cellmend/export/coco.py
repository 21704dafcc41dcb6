"""Cells as COCO annotations, which detection frameworks train on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.io.atomic import replacing
from cellmend.labels.index import LabelIndex
from cellmend.labels.outlines import regions
from cellmend.labels.runs import Runs, label_runs

Segmentation = Literal["rle", "polygon"]


def write_coco(
    path: str | Path,
    masks: NDArray[np.integer],
    image_name: str,
    *,
    segmentation: Segmentation = "rle",
) -> int:
    """Write one annotation per cell, of one image and the category ``cell``; return how many.

    Parameters
    ----------
    path
        The JSON file.
    masks
        (Y, X).
    image_name
        What the annotations say of their image.
    segmentation
        ``rle``: run lengths down the columns, exact. ``polygon``: along the edges of the
        pixels, one for each piece of a cell; COCO's polygons have no holes.

    Raises
    ------
    InputError
        If the masks are a volume.
    FileFormatError
        If the file cannot be written.
    """
    if masks.ndim != 2:
        raise InputError("COCO holds one plane only.", hint="Export each plane alone.")
    index = LabelIndex(masks)
    parts = _run_lengths(masks) if segmentation == "rle" else _polygons(masks, index)
    annotations = [_annotation(label, part, index) for label, part in parts]
    height, width = masks.shape
    content = {
        "images": [{"id": 1, "file_name": image_name, "width": width, "height": height}],
        "categories": [{"id": 1, "name": "cell", "supercategory": "cell"}],
        "annotations": annotations,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return len(annotations)


def _annotation(label: int, segmentation: object, index: LabelIndex) -> dict[str, Any]:
    y0, x0, y1, x1 = index.box(label) or (0, 0, 0, 0)
    return {
        "id": label,
        "image_id": 1,
        "category_id": 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": index.area(label),
        "segmentation": segmentation,
        "iscrowd": 0,
    }


def _polygons(masks: NDArray[np.integer], index: LabelIndex) -> Iterator[tuple[int, Any]]:
    for label in index.ids():
        pieces = regions(masks, label, index.box(label) or (0, 0, 0, 0))
        yield label, [region.outer.ravel().tolist() for region in pieces]


def _run_lengths(masks: NDArray[np.integer]) -> Iterator[tuple[int, Any]]:
    """Yield each label with its mask as COCO's uncompressed run-length code."""
    height, width = masks.shape
    columns: Runs = label_runs(np.ascontiguousarray(masks.T))
    if not len(columns.values):
        return
    order = np.argsort(columns.values, kind="stable")
    values = columns.values[order].astype(np.int64)
    begins = columns.rows[order].astype(np.int64) * height + columns.cols[order]
    ends = begins + columns.lengths[order]
    # A run that ends at the foot of a column and goes on at the head of the next is one run.
    goes_on = (begins[1:] == ends[:-1]) & (values[1:] == values[:-1])
    begins, values = (a[np.append(True, ~goes_on)] for a in (begins, values))
    ends = ends[np.append(~goes_on, True)]
    for cell in np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1):
        edges = np.stack([begins[cell], ends[cell]], axis=1).ravel()
        counts = np.diff(edges, prepend=0, append=height * width)
        if counts[-1] == 0:
            counts = counts[:-1]
        yield int(values[cell[0]]), {"size": [height, width], "counts": counts.tolist()}
