"""What a TIFF file says about its channels and the size of its pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from cellmend.io.units import LARGEST_TRUSTED_UM, micrometres

_COLOURS = ("red", "green", "blue", "alpha")


def channel_names(tif: tifffile.TiffFile, count: int, series: int = 0) -> tuple[str, ...]:
    """Return a name per channel of a series, or nothing where the file names none."""
    pixels = _ome_pixels(tif, series)
    if pixels is not None:
        found = [e.get("Name") or "" for e in pixels if _tag(e) == "Channel"]
        if len(found) == count and any(found):
            return tuple(name or f"channel {i + 1}" for i, name in enumerate(found))
    if tif.is_imagej:
        labels = (tif.imagej_metadata or {}).get("Labels")
        if isinstance(labels, list) and len(labels) == count > 1 and all(labels):
            return tuple(str(label) for label in labels)
    page = tif.series[series].keyframe
    if page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
        return _COLOURS[:count] if count in (3, 4) else ()
    return ()


def pixel_size_um(tif: tifffile.TiffFile, axes: str, series: int = 0) -> Mapping[str, float] | None:
    """Return µm per pixel of a series along the spatial axes that the file gives, or None."""
    if tif.is_ome:
        sizes = _ome_sizes(tif, series)
    elif tif.is_imagej:
        sizes = _imagej_sizes(tif)
    else:
        sizes = _tag_sizes(tif)
    good = {a: s for a, s in sizes.items() if a in axes and math.isfinite(s) and s > 0}
    return good if "X" in good else None


def provenance(tif: tifffile.TiffFile) -> dict[str, Any] | None:
    """Return the provenance stored by Cellmend, or None."""
    root = _ome_root(tif)
    for element in root.iter() if root is not None else ():
        if _tag(element) == "Description" and (element.text or "").startswith('{"cellmend"'):
            try:
                stored = json.loads(element.text or "")["cellmend"]
            except ValueError:
                return None
            return stored if isinstance(stored, dict) else None
    return None


def _ome_root(tif: tifffile.TiffFile) -> ElementTree.Element | None:
    if not tif.is_ome or not tif.ome_metadata:
        return None
    try:
        return ElementTree.fromstring(tif.ome_metadata)
    except ElementTree.ParseError:
        return None


def _ome_pixels(tif: tifffile.TiffFile, series: int) -> ElementTree.Element | None:
    """Return what OME tells of a series; of the first image if it is not told which is which."""
    root = _ome_root(tif)
    every = [] if root is None else [e for e in root.iter() if _tag(e) == "Pixels"]
    if not every:
        return None
    return every[series] if len(every) == len(tif.series) else every[0]


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _ome_sizes(tif: tifffile.TiffFile, series: int) -> dict[str, float]:
    pixels = _ome_pixels(tif, series)
    sizes: dict[str, float] = {}
    for axis in "ZYX":
        value = None if pixels is None else pixels.get(f"PhysicalSize{axis}")
        if pixels is None or value is None:
            continue
        factor = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if factor is not None:
            sizes[axis] = _number(value) * factor
    return sizes


def _imagej_sizes(tif: tifffile.TiffFile) -> dict[str, float]:
    metadata = tif.imagej_metadata or {}
    factor = micrometres(metadata.get("unit", ""))
    if factor is None:
        return {}
    sizes = {axis: per * factor for axis, per in _per_unit(tif).items()}
    if "spacing" in metadata:
        sizes["Z"] = abs(_number(metadata["spacing"])) * factor
    return sizes


def _tag_sizes(tif: tifffile.TiffFile) -> dict[str, float]:
    """Read resolution tags; only centimetres are meant, inches are a printer's default."""
    unit = tif.series[0].keyframe.tags.get("ResolutionUnit")
    if unit is None or int(unit.value) != 3:
        return {}
    sizes = {axis: per * 1e4 for axis, per in _per_unit(tif).items()}
    return sizes if all(size <= LARGEST_TRUSTED_UM for size in sizes.values()) else {}


def _per_unit(tif: tifffile.TiffFile) -> dict[str, float]:
    """Return units per pixel from the resolution tags, which hold pixels per unit."""
    sizes = {}
    for axis in "YX":
        tag = tif.series[0].keyframe.tags.get(f"{axis}Resolution")
        value = tag.value if tag is not None else None
        # 1/1 is what writers put there when they know nothing.
        if isinstance(value, tuple) and len(value) == 2 and all(value) and value[0] != value[1]:
            sizes[axis] = value[1] / value[0]
    return sizes


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan
