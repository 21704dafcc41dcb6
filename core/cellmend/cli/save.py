"""What ``segment`` writes: one writer per kind of file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.cli.pipeline import Found
from cellmend.errors import InputError
from cellmend.image import Image

Writer = Callable[[Path, Found], None]


def planned(source: Path, kinds: Sequence[str], folder: Path | None) -> list[Path]:
    """Return the files that `save` will write for `source`."""
    from cellmend.io.folder import output_path

    return [output_path(source, suffix, folder) for kind in kinds for suffix in FORMATS[kind]]


def save(found: Found, kinds: Sequence[str], folder: Path | None) -> None:
    """Write the results in the kinds asked for."""
    from cellmend.io.folder import output_path

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
    series = "T" in found.original.axes
    flows = found.result.flows
    _write_floats(path, np.moveaxis(flows, 0, 1) if series else flows, found, "C")


def _cellprob(path: Path, found: Found) -> None:
    _write_floats(path, found.result.cellprob, found, "")


def _write_floats(path: Path, data: NDArray[np.float32], found: Found, channel: str) -> None:
    from cellmend.io.tiff import write_image

    axes = "".join(a for a in "TCZYX" if a == channel or (a in found.original.axes and a != "C"))
    image = Image(data, axes, pixel_size_um=found.original.pixel_size_um)
    write_image(path, image, provenance=found.result.provenance.as_dict())


def _measurements(path: Path, found: Found) -> None:
    from cellmend.cli.measure import write_csv
    from cellmend.measure import table

    write_csv(path, table(found.original, found.result.masks))


FORMATS: dict[str, dict[str, Writer]] = {
    "tif": {"_cp_masks.tif": _masks},
    "png": {"_cp_masks.png": _masks},
    "npy": {"_seg.npy": _seg_npy},
    "flows": {"_cp_flows.tif": _flows, "_cp_cellprob.tif": _cellprob},
    "csv": {"_measurements.csv": _measurements},
}
