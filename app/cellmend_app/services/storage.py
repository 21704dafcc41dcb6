"""What the I/O lane does: read images with their masks, write results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import cellmend
from cellmend.errors import CellmendError, FileFormatError
from cellmend.export.flows import write_cellprob, write_flows
from cellmend.export.outlines_txt import write_outlines
from cellmend.export.rois import write_rois
from cellmend.image import Image
from cellmend.io import folder as names
from cellmend.io import pairs, seg_npy
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.seg_npy import SegFile
from cellmend.io.tiff import write_image
from cellmend.progress import Reporter
from cellmend_app.services import seg_content
from cellmend_app.services.seg_content import SegContent

ExportKind = Literal["tif", "png", "txt", "rois", "flows", "restored"]
SUFFIXES: dict[ExportKind, str] = {
    "tif": names.MASKS_TIF,
    "png": names.MASKS_PNG,
    "txt": names.OUTLINES_TXT,
    "rois": names.ROIS_ZIP,
    "flows": names.FLOWS_TIF,
    "restored": names.RESTORED_TIF,
}


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image as read, with what was saved beside it, and its folder.

    Parameters
    ----------
    path, image
        The image.
    seg
        The content of its ``_seg.npy``; None where there is none.
    complaint
        Why the ``_seg.npy`` could not be read, if so.
    folder, masked
        The images to step through, and those of them that have saved masks.
    """

    path: Path
    image: Image
    seg: SegFile | None
    complaint: CellmendError | None
    folder: list[Path]
    masked: set[Path]


def load(paths: Sequence[Path], report: Reporter) -> Loaded:
    """Read the image that `paths` name, and what lies beside it.

    A ``_seg.npy`` stands for its image, a folder for its first image. Several
    paths make up the list to step through.

    Raises
    ------
    CellmendError
        If the image cannot be read, or there is none.
    """
    seg_path = paths[0] if paths[0].name.endswith(names.SEG_NPY) else None
    listed = [image_of_seg(path) if path.name.endswith(names.SEG_NPY) else path for path in paths]
    first, folder = _choose(listed)
    report.check()
    image = cellmend.read(first)
    report.check()
    seg, complaint = _read_seg(seg_path or names.output_path(first, names.SEG_NPY))
    masked = {path for path in folder if pairs.masks_of(path) is not None}
    return Loaded(first, image, seg, complaint, folder, masked)


def image_of_seg(path: Path) -> Path:
    """Return the image that a ``_seg.npy`` belongs to.

    Raises
    ------
    FileFormatError
        If it is neither beside it nor where the file says.
    """
    stem = path.name.removesuffix(names.SEG_NPY)
    beside = [other for other in names.images_in(path.parent) if other.stem == stem]
    if beside:
        return beside[0]
    told = Path(seg_npy.read(path).filename)
    for candidate in (told, path.with_name(told.name)):
        if told.name and candidate.is_file():
            return candidate
    raise FileFormatError(path, "its image is not beside it.", hint="Put them in one folder.")


def read_masks(path: Path) -> NDArray[np.uint32]:
    """Read masks of any format."""
    return read_labels(path)


def write_seg(content: SegContent) -> Path:
    """Write ``<stem>_seg.npy`` and return its path."""
    path = names.output_path(content.image, names.SEG_NPY)
    seg_npy.write(path, seg_content.make(content))
    return path


def export(content: SegContent, kind: ExportKind) -> Path:
    """Write one kind of result beside the image and return its path."""
    source, masks = content.image, content.masks
    path = names.output_path(source, SUFFIXES[kind])
    if kind in ("tif", "png"):
        write_labels(path, masks)
    elif kind == "txt":
        write_outlines(path, masks)
    elif kind == "rois":
        write_rois(path, masks)
    elif kind == "flows" and content.results is not None:
        write_flows(path, content.results.flows)
        write_cellprob(names.output_path(source, names.CELLPROB_TIF), content.results.cellprob)
    elif kind == "restored" and content.restored is not None:
        record = content.restored.provenance
        write_image(path, content.restored.image, provenance=record.as_dict() if record else None)
    return path


def _choose(paths: Sequence[Path]) -> tuple[Path, list[Path]]:
    """Return the image to open and the list to step through."""
    if len(paths) == 1 and not paths[0].is_dir():
        return paths[0], names.siblings(paths[0])
    found = names.list_images(paths)
    if not found.files:
        raise found.problems[0]
    return found.files[0], found.files


def _read_seg(path: Path) -> tuple[SegFile | None, CellmendError | None]:
    if not path.exists():
        return None, None
    try:
        return seg_npy.read(path), None
    except CellmendError as error:
        return None, error
