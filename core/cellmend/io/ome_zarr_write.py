"""OME-Zarr out: version 0.4, which more programs read than 0.5, with a pyramid and labels."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.atomic import NEW_FOLDER, OLD_FOLDER, PREFIX, sweep
from cellmend.io.ome_zarr import is_zarr

if TYPE_CHECKING:
    import zarr

VERSION = "0.4"
LABELS = "cells"
CHUNK = 512
_SMALLEST_LEVEL = 512
_LARGEST_NUMBER = 8
"""Bytes per pixel; there are wider floats."""
Halve = Callable[[NDArray[Any]], NDArray[Any]]
_COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FF0000", "0000FF", "FFFF00")
_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def write_ome_zarr(
    path: str | Path,
    image: Image,
    *,
    labels: NDArray[np.integer] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write an image, and masks as its ``labels/cells``.

    Parameters
    ----------
    path
        The folder; a Zarr that is there is replaced as a whole or not at all.
    image
        Any image of integers or floats; booleans are stored as uint8.
    labels
        Masks with the axes of the image but C.
    provenance
        Plain values, kept under ``cellmend`` in the attributes.

    Raises
    ------
    InputError
        If the pixels are no numbers, or the masks do not fit the image.
    FileFormatError
        If the folder cannot be written, or something else is there.
    """
    import zarr

    data = image.data.view(np.uint8) if image.data.dtype == bool else image.data
    if data.dtype.kind not in "uif" or data.dtype.itemsize > _LARGEST_NUMBER:
        raise InputError(f"OME-Zarr cannot hold pixels of type {data.dtype}.")
    flat = image.axes.replace("C", "")
    if labels is not None and labels.shape != tuple(image.size(axis) for axis in flat):
        raise InputError(f"Masks of shape {labels.shape} do not fit the image's axes {flat}.")
    with replacing_folder(Path(path)) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=2)
        name = scenes.stem(image.source) if image.source is not None else Path(path).stem
        _write_levels(root, data, image.axes, image.pixel_size_um, name, halve_by_mean)
        root.attrs["omero"] = _omero(image, name)
        add_provenance(root, provenance)
        if labels is not None:
            inner = create_labels(root)
            _write_levels(inner, labels, flat, image.pixel_size_um, LABELS, halve_labels)


def add_provenance(root: zarr.Group, provenance: Mapping[str, Any] | None) -> None:
    """Keep what ran in the attributes, as plain values."""
    if provenance is not None:
        root.attrs["cellmend"] = json.loads(json.dumps(dict(provenance), default=str))


def create_labels(root: zarr.Group) -> zarr.Group:
    """Create the group of the masks inside that of their image."""
    group = root.create_group("labels")
    group.attrs["labels"] = [LABELS]
    inner = group.create_group(LABELS)
    inner.attrs["image-label"] = {"version": VERSION, "source": {"image": "../../"}}
    return inner


def _write_levels(
    group: zarr.Group,
    data: NDArray[np.generic],
    axes: str,
    size: Mapping[str, float] | None,
    name: str,
    halve: Halve,
) -> None:
    """Write a pyramid, each level half as wide and high as the one before."""
    level = data
    for index, array in enumerate(create_levels(group, data.shape, data.dtype, axes, size, name)):
        level = halve(level) if index else level
        array[...] = level


def create_levels(
    group: zarr.Group,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    axes: str,
    size: Mapping[str, float] | None,
    name: str,
) -> list[zarr.Array[Any]]:
    """Create the empty arrays of a pyramid and say what they are; return them."""
    from numcodecs import Blosc

    arrays: list[zarr.Array[Any]] = []
    described: list[dict[str, Any]] = []
    for step, (height, width) in _level_sizes(*shape[-2:]):
        array = group.create_array(
            str(len(arrays)),
            shape=(*shape[:-2], height, width),
            chunks=(*(1,) * (len(shape) - 2), min(height, CHUNK), min(width, CHUNK)),
            dtype=np.dtype(dtype.str),  # some types have several names, of which Zarr knows one
            compressors=Blosc(cname="zstd", clevel=5, shuffle=Blosc.SHUFFLE),
            chunk_key_encoding={"name": "v2", "separator": "/"},
            fill_value=0,
        )
        scale = [(size or {}).get(axis, 1.0) * (step if axis in "YX" else 1) for axis in axes]
        transformations = [{"type": "scale", "scale": scale}]
        described.append({"path": array.basename, "coordinateTransformations": transformations})
        arrays.append(array)
    group.attrs["multiscales"] = [
        {
            "version": VERSION,
            "name": name,
            "axes": [_axis(letter, size) for letter in axes],
            "datasets": described,
        }
    ]
    return arrays


def _level_sizes(height: int, width: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield, from the full resolution down, pixels per pixel and the size of a plane."""
    step = 1
    yield step, (height, width)
    while max(height, width) > _SMALLEST_LEVEL and min(height, width) >= 2:
        height, width, step = height // 2, width // 2, step * 2
        yield step, (height, width)


def _axis(letter: str, size: Mapping[str, float] | None) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": _TYPES[letter]}
    return axis | {"unit": "micrometer"} if letter in (size or {}) else axis


def _omero(image: Image, name: str) -> dict[str, Any]:
    """Return how a viewer should show the channels."""
    ranges = []
    for index in range(image.n_channels):
        values = image.channel(index)
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        ranges.append((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    return shown(image, name, ranges)


def shown(image: Image, name: str, ranges: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return how a viewer should show the channels, each from its lowest to its highest value."""
    colours = _COLOURS if image.n_channels > 1 else ("FFFFFF",)
    channels = []
    for index, (label, (low, high)) in enumerate(zip(image.channel_names, ranges, strict=True)):
        colour = colours[index % len(colours)]
        window = {"min": low, "max": high, "start": low, "end": high}
        channels.append({"label": label, "color": colour, "active": True, "window": window})
    return {"version": VERSION, "name": name, "channels": channels}


def halve_by_mean(level: NDArray[np.generic]) -> NDArray[np.generic]:
    """Halve height and width by the mean of four pixels; an odd last row or column is dropped."""
    height, width = (n // 2 * 2 for n in level.shape[-2:])
    even = level[..., :height, :width]
    total = np.zeros((*level.shape[:-2], height // 2, width // 2), np.float64)
    for y in (0, 1):
        for x in (0, 1):
            total += even[..., y::2, x::2]
    mean = total / 4
    return (np.rint(mean) if level.dtype.kind in "ui" else mean).astype(level.dtype)


def halve_labels(level: NDArray[np.generic]) -> NDArray[np.generic]:
    """Halve height and width of labels, which have no mean."""
    return level[..., : level.shape[-2] // 2 * 2 : 2, : level.shape[-1] // 2 * 2 : 2]


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `target` at the end.

    Only a Zarr is ever replaced: any other folder or file is not ours to remove. As in
    `cellmend.io.atomic.replacing`, old temporary files and folders are removed.
    """
    if target.exists() and not is_zarr(target):
        raise FileFormatError(target, "something that is no Zarr is there already.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=PREFIX, dir=target.parent))
        sweep(target.parent.resolve())
    except OSError as error:
        raise FileFormatError(target, f"it cannot be written ({error.strerror}).") from error
    fresh, old = workplace / NEW_FOLDER, workplace / OLD_FOLDER
    try:
        yield fresh
        if target.exists():
            os.replace(target, old)
        try:
            os.replace(fresh, target)
        except OSError:
            with suppress(OSError):
                os.replace(old, target)
            raise
    except OSError as error:
        reason = f"it cannot be written ({error.strerror or error})."
        raise FileFormatError(target, reason) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
