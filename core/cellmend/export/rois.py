"""ImageJ ROIs in a zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_TYPE, ImagejRoi

from cellmend.errors import InputError
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
        volumes ``7-z3``, in volumes over time ``7-t2-z3``.
    masks
        (Y, X), or with ROIs on their planes (Z, Y, X) or (T, Z, Y, X).

    Raises
    ------
    InputError
        If the masks have other dimensions.
    FileFormatError
        If the file cannot be written.
    """
    if not 2 <= masks.ndim <= 4:
        raise InputError(f"ROIs are written of 2 to 4 dimensions of masks, not of {masks.ndim}.")
    count = 0
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, roi in _rois(masks):
            archive.writestr(f"{name}.roi", roi.tobytes())
            count += 1
    return count


def _rois(masks: NDArray[np.integer]) -> Iterator[tuple[str, ImagejRoi]]:
    axes = "tz"[4 - masks.ndim :]
    for at in np.ndindex(masks.shape[:-2]):
        positions = {axis: number + 1 for axis, number in zip(axes, at, strict=True)}
        suffix = "".join(f"-{axis}{number}" for axis, number in positions.items())
        plane = masks[at]
        index = LabelIndex(plane)
        for label in index.ids():
            box = index.box(label)
            pieces = regions(plane, label, box) if box is not None else []
            for piece, region in enumerate(pieces, start=1):
                name = f"{label}{suffix}" + (f"-{piece}" if piece > 1 else "")
                yield name, _roi(name, region.outer, positions)


def _roi(name: str, corners: NDArray[np.int32], positions: dict[str, int]) -> ImagejRoi:
    roi = ImagejRoi.frompoints(corners, name=name)
    roi.roitype = ROI_TYPE.POLYGON
    if "t" in positions:
        roi.t_position, roi.z_position = positions["t"], positions["z"]
    else:
        roi.position = positions.get("z", 0)  # in the stack, be it one along Z or along T
    # The corners already enclose the pixels; roifile adds one for points in their centres.
    roi.right, roi.bottom = (int(end) for end in corners.max(axis=0))
    return roi
