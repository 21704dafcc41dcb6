"""Leica's LIF files, through the library liffile (the extra ``lif``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cellmend.errors import CellmendError, FileFormatError
from cellmend.image import Image
from cellmend.io import scenes
from cellmend.io.axes import arrange
from cellmend.io.extras import library
from cellmend.io.limits import check_size

_WAVELENGTHS = "λΛ"


def read_lif(path: Path, axes: str | None = None, scene: int | None = None) -> Image:
    """Read one image of a LIF file, counted from 1; the first if none is chosen.

    The wavelengths of a sweep are channels. A section along X and Z is shown with
    Z upwards, as an image of Y and X.

    Raises
    ------
    FileFormatError
        If the library or the image is missing, or the file is damaged, empty or too large.
    """
    with _opened(path) as file:
        _check_complete(path, file)
        count = len(file.images)
        stored = file.images[scenes.place(path, scene, count)]
        return replace(_image(path, stored, axes), scenes=count)


def scene_names(path: Path) -> list[str]:
    """Return the names of the images; errors are those of `read_lif`."""
    with _opened(path) as file:
        return [str(image.name or "") for image in file.images]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    liffile = library(path, "liffile", "lif")
    try:
        with liffile.LifFile(path) as file:
            if not len(file.images):
                raise FileFormatError(path, "there is no image in it.")
            yield file
    except CellmendError:
        raise
    except Exception as error:  # damaged files raise anything
        reason = f"it is damaged, or no LIF file ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def _check_complete(path: Path, file: Any) -> None:
    end = max(block.offset + block.size for block in file.memory_blocks.values())
    if end > path.stat().st_size:
        hint = "Copy it again from where it came."
        raise FileFormatError(path, "the file is incomplete: pixels lie behind its end.", hint=hint)


def _image(path: Path, stored: Any, axes: str | None) -> Image:
    check_size(path, stored.shape, stored.dtype)
    letters = _letters(stored.dims)
    data, found = arrange(path, np.asarray(stored.asarray()), letters, axes)
    channels = data.shape[found.axes.index("C")] if "C" in found.axes else 1
    names = _channel_names(stored)
    size = {}
    for letter, dimension in zip(letters, stored.dims, strict=True):
        steps = np.asarray(stored.coords.get(dimension, ()), dtype=float)
        if letter in found.axes and letter in "ZYX" and len(steps) > 1:
            size[letter] = float(abs(steps[-1] - steps[0]) / (len(steps) - 1) * 1e6)
    return Image(
        data,
        found.axes,
        names if len(names) == channels else (),
        size if size.get("X", 0) > 0 and axes is None else None,
        path,
        found.guessed,
    )


def _letters(dimensions: tuple[str, ...]) -> str:
    letters = "".join(dimensions)
    if "Y" not in letters:
        letters = letters.replace("Z", "Y")
    for wavelength in _WAVELENGTHS:
        letters = letters.replace(wavelength, "S" if "C" in letters else "C")
    return letters


def _channel_names(stored: Any) -> tuple[str, ...]:
    """Return the wavelengths of a sweep, or the names of the colours that LAS X shows."""
    for wavelength in _WAVELENGTHS:
        if wavelength in stored.dims and "C" not in stored.dims:
            return tuple(f"{value * 1e9:.0f} nm" for value in stored.coords[wavelength])
    described = stored.xml_element.iter("ChannelDescription")
    names = tuple(str(channel.get("LUTName") or "") for channel in described)
    return names if all(names) else ()
