"""What ``segment`` writes: one writer per kind of file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cellmend.cli.pipeline import Found
from cellmend.errors import InputError
from cellmend.io import folder as names
from cellmend.io.folder import output_path

Writer = Callable[[Path, Found], None]


def planned(source: Path, kinds: Sequence[str], folder: Path | None) -> list[Path]:
    """Return the files that `save` will write for `source`."""
    return [output_path(source, suffix, folder) for kind in kinds for suffix in FORMATS[kind]]


def save(found: Found, kinds: Sequence[str], folder: Path | None) -> None:
    """Write the results in the kinds asked for."""
    for kind in kinds:
        for suffix, write in FORMATS[kind].items():
            write(output_path(found.source, suffix, folder), found)


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds, each once.

    Raises
    ------
    InputError
        If one is unknown.
    """
    for kind in kinds:
        if kind not in FORMATS:
            raise InputError(
                f"--save {kind!r} is unknown.", hint=f"There are: {', '.join(FORMATS)}."
            )
    return tuple(dict.fromkeys(kinds))


def _masks(path: Path, found: Found) -> None:
    from cellmend.io.labels import write_labels

    write_labels(path, found.result.masks)


def _seg_npy(path: Path, found: Found) -> None:
    from cellmend.io import seg_npy

    settings = found.settings
    main, nuclear = settings.channels or (1, 0)
    colour = found.original.n_channels > 1  # Cellpose counts a grey image as channel 0
    seg_npy.write(
        path,
        seg_npy.SegFile(
            masks=found.result.masks,
            filename=str(found.source),
            chan_choose=(main if colour else 0, nuclear),
            diameter=found.result.diameter,
            model_path=settings.model,
            flow_threshold=settings.masks.flow_threshold,
            cellprob_threshold=settings.masks.cellprob_threshold,
        ),
    )


def _flows(path: Path, found: Found) -> None:
    from cellmend.export.flows import write_flows

    write_flows(path, found.result.flows, found.result.provenance.as_dict(), _space(found))


def _cellprob(path: Path, found: Found) -> None:
    from cellmend.export.flows import write_cellprob

    write_cellprob(path, found.result.cellprob, found.result.provenance.as_dict(), _space(found))


def _space(found: Found) -> str:
    return found.original.axes.replace("C", "")


def _rois(path: Path, found: Found) -> None:
    from cellmend.export.rois import write_rois

    write_rois(path, found.result.masks)


def _outlines(path: Path, found: Found) -> None:
    from cellmend.export.outlines_txt import write_outlines

    write_outlines(path, found.result.masks)


def _geojson(path: Path, found: Found) -> None:
    from cellmend.export.geojson import write_geojson

    write_geojson(path, found.result.masks)


def _measurements(path: Path, found: Found) -> None:
    from cellmend.export.table import write_table
    from cellmend.measure import table

    write_table(path, table(found.original, found.result.masks))


def _overlay(path: Path, found: Found) -> None:
    from cellmend.export.overlay import write_overlay

    write_overlay(path, found.original, found.result.masks)


FORMATS: dict[str, dict[str, Writer]] = {
    "tif": {names.MASKS_TIF: _masks},
    "png": {names.MASKS_PNG: _masks},
    "npy": {names.SEG_NPY: _seg_npy},
    "rois": {names.ROIS_ZIP: _rois},
    "txt": {names.OUTLINES_TXT: _outlines},
    "geojson": {names.GEOJSON: _geojson},
    "flows": {names.FLOWS_TIF: _flows, names.CELLPROB_TIF: _cellprob},
    "csv": {names.MEASUREMENTS_CSV: _measurements},
    "overlay": {names.OVERLAY_PNG: _overlay},
}
