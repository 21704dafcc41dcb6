"""ImageJ ROIs in a zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_TYPE, ImagejRoi

from cellmend.io.atomic import replacing
from cellmend.labels.index import LabelIndex
from cellmend.labels.outlines import regions


def write_rois(path: str | Path, masks: NDArray[np.integer]) -> int:
    """Write one polygon ROI per cell (and plane); return how many.

    The polygons run along the edges of the pixels, so that ImageJ measures the
    area of the mask and not that of a polygon through pixel centres, which is
    smaller. A cell in several pieces gives several ROIs; holes are not kept.

    Parameters
    ----------
    path
        The zip file. ROIs are named by id: ``7``, further pieces ``7-2``; in
        volumes ``7-z3``.
    masks
        (Y, X), or (Z, Y, X) with ROIs on their planes.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    count = 0
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, roi in _rois(masks):
            archive.writestr(f"{name}.roi", roi.tobytes())
            count += 1
    return count


def _rois(masks: NDArray[np.integer]) -> Iterator[tuple[str, ImagejRoi]]:
    volume = masks.ndim == 3
    planes = masks if volume else masks[None]
    for z, plane in enumerate(planes, start=1):
        index = LabelIndex(plane)
        for label in index.ids():
            box = index.box(label)
            pieces = regions(plane, label, box) if box is not None else []
            for piece, region in enumerate(pieces, start=1):
                name = f"{label}-z{z}" if volume else str(label)
                name += f"-{piece}" if piece > 1 else ""
                yield name, _roi(name, region.outer, z if volume else 0)


def _roi(name: str, corners: NDArray[np.int32], plane: int) -> ImagejRoi:
    roi = ImagejRoi.frompoints(corners, name=name)
    roi.roitype = ROI_TYPE.POLYGON
    roi.position = plane
    # The corners already enclose the pixels; roifile adds one for points in their centres.
    roi.right, roi.bottom = (int(end) for end in corners.max(axis=0))
    return roi
