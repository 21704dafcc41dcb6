"""Zeiss's CZI files, through their own library pylibCZIrw (the extra ``czi``).

It reads the codings that newer microscopes write (Zstandard), and puts the tiles
of a mosaic together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.axes import arrange
from cellmend.io.extras import library
from cellmend.io.limits import check_size

_TYPES = {
    "Gray8": np.uint8,
    "Gray16": np.uint16,
    "Gray32Float": np.float32,
    "Bgr24": np.uint8,
    "Bgr48": np.uint16,
    "Bgr96Float": np.float32,
}


def read_czi(path: Path, axes: str | None = None, scene: int | None = None) -> Image:
    """Read one scene of a CZI file, counted from 1; the first if none is chosen.

    Pixels between the tiles of a mosaic are 0.

    Raises
    ------
    FileFormatError
        If the library or the scene is missing, or the file is damaged or too large.
    """
    with _opened(path) as file:
        return _image(path, file, axes, scene)


def scene_names(path: Path) -> list[str]:
    """Return the names of the scenes; errors are those of `read_czi`."""
    with _opened(path) as file:
        numbers, names = _scenes(file), _named_scenes(file.raw_metadata)
        return [names.get(number, "") for number in numbers]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    czi = library(path, "pylibCZIrw.czi", "czi")
    try:
        with czi.open_czi(str(path)) as file:
            yield file
    except CellmendError:
        raise
    except Exception as error:  # damaged files raise anything
        reason = f"it is damaged, or no CZI file ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def _scenes(file: Any) -> list[int | None]:
    """Return the numbers that the file has for its scenes; None of one without scenes."""
    return sorted(file.scenes_bounding_rectangle_no_pyramid) or [None]


def _image(path: Path, file: Any, axes: str | None, scene: int | None) -> Image:
    numbers = _scenes(file)
    number = numbers[scenes.place(path, scene, len(numbers))]
    data, found = arrange(path, _pixels(path, file, number), "TCZYXS", axes)
    names, size = _described(file.raw_metadata)
    kinds = file.pixel_types.values()
    channels = data.shape[found.axes.index("C")] if "C" in found.axes else 1
    if len(kinds) == 1 and channels == 3:
        names = ("red", "green", "blue")
    known = {axis: size[axis] for axis in found.axes if axis in size}
    return Image(
        data,
        found.axes,
        names if len(names) == channels else (),
        known if "X" in known else None,
        path,
        found.guessed,
        len(numbers),
    )


def _pixels(path: Path, file: Any, scene: int | None) -> NDArray[np.generic]:
    """Return (T, C, Z, Y, X, S) of a scene."""
    kinds = set(file.pixel_types.values())
    if not kinds or not kinds <= _TYPES.keys():
        raise FileFormatError(path, f"pixels of type {', '.join(kinds) or '?'} are not supported.")
    box = file.total_bounding_rectangle_no_pyramid
    if scene is not None:
        box = file.scenes_bounding_rectangle_no_pyramid[scene]
    extent = file.total_bounding_box_no_pyramid
    ranges = {axis: range(*extent.get(axis, (0, 1))) for axis in "TCZ"}
    lengths = tuple(len(ranges[axis]) for axis in "TCZ")
    samples = 3 if any(kind.startswith("Bgr") for kind in kinds) else 1
    dtype = np.result_type(*(_TYPES[kind] for kind in kinds))
    shape = (*lengths, box.h, box.w, samples)
    check_size(path, shape, dtype)
    data = np.empty(shape, dtype)
    for t, c, z in np.ndindex(*lengths):
        plane = {"T": ranges["T"][t], "C": ranges["C"][c], "Z": ranges["Z"][z]}
        values = file.read(roi=(box.x, box.y, box.w, box.h), plane=plane, scene=scene)
        data[t, c, z] = values[..., ::-1]  # stored as blue, green, red
    return data


def _named_scenes(metadata: str) -> dict[int | None, str]:
    """Return the names of the scenes by the numbers that the file has for them."""
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return {}
    stored = root.iterfind("./Metadata/Information/Image/Dimensions/S/Scenes/Scene")
    return {int(scene.get("Index", -1)): scene.get("Name") or "" for scene in stored}


def _described(metadata: str) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the names of the channels and µm per pixel."""
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return (), {}
    channels = root.findall("./Metadata/Information/Image/Dimensions/Channels/Channel")
    names = tuple(channel.get("Name") or "" for channel in channels)
    size = {}
    for distance in root.iterfind("./Metadata/Scaling/Items/Distance"):
        metres = float(distance.findtext("Value") or 0)
        if metres > 0:
            size[distance.get("Id", "")] = metres * 1e6
    return names if all(names) else (), size
