"""OME-Zarr, versions 0.1 to 0.5, in; see `ome_zarr_write` for out.

Read through zarr-python alone: what OME adds is a page of JSON, and the larger
libraries for it bring Dask and network file systems along. A folder, or one that
is packed in a ``.zarr.zip``; of several images the first, of a pyramid the full
resolution. Codecs that could run code are refused before a chunk is decoded.
"""

from __future__ import annotations

import itertools
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io.axes import UNKNOWN, Arrangement, arrange
from cellmend.io.inflation import check_chunk, codings_to_check
from cellmend.io.limits import check_size, memory_limit
from cellmend.io.units import micrometres

if TYPE_CHECKING:
    import zarr

ZIPPED = ".zarr.zip"
MOST_CHUNKS = 1 << 22
"""That are read at once: each takes a moment, even where it is left out of the file."""
_MARKS = (".zgroup", ".zarray", "zarr.json")
# fmt: off
_HARMLESS = frozenset((
    "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fixedscaleoffset",
    "fletcher32", "gzip", "lz4", "lzma", "packbits", "sharding_indexed", "shuffle", "transpose",
    "zlib", "zstd",
))
# fmt: on
"""Codecs that only move numbers; others, such as pickle, could do anything."""


@dataclass(frozen=True)
class Multiscale:
    """One image of an OME-Zarr, at all its resolutions.

    Parameters
    ----------
    levels
        Arrays from the full resolution down.
    axes
        A letter per dimension, as `cellmend.io.axes` takes them.
    pixel_size_um
        Of the full resolution, along the axes whose unit is known.
    channel_names
        As stored; empty where there are none.
    """

    levels: tuple[zarr.Array[Any], ...]
    axes: str
    pixel_size_um: Mapping[str, float]
    channel_names: tuple[str, ...]


def is_zarr(path: Path) -> bool:
    """Tell whether a path is a Zarr folder or a zipped one; not of one that cannot be reached."""
    try:
        if path.name.lower().endswith(ZIPPED):
            return path.is_file()
        return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)
    except OSError:
        return False


def read_ome_zarr(path: Path, axes: str | None = None) -> Image:
    """Read the first image of an OME-Zarr at full resolution.

    Raises
    ------
    FileFormatError
        If it is damaged, holds no image, is too large for the memory, or asks for
        a codec that is not known to be harmless.
    """
    with opened(path) as node:
        found = multiscale(path, node)
        data, arranged = arrange(path, pixels(path, found.levels[0]), found.axes, axes)
    return as_image(path, found, arranged, data)


def as_image(
    path: Path, found: Multiscale, arranged: Arrangement, data: NDArray[np.generic]
) -> Image:
    """Make an `Image` of the pixels of an OME-Zarr, in the order of the arranged axes."""
    letters = arranged.axes
    channels = data.shape[letters.index("C")] if "C" in letters else 1
    named = len(found.channel_names) == channels
    size = {axis: found.pixel_size_um[axis] for axis in letters if axis in found.pixel_size_um}
    return Image(
        data.view(np.uint8) if data.dtype == bool else data,
        letters,
        found.channel_names if named else (),
        size if "X" in size else None,
        path,
        arranged.guessed,
    )


def read_labels(path: Path) -> NDArray[np.generic]:
    """Read the first label image of an OME-Zarr, or the image itself where it has none.

    Raises
    ------
    FileFormatError
        As `read_ome_zarr` does.
    """
    import zarr

    with opened(path) as node:
        labels = node.get("labels") if isinstance(node, zarr.Group) else None
        if isinstance(labels, zarr.Group):
            names = _ome(labels.attrs).get("labels") or ()
            inner = labels.get(str(names[0])) if names else None
            node = inner if inner is not None else node
        found = multiscale(path, node)
        return arrange(path, pixels(path, found.levels[0]), found.axes, None)[0]


def read_provenance(path: Path) -> dict[str, Any] | None:
    """Return the provenance that Cellmend stored, or None."""
    with opened(path) as node:
        stored = node.attrs.get("cellmend")
    return dict(stored) if isinstance(stored, dict) else None


@contextmanager
def opened(path: Path) -> Iterator[zarr.Group | zarr.Array[Any]]:
    """Open a Zarr for reading; whatever a damaged one raises becomes one kind of error."""
    import zarr
    from zarr.storage import LocalStore, ZipStore

    store: LocalStore | ZipStore | None = None
    try:
        if path.name.lower().endswith(ZIPPED):
            _check_zip(path)
            store = ZipStore(path, mode="r")
        else:
            store = LocalStore(path, read_only=True)
        yield zarr.open(store, mode="r")
    except (CellmendError, KeyboardInterrupt):
        raise
    except MemoryError as error:
        raise FileFormatError(path, "its image does not fit in the memory.") from error
    except Exception as error:  # damaged metadata and chunks raise anything
        reason = f"it is damaged, or no Zarr ({type(error).__name__}: {error})"[:300] + "."
        raise FileFormatError(path, reason) from error
    finally:
        if store is not None:
            store.close()


