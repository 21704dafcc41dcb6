"""Nikon's ND2 files, through the library nd2 (the extra ``nd2``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.axes import arrange
from cellmend.io.extras import library
from cellmend.io.limits import check_size


def read_nd2(path: Path, axes: str | None = None, scene: int | None = None) -> Image:
    """Read one position of an ND2 file, counted from 1; the first if none is chosen.

    Raises
    ------
    FileFormatError
        If the library or the position is missing, or the file is damaged or too large.
    """
    with _opened(path) as file:
        return _image(path, file, axes, scene)


def scene_names(path: Path) -> list[str]:
    """Return the names of the positions; errors are those of `read_nd2`."""
    with _opened(path) as file:
        loops = (loop for loop in file.experiment if loop.type == "XYPosLoop")
        names = [point.name or "" for loop in loops for point in loop.parameters.points]
        count = _count(file)
        return names if len(names) == count else [""] * count


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    nd2 = library(path, "nd2", "nd2")
    try:
        with nd2.ND2File(path) as file:
            yield file
    except CellmendError:
        raise
    except Exception as error:  # damaged files raise anything
        reason = f"it is damaged, or no ND2 file ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def _count(file: Any) -> int:
    return int(file.sizes.get("P", 1))


def _image(path: Path, file: Any, axes: str | None, scene: int | None) -> Image:
    position = scenes.place(path, scene, _count(file))
    sizes = {letter: n for letter, n in file.sizes.items() if letter != "P"}
    check_size(path, tuple(sizes.values()), file.dtype)
    raw = np.asarray(file.asarray(position=position if "P" in file.sizes else None))
    if raw.ndim > len(sizes):
        raw = raw.reshape(tuple(sizes.values()))
    data, found = arrange(path, raw, "".join(sizes), axes)
    channels = data.shape[found.axes.index("C")] if "C" in found.axes else 1
    names = tuple(channel.channel.name for channel in file.metadata.channels or ())
    voxel = file.voxel_size()
    lengths = {"Z": voxel.z, "Y": voxel.y, "X": voxel.x}
    known = bool(file.metadata.channels) and file.metadata.channels[0].volume.axesCalibrated[0]
    size = {axis: float(lengths[axis]) for axis in found.axes if lengths.get(axis, 0) > 0}
    return Image(
        data,
        found.axes,
        names if len(names) == channels and all(names) else (),
        size if known else None,
        path,
        found.guessed,
        _count(file),
    )
