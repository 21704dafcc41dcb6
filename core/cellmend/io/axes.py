"""The rule that gives an array from a file its axes.

1. Axes that the file names (OME, ImageJ, our own files) are believed.
2. Samples of a pixel (RGB, grey + alpha) are channels.
3. Axes of length 1, other than Y and X, are dropped.
4. Where the file says nothing, the last two axes are Y and X, except that a last
   axis of 2 to 4 behind two longer ones is the channel axis. Of the others, from
   the right to the left: one of at most 4 is the channel axis if there is none
   yet; the next is Z; the next is T.
5. What is left over is an error that asks for axes.

So a stack of 5 pages without metadata is a volume, one of 2 pages is an image
with two channels. ``axes=`` overrides all of this, with one letter of TCZYX per
dimension, in the order of the file; length 1 axes may be left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, InputError
from cellmend.image import AXES

MOST_CHANNELS = 4
UNKNOWN = "?"

Array = NDArray[np.generic]


def arrange(path: Path, data: Array, axes: str, override: str | None) -> tuple[Array, str]:
    """Return the pixels with their axes in the order TCZYX.

    Parameters
    ----------
    path
        The file, for messages.
    data
        Pixels as the file has them.
    axes
        A letter per dimension: TCZYX, S for samples, anything else is unknown.
    override
        What the person says the axes are, if anything.

    Raises
    ------
    InputError
        If `override` does not fit.
    FileFormatError
        If the axes cannot be guessed.
    """
    if override is not None:
        return _overridden(path, data, override.upper())
    data, axes = _squeezed(data, axes)
    names = "".join(letter if letter in "TCZYXS" else UNKNOWN for letter in axes)
    if UNKNOWN in names:
        names = _guessed(path, data.shape, names)
    data, names = _samples_to_channels(data, names)
    return _ordered(data, names)


def _overridden(path: Path, data: Array, axes: str) -> tuple[Array, str]:
    if len(axes) != data.ndim:
        data = data.reshape([n for n in data.shape if n > 1])
    valid = set(axes) <= set(AXES) and len(set(axes)) == len(axes) and {"Y", "X"} <= set(axes)
    if not valid or len(axes) != data.ndim:
        raise InputError(
            f"Axes {axes!r} do not fit {path}, which holds an array of shape {data.shape}.",
            hint="Give one letter of TCZYX per dimension, each once, with Y and X.",
        )
    return _ordered(data, axes)


def _squeezed(data: Array, axes: str) -> tuple[Array, str]:
    """Drop axes of length 1 except Y and X, named or, if unnamed, the last two."""
    named = "Y" in axes and "X" in axes
    kept = [
        i
        for i, (letter, size) in enumerate(zip(axes, data.shape, strict=True))
        if size > 1 or (letter in "YX" if named else i >= data.ndim - 2)
    ]
    return data.reshape([data.shape[i] for i in kept]), "".join(axes[i] for i in kept)


def _guessed(path: Path, shape: tuple[int, ...], axes: str) -> str:
    letters = list(axes)
    # A writer that knows no axes names the last two Y and X even of an RGB array.
    unsure = len(shape) >= 3 and "S" not in axes and "C" not in axes and letters[-3] == UNKNOWN
    if unsure and 2 <= shape[-1] <= MOST_CHANNELS < min(shape[-3:-1]):
        letters[-3:] = "YXC"
    for place, letter in zip((-1, -2), "XY", strict=True):
        if len(letters) >= 2 and letter not in letters and letters[place] == UNKNOWN:
            letters[place] = letter
    for i in reversed(range(len(letters))):
        if letters[i] == UNKNOWN:
            letters[i] = _next_letter(letters, shape[i])
    if UNKNOWN in letters or not {"Y", "X"} <= set(letters):
        raise FileFormatError(
            path,
            f"the axes of an array of shape {shape} cannot be guessed.",
            hint="Say which is which, for instance axes=TCZYX.",
        )
    return "".join(letters)


def _next_letter(letters: list[str], size: int) -> str:
    if size <= MOST_CHANNELS and "C" not in letters and "S" not in letters:
        return "C"
    return next((letter for letter in "ZT" if letter not in letters), UNKNOWN)


def _samples_to_channels(data: Array, axes: str) -> tuple[Array, str]:
    """Make samples channels; a file with both gets one channel per pair."""
    if "S" not in axes:
        return data, axes
    if "C" not in axes:
        return data, axes.replace("S", "C")
    moved = np.moveaxis(data, axes.index("S"), -1)
    rest = axes.replace("S", "")
    channel = rest.index("C")
    moved = np.moveaxis(moved, -1, channel + 1)
    shape = moved.shape
    joined = (*shape[:channel], shape[channel] * shape[channel + 1], *shape[channel + 2 :])
    return moved.reshape(joined), rest


def _ordered(data: Array, axes: str) -> tuple[Array, str]:
    order = [axes.index(letter) for letter in AXES if letter in axes]
    return np.ascontiguousarray(data.transpose(order)), "".join(axes[i] for i in order)