def multiscale(path: Path, node: zarr.Group | zarr.Array[Any]) -> Multiscale:
    """Return the first image in a node; an array without OME's metadata is an image, too.

    Raises
    ------
    FileFormatError
        If there is no image in it, or it cannot be read safely.
    """
    import zarr

    if isinstance(node, zarr.Array):
        _check_array(path, node)
        return Multiscale((node,), UNKNOWN * node.ndim, {}, ())
    ome = _ome(node.attrs)
    if "plate" in ome:
        hint = "Open one of its images, such as A/1/0 inside it."
        raise FileFormatError(path, "it is a plate of many images.", hint=hint)
    if "multiscales" not in ome:
        first = node.get("0")  # where bioformats2raw puts the first image
        if first is None:
            raise FileFormatError(path, "there is no OME-Zarr image in it.")
        return multiscale(path, first)
    described = ome["multiscales"][0]
    levels: list[zarr.Array[Any]] = []
    for dataset in described["datasets"]:
        level = node[str(dataset["path"])]
        if not isinstance(level, zarr.Array):
            raise FileFormatError(path, "a resolution of its image is missing.")
        _check_array(path, level)
        levels.append(level)
    letters = _letters(described, levels[0].ndim)
    channels = ome.get("omero", {}).get("channels", ())
    names = tuple(str(channel.get("label") or "") for channel in channels)
    return Multiscale(
        tuple(levels),
        letters,
        _sizes(described, letters),
        names if any(names) else (),
    )


def pixels(
    path: Path, array: zarr.Array[Any], window: tuple[slice, ...] | None = None
) -> NDArray[np.generic]:
    """Read an array, or the window of it that has a slice, with both ends, per dimension."""
    inside = window or tuple(slice(0, length) for length in array.shape)
    check_size(path, [part.stop - part.start for part in inside], array.dtype)
    chunks = prod(map(len, _touched(array, inside)))
    if chunks > MOST_CHUNKS:
        raise FileFormatError(
            path,
            f"it is cut into {chunks:,} chunks, more than can be read.",
            hint="Convert it with chunks of 64 pixels or more along Y and X.",
        )
    _check_inflation(path, array, inside)
    data = np.asarray(array[inside])
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return OME's metadata, which version 0.5 moved into a drawer of their own."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def _letters(described: Mapping[str, Any], ndim: int) -> str:
    axes = described.get("axes")
    if not axes:
        return "TCZYX" if ndim == 5 else UNKNOWN * ndim
    names = [axis["name"] if isinstance(axis, Mapping) else axis for axis in axes]
    return "".join(str(name).upper() if len(str(name)) == 1 else UNKNOWN for name in names)


def _sizes(described: Mapping[str, Any], letters: str) -> dict[str, float]:
    """Return µm per pixel at full resolution; a length without a unit is not believed."""
    scale = np.ones(len(letters))
    steps = described["datasets"][0].get("coordinateTransformations", ())
    for step in (*steps, *described.get("coordinateTransformations", ())):
        if step.get("type") == "scale":
            scale = scale * np.asarray(step["scale"], dtype=float)
    sizes = {}
    for letter, axis, length in zip(letters, described.get("axes") or (), scale, strict=False):
        factor = micrometres(axis.get("unit")) if isinstance(axis, Mapping) else None
        if letter in "ZYX" and factor is not None and math.isfinite(length) and length > 0:
            sizes[letter] = float(length) * factor
    return sizes


def _check_array(path: Path, array: zarr.Array[Any]) -> None:
    """Refuse what could run code, fill the memory, or holds no numbers."""
    unknown = sorted(set(_codecs(array.metadata.to_dict())) - _HARMLESS)
    if unknown:
        raise FileFormatError(path, f"it uses the coding {unknown[0]!r}, which is not allowed.")
    if array.dtype.kind not in "buif":
        raise FileFormatError(path, f"pixels of type {array.dtype} are not supported.")
    check_size(path, array.shards or array.chunks, array.dtype)


def _check_inflation(path: Path, array: zarr.Array[Any], window: tuple[slice, ...]) -> None:
    """Refuse chunk files that are decompression bombs; shards and ZIPs are not looked into."""
    codings = codings_to_check(set(_codecs(array.metadata.to_dict())))
    if not codings or not path.is_dir() or array.shards is not None:
        return
    expected = prod(array.chunks) * array.dtype.itemsize
    for place in itertools.product(*_touched(array, window)):
        chunk = path / array.path / array.metadata.encode_chunk_key(place)
        if not all(check_chunk(chunk, coding, expected) for coding in codings):
            raise FileFormatError(path, "a chunk unfolds to far more than it stands for.")


def _touched(array: zarr.Array[Any], window: tuple[slice, ...]) -> list[range]:
    """Return which chunks a window touches, along each dimension."""
    return [
        range(part.start // length, -(-part.stop // length))
        for part, length in zip(window, array.chunks, strict=True)
    ]


def _codecs(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all codecs of an array, those inside shards included."""
    for codec in (*(metadata.get("filters") or ()), metadata.get("compressor")):
        if codec is not None:
            yield str(codec["id"])
    pending = list(metadata.get("codecs") or ())
    while pending:
        codec = pending.pop()
        yield str(codec["name"])
        inside = codec.get("configuration") or {}
        pending += [*inside.get("codecs", ()), *inside.get("index_codecs", ())]


def _check_zip(path: Path) -> None:
    """Refuse a ZIP whose content could not fit in the memory."""
    with zipfile.ZipFile(path) as packed:
        largest = max((entry.file_size for entry in packed.infolist()), default=0)
    if largest > memory_limit():
        raise FileFormatError(path, "a part of it does not fit in the memory: it is damaged.")
