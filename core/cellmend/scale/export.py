"""Writing what was found block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.export.kinds import KINDS, Results, export, export_path
from cellmend.image import Image
from cellmend.io import parts
from cellmend.io.labels import LARGEST_UINT16, tiff_tags
from cellmend.io.tiff import ome_tags
from cellmend.io.windows import ImageWindows
from cellmend.params import NormalizeSettings, Scale
from cellmend.progress import SILENT
from cellmend.restore.scale import seen_as, to_scale
from cellmend.scale.blocks import cut
from cellmend.scale.restore import BLOCK
from cellmend.scale.run import BlockwiseRestoration, BlockwiseResult
from cellmend.scale.scaling import find_scaling
from cellmend.scale.workers import ThisProcess


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

    about = result.windows.about
    how = tiff_tags(about.axes.replace("C", ""), about.pixel_size_um)
    parts.write_tiff(path, result.labels.shape, dtype, read, **how)


def _zarr(path: Path, result: BlockwiseResult) -> None:
    parts.write_ome_zarr(
        path,
        result.windows.about,
        _reader(result.windows),
        labels=lambda region: np.asarray(result.labels[region]),
        provenance=result.provenance.as_dict(),
    )


def _restored(path: Path, result: BlockwiseResult) -> None:
    if result.restored is None:
        raise InputError("The image was not restored.")
    write_restored(path, result.restored)


def write_restored(path: Path, restoration: BlockwiseRestoration, scale: Scale = "unit") -> None:
    """Write a restored image as OME-TIFF or OME-Zarr.

    Parameters
    ----------
    path
        The file, which ends in .tif or .zarr.
    restoration
        What is restored.
    scale
        Of the values; see `cellmend.restore.scale.to_scale`.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    original = restoration.original.about
    shape = original.data.shape
    dtype = np.dtype(scale if scale.startswith("uint") else np.float32)
    about = replace(original, data=np.broadcast_to(np.zeros((), dtype), shape))
    restored = _reader(restoration.image)
    limits = _raw_limits(restoration) if scale == "raw" else None

    def read(region: parts.Region) -> NDArray[np.generic]:
        pixels = restored(region)
        if limits is None:
            values = Image(pixels.reshape(pixels.shape[-2:]))
            return to_scale(values, values, scale).data.reshape(pixels.shape)
        place = (original.axes.find(axis) for axis in "CTZ")
        low, high = limits[tuple(0 if i < 0 else region[i].start for i in place)]
        return pixels.astype(np.float32) * np.float32(high - low) + np.float32(low)

    record = restoration.provenance.as_dict()
    if path.suffix == ".zarr":
        parts.write_ome_zarr(path, about, read, provenance=record)
        return
    parts.write_tiff(path, shape, dtype, read, predictor=True, **ome_tags(about, record))


def _raw_limits(restoration: BlockwiseRestoration) -> NDArray[np.float64]:
    """Return what 0 and 1 stand for in every channel and plane: (C, T, Z, 2)."""
    original = restoration.original
    how = NormalizeSettings.model_validate(restoration.provenance.settings["normalize"])
    blocks = cut(original.space, {"T": 1, "Z": 1, "Y": BLOCK, "X": BLOCK}, {})
    every = range(1, original.about.n_channels + 1)
    scaling = find_scaling(original, every, seen_as(how), blocks, ThisProcess(), SILENT)
    limits = np.zeros((0, 1, 1, 2)) if scaling.limits is None else scaling.limits
    return limits[..., ::-1] if how.enabled and how.invert else limits


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
