"""Everything that can be exported, behind one table; the command line and the window share it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.export.coco import write_coco
from cellmend.export.flows import write_cellprob, write_flows
from cellmend.export.geojson import write_geojson
from cellmend.export.outlines_txt import write_outlines
from cellmend.export.overlay import write_overlay
from cellmend.export.rois import write_rois
from cellmend.export.table import write_table
from cellmend.image import Image
from cellmend.io import folder as names
from cellmend.io import scenes
from cellmend.io.labels import write_labels
from cellmend.io.ome_zarr_write import write_ome_zarr
from cellmend.io.tiff import write_image
from cellmend.labels.confidence import Confidence
from cellmend.measure import table
from cellmend.measure.cells import Table

DEFAULT_PATTERN = "{name}"
PLACEHOLDERS = ("name", "folder", "date")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SPECIAL = re.compile(r'[/\\:*?"<>|\0]')


@dataclass(frozen=True, eq=False)
class Results:
    """What was found in an image, ready to be exported.

    Parameters
    ----------
    source
        The image's file.
    image
        The raw image.
    masks
        Labels, of the image's axes but C.
    flows, cellprob
        The network's output, if it is known.
    restored
        The restored image, if there is one.
    provenance, restored_provenance
        The records of the runs that made the masks and the restored image.
    confidence
        What the run says of its cells, if it is known.
    """

    source: Path
    image: Image
    masks: NDArray[np.integer]
    flows: NDArray[np.floating] | None = None
    cellprob: NDArray[np.floating] | None = None
    restored: Image | None = None
    provenance: Mapping[str, Any] | None = None
    restored_provenance: Mapping[str, Any] | None = None
    confidence: Confidence | None = None

    @property
    def space(self) -> str:
        """The axes of the masks."""
        return self.image.axes.replace("C", "")

    def measured(self) -> Table:
        """Return the table of its cells."""
        return table(self.image, self.masks, self.confidence)


Writer = Callable[[Path, Results], object]


@dataclass(frozen=True)
class Kind:
    """One kind of export.

    Parameters
    ----------
    title
        What a person calls it.
    writers
        What writes each of its files, by the end of the file's name.
    flat
        Whether it holds one plane only.
    there
        Whether the results have what it needs.
    """

    title: str
    writers: Mapping[str, Writer]
    flat: bool = False
    there: Callable[[Results], bool] = lambda results: True

    def fits(self, results: Results) -> bool:
        """Whether the results can be exported as this."""
        return self.there(results) and not (self.flat and results.masks.ndim > 2)


def export_path(
    source: Path, suffix: str, folder: Path | None = None, pattern: str = DEFAULT_PATTERN
) -> Path:
    """Return where a file of `source` is exported to.

    Parameters
    ----------
    source
        The image.
    suffix
        The end of the file's name, such as ``_cp_masks.tif``.
    folder
        Where to; beside the image by default.
    pattern
        The beginning of the name: ``{name}`` stands for the image's name without its
        extension, ``{folder}`` for that of its folder, ``{date}`` for today's date.

    Raises
    ------
    InputError
        If the pattern has another placeholder, or would leave the folder.
    """
    values = {
        "name": scenes.stem(source),
        "folder": source.parent.name,
        "date": date.today().isoformat(),
    }
    unknown = set(_PLACEHOLDER.findall(pattern)) - values.keys()
    if unknown:
        raise InputError(
            f"The name pattern {pattern!r} has an unknown part: {{{min(unknown)}}}.",
            hint=f"There are {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}.",
        )
    written = pattern.strip()  # what files and folders are called themselves is a name already
    stem = _PLACEHOLDER.sub(lambda match: values[match[1]], written)
    if not stem or written.startswith(".") or _SPECIAL.search(_PLACEHOLDER.sub("", written)):
        raise InputError(
            f"{stem!r} cannot be a file name.", hint="Leave out slashes and other special signs."
        )
    return (source.parent if folder is None else folder) / f"{stem}{suffix}"


def planned(
    results: Results, kind: str, folder: Path | None = None, pattern: str = DEFAULT_PATTERN
) -> list[Path]:
    """Return the files that `export` will write."""
    return [export_path(results.source, end, folder, pattern) for end in KINDS[kind].writers]


def export(
    results: Results, kind: str, folder: Path | None = None, pattern: str = DEFAULT_PATTERN
) -> list[Path]:
    """Write one of `KINDS` and return its files; those that are there are replaced.

    Raises
    ------
    InputError
        If the results lack what is to be written, or the name pattern is wrong.
    FileFormatError
        If a file cannot be written.
    """
    chosen = KINDS[kind]
    if not chosen.there(results):
        raise InputError(f"{results.source.name}: there are no {chosen.title} to export.")
    paths = planned(results, kind, folder, pattern)
    for path, write in zip(paths, chosen.writers.values(), strict=True):
        write(path, results)
    return paths


def _masks(path: Path, results: Results) -> None:
    size = results.image.pixel_size_um
    write_labels(path, results.masks, axes=results.space, pixel_size_um=size)


def _zarr(path: Path, results: Results) -> None:
    write_ome_zarr(path, results.image, labels=results.masks, provenance=results.provenance)


def _rois(path: Path, results: Results) -> None:
    write_rois(path, results.masks)


def _outlines(path: Path, results: Results) -> None:
    write_outlines(path, results.masks)


def _geojson(path: Path, results: Results) -> None:
    flat = results.masks.ndim == 2  # write_geojson refuses anything else
    write_geojson(path, results.masks, results.measured() if flat else None)


def _coco(path: Path, results: Results) -> None:
    write_coco(path, results.masks, results.source.name)


def _measurements(path: Path, results: Results) -> None:
    write_table(path, results.measured())


def _overlay(path: Path, results: Results) -> None:
    write_overlay(path, results.image, results.masks)


def _flows(path: Path, results: Results) -> None:
    if results.flows is not None:
        write_flows(path, results.flows, results.provenance, results.space)


def _cellprob(path: Path, results: Results) -> None:
    if results.cellprob is not None:
        write_cellprob(path, results.cellprob, results.provenance, results.space)


def _restored(path: Path, results: Results) -> None:
    if results.restored is not None:
        write_image(path, results.restored, provenance=results.restored_provenance)


KINDS: dict[str, Kind] = {
    "tif": Kind("masks as TIFF", {names.MASKS_TIF: _masks}),
    "png": Kind("masks as PNG", {names.MASKS_PNG: _masks}, flat=True),
    "zarr": Kind("image and masks as OME-Zarr", {names.MASKS_ZARR: _zarr}),
    "rois": Kind("ROIs for ImageJ", {names.ROIS_ZIP: _rois}),
    "txt": Kind("outlines as text", {names.OUTLINES_TXT: _outlines}, flat=True),
    "geojson": Kind("polygons for QuPath (GeoJSON)", {names.GEOJSON: _geojson}, flat=True),
    "coco": Kind("annotations as COCO", {names.COCO_JSON: _coco}, flat=True),
    "csv": Kind("measurements as CSV", {names.MEASUREMENTS_CSV: _measurements}),
    "xlsx": Kind("measurements for Excel (XLSX)", {names.MEASUREMENTS_XLSX: _measurements}),
    "overlay": Kind("a picture with the cells (PNG)", {names.OVERLAY_PNG: _overlay}),
    "flows": Kind(
        "flows and cell probability",
        {names.FLOWS_TIF: _flows, names.CELLPROB_TIF: _cellprob},
        there=lambda results: results.flows is not None and results.cellprob is not None,
    ),
    "restored": Kind(
        "restored images (OME-TIFF)",
        {names.RESTORED_TIF: _restored},
        there=lambda results: results.restored is not None,
    ),
}
