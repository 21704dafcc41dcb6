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

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import AxesError, InputError
from cellmend.image import AXES

MOST_CHANNELS = 4
UNKNOWN = "?"

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Arrangement:
    """How the dimensions of a file become the axes of an image.

    Parameters
    ----------
    axes
        The axes of the image, in the order TCZYX.
    sources
        Per axis, the dimensions of the file that it is made of: one, or for the
        channels of a file that has samples, too, both. Dimensions of length 1 may
        be left out.
    guessed
        The letters that were guessed, in the order of the file and without dimensions
        of length 1; empty where the file says which dimension is which.
    """

    axes: str
    sources: tuple[tuple[int, ...], ...]
    guessed: str = ""

    def shape(self, stored: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the image that an array of shape `stored` becomes."""
        return tuple(prod(stored[i] for i in group) for group in self.sources)

    def apply(self, data: Array) -> Array:
        """Return the pixels in the order of the image's axes.

        They are contiguous in memory; of a memory map they are a view, not a copy,
        unless two of its dimensions that do not lie side by side become one.
        """
        used = [i for group in self.sources for i in group]
        left_out = [i for i in range(data.ndim) if i not in used]
        moved = data.transpose(left_out + used).reshape(self.shape(data.shape))
        return np.asarray(moved) if isinstance(data, np.memmap) else np.ascontiguousarray(moved)


def arrange(path: Path, data: Array, axes: str, override: str | None) -> tuple[Array, Arrangement]:
    """Return the pixels with their axes in the order TCZYX, and how they were found.

    Parameters and errors are those of `arrangement`.
    """
    found = arrangement(path, data.shape, axes, override)
    return found.apply(data), found


def arrangement(
    path: Path, shape: tuple[int, ...], axes: str, override: str | None = None
) -> Arrangement:
    """Say how the dimensions of a file become axes in the order TCZYX.

    Parameters
    ----------
    path
        The file, for messages.
    shape
        Of the array as the file has it.
    axes
        A letter per dimension: TCZYX, S for samples, anything else is unknown.
    override
        What the person says the axes are, if anything.

    Raises
    ------
    InputError
        If `override` does not fit.
    AxesError
        If the axes cannot be guessed.
    """
    if override is not None:
        return _overridden(path, shape, override.upper())
    kept = _kept(axes, shape)
    names = "".join(axes[i] if axes[i] in "TCZYXS" else UNKNOWN for i in kept)
    if UNKNOWN not in names:
        return _ordered(names, kept)
    names = _guessed(path, tuple(shape[i] for i in kept), names)
    # Two dimensions leave no choice; channels that are samples too cannot be told apart.
    doubtful = len(kept) > 2 and not {"C", "S"} <= set(names)
    return _ordered(names, kept, guessed=names.replace("S", "C") if doubtful else "")


def _overridden(path: Path, shape: tuple[int, ...], axes: str) -> Arrangement:
    kept = list(range(len(shape)))
    if len(axes) != len(shape):
        kept = [i for i in kept if shape[i] > 1]
    valid = set(axes) <= set(AXES) and len(set(axes)) == len(axes) and {"Y", "X"} <= set(axes)
    if not valid or len(axes) != len(kept):
        raise InputError(
            f"Axes {axes!r} do not fit {path}, which holds an array of shape {shape}.",
            hint="Give one letter of TCZYX per dimension, each once, with Y and X.",
        )
    return _ordered(axes, kept)


def _kept(axes: str, shape: tuple[int, ...]) -> list[int]:
    """Leave out axes of length 1 except Y and X, named or, if unnamed, the last two."""
    named = "Y" in axes and "X" in axes
    return [
        i
        for i, (letter, size) in enumerate(zip(axes, shape, strict=True))
        if size > 1 or (letter in "YX" if named else i >= len(shape) - 2)
    ]


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
        raise AxesError(path, shape)
    return "".join(letters)


def _next_letter(letters: list[str], size: int) -> str:
    if size <= MOST_CHANNELS and "C" not in letters and "S" not in letters:
        return "C"
    return next((letter for letter in "ZT" if letter not in letters), UNKNOWN)


def _ordered(names: str, kept: Sequence[int], *, guessed: str = "") -> Arrangement:
    """Put the axes in order; samples are channels, of a file with both one per pair."""
    places: dict[str, tuple[int, ...]] = {
        letter: (kept[place],) for place, letter in enumerate(names)
    }
    samples = places.pop("S", ())
    if samples:
        places["C"] = places.get("C", ()) + samples
    axes = "".join(letter for letter in AXES if letter in places)
    return Arrangement(axes, tuple(places[letter] for letter in axes), guessed)
