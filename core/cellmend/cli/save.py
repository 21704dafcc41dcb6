"""What ``segment`` writes: the kinds of `cellmend.export.kinds`, and Cellpose's ``_seg.npy``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellmend.cli.pipeline import Found
from cellmend.errors import CellmendError, InputError
from cellmend.io.folder import SEG_NPY, output_path
from cellmend.params import PipelineSettings

if TYPE_CHECKING:
    from cellmend.export.kinds import Results

SEG = "npy"
RESTORED = "restored"
FORMATS = (
    "tif",
    "png",
    SEG,
    "zarr",
    "rois",
    "txt",
    "geojson",
    "coco",
    "flows",
    "csv",
    "xlsx",
    "overlay",
    RESTORED,
)


def planned(source: Path, kinds: Sequence[str], folder: Path | None) -> list[Path]:
    """Return the files that `save` will write for `source`."""
    return [output_path(source, suffix, folder) for kind in kinds for suffix in suffixes(kind)]


def save(found: Found, kinds: Sequence[str], folder: Path | None) -> None:
    """Write the results in the kinds asked for; the errors are those of `each_kind`."""
    from cellmend.export.kinds import export

    def write(kind: str) -> None:
        if kind == SEG:
            _write_seg(output_path(found.source, SEG_NPY, folder), found)
        else:
            export(_results(found), kind, folder)

    each_kind(kinds, write)


def each_kind(kinds: Sequence[str], write: Callable[[str], None]) -> None:
    """Write every kind; one that cannot be written keeps none of the others from being written.

    Raises
    ------
    CellmendError
        In the end, with everything that went wrong.
    """
    failed: list[CellmendError] = []
    for kind in kinds:
        try:
            write(kind)
        except CellmendError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise CellmendError(" ".join(map(str, failed)))


def check_kinds(kinds: Sequence[str], settings: PipelineSettings) -> tuple[str, ...]:
    """Return the kinds, each once.

    Raises
    ------
    InputError
        If there is none, one is unknown, or cannot be had with these settings.
    """
    if not kinds:
        raise InputError("--save: nothing is named.", hint=f"There are: {', '.join(FORMATS)}.")
    for kind in kinds:
        if kind not in FORMATS:
            raise InputError(
                f"--save {kind!r} is unknown.", hint=f"There are: {', '.join(FORMATS)}."
            )
    if RESTORED in kinds and not settings.restore:
        raise InputError(
            f"--save {RESTORED!r}: nothing is restored.",
            hint="Say with --restore what to restore with.",
        )
    return tuple(dict.fromkeys(kinds))


def suffixes(kind: str) -> list[str]:
    """Return how the names of the files of one kind end."""
    from cellmend.export.kinds import KINDS

    return [SEG_NPY] if kind == SEG else list(KINDS[kind].writers)


def _results(found: Found) -> Results:
    from cellmend.export.kinds import Results

    restored = found.restored
    return Results(
        source=found.source,
        image=found.original,
        masks=found.result.masks,
        flows=found.result.flows,
        cellprob=found.result.cellprob,
        restored=None if restored is None else restored.image,
        provenance=found.result.provenance.as_dict(),
        restored_provenance=None if restored is None else restored.provenance.as_dict(),
        confidence=found.result.confidence,
    )


def _write_seg(path: Path, found: Found) -> None:
    from cellmend.export.seg_npy import RunSettings, seg_file
    from cellmend.io import seg_npy

    seg = seg_file(
        _results(found),
        RunSettings.of(found.settings, found.original),
        diameter=found.result.diameter,
        restored_by="" if found.restored is None else found.restored.provenance.title,
    )
    seg_npy.write(path, seg)
