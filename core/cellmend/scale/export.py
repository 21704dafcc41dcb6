"""Writing what was found block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.export.kinds import KINDS, Results, export, export_path
from cellmend.io import parts
from cellmend.io.labels import AXES, LARGEST_UINT16
from cellmend.io.tiff import ome_metadata
from cellmend.io.windows import ImageWindows
from cellmend.scale.run import BlockwiseResult


def write(result: BlockwiseResult, source: Path, kind: str, folder: Path | None = None) -> None:
    """Write one of `cellmend.export.kinds.KINDS`.

    Masks as TIFF, image and masks as OME-Zarr, and restored images are written part by part;
    for the other kinds the image and its masks are read into the memory.

    Raises
    ------
    InputError
        If a restored image is wanted, and there is none.
    FileFormatError
        If a file cannot be written.
    """
    in_parts = _IN_PARTS.get(kind)
    if in_parts is not None:
        (suffix,) = KINDS[kind].writers
        in_parts(export_path(source, suffix, folder), result)
        return
    results = Results(
        source=source,
        image=result.windows.read({}),
        masks=np.asarray(result.labels[...]),
        provenance=result.provenance.as_dict(),
    )
    export(results, kind, folder)


def _masks(path: Path, result: BlockwiseResult) -> None:
    dtype = np.uint16 if result.count <= LARGEST_UINT16 else np.uint32

    def read(region: parts.Region) -> NDArray[np.generic]:
        return np.asarray(result.labels[region]).astype(dtype)

    shape = result.labels.shape
    parts.write_tiff(path, shape, dtype, read, metadata={"axes": AXES[-len(shape) :]})


def _zarr(path: Path, result: BlockwiseResult) -> None:
    parts.write_ome_zarr(
        path,
        result.windows.about,
        _reader(result.windows),
        labels=lambda region: np.asarray(result.labels[region]),
        provenance=result.provenance.as_dict(),
    )


def _restored(path: Path, result: BlockwiseResult) -> None:
    restored = result.restored
    if restored is None:
        raise InputError("The image was not restored.")
    about = replace(result.windows.about, data=restored.about.data)
    *before, last = result.provenance.previous
    parts.write_tiff(
        path,
        about.data.shape,
        np.float32,
        _reader(restored),
        ome=True,
        predictor=True,
        metadata=ome_metadata(about, replace(last, previous=tuple(before)).as_dict()),
    )


def _reader(windows: ImageWindows) -> parts.Read:
    axes = windows.about.axes

    def read(region: parts.Region) -> NDArray[np.generic]:
        window = {axis: part for axis, part in zip(axes, region, strict=True) if axis != "C"}
        pixels = windows.read(window).data
        if "C" not in axes:
            return pixels
        place = axes.index("C")
        return pixels[(slice(None),) * place + (region[place],)]

    return read


_IN_PARTS: dict[str, Callable[[Path, BlockwiseResult], None]] = {
    "tif": _masks,
    "zarr": _zarr,
    "restored": _restored,
}
