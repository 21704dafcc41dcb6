"""Planes at a half, a quarter... of their size, in their own number type, made when needed."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cellmend_app.viewer.render import strips

LARGEST = 1 << 31
"""Bytes of a plane up to which smaller copies are made; a larger one, read from disk by memory
map, is sampled, so that showing it does not read all of it."""
_AVERAGED = (np.uint8, np.uint16, np.int16, np.float32, np.float64)


class Levels:
    """One plane (Y, X) and its smaller copies; level n is 2**n times smaller.

    A copy averages 2 × 2 pixels of the one before. Safe to use from several threads.

    Parameters
    ----------
    plane
        Pixels; not copied, and never changed.
    """

    def __init__(self, plane: NDArray[Any]) -> None:
        self._levels = [plane]
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at full size."""
        return self._levels[0].shape[0], self._levels[0].shape[1]

    def at(self, level: int) -> NDArray[Any]:
        """Return the plane made 2**level times smaller."""
        full = self._levels[0]
        if level and full.nbytes > LARGEST:
            return full[:: 2**level, :: 2**level]
        with self._lock:
            while level >= len(self._levels):
                self._levels.append(_halved(self._levels[-1]))
            return self._levels[level]

    @property
    def nbytes(self) -> int:
        """Bytes of the smaller copies made so far."""
        return sum(level.nbytes for level in self._levels[1:])


def averageable(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels of a type that OpenCV can average: themselves, or as float32."""
    if pixels.dtype in _AVERAGED:
        return np.ascontiguousarray(pixels)
    return pixels.astype(np.float32)


def _halved(pixels: NDArray[Any]) -> NDArray[Any]:
    height, width = max(1, pixels.shape[0] // 2), max(1, pixels.shape[1] // 2)
    kind = averageable(pixels[:1, :1]).dtype
    out = np.empty((height, width), kind)
    for rows in strips(out.shape):
        source = averageable(pixels[2 * rows.start : 2 * rows.stop, : 2 * width])
        out[rows] = cv2.resize(
            source, (width, rows.stop - rows.start), interpolation=cv2.INTER_AREA
        )
    return out
