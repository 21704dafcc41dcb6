"""What every pipeline does to planes: check, group and resize them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError

Floats = NDArray[np.float32]

TOGETHER = 4
"""Batches that planes of an image, and small images, fill together: only the last is not full."""


def check_usable(data: NDArray[np.generic]) -> None:
    """Refuse an image that shows nothing.

    Raises
    ------
    InputError
        If a value is NaN or infinite, or all values are the same.
    """
    check_finite(data)
    first = data.flat[0]
    if np.all(data == first):
        raise InputError(
            f"The image is constant: every value is {first}.", hint="There is nothing to see in it."
        )


def check_finite(data: NDArray[np.generic]) -> None:
    """Refuse an image with values that are NaN or infinite, by an `InputError`."""
    if np.issubdtype(data.dtype, np.inexact):
        bad = int(data.size - np.count_nonzero(np.isfinite(data)))
        if bad:
            raise InputError(
                f"{bad} of {data.size} values are not numbers (NaN or infinite).",
                hint="Replace them, for instance by the background value.",
            )


def filled(sizes: Iterable[int], wanted: int) -> Iterator[list[int]]:
    """Group things in their order: each group is the shortest whose sizes sum up to `wanted`.

    Yields the indices of each group; those of the last may sum up to less.
    """
    group: list[int] = []
    total = 0
    for index, size in enumerate(sizes):
        group.append(index)
        total += size
        if total >= wanted:
            yield group
            group, total = [], 0
    if group:
        yield group


def resize_plane(plane: Floats, shape: tuple[int, ...]) -> Floats:
    """Resize a (Y, X) plane to `shape` by linear interpolation."""
    import cv2

    if plane.shape == shape:
        return plane
    height, width = shape
    resized = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)
