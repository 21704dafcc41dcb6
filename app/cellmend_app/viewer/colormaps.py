"""Colour maps by name: 256 colours each."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

RAMPS: dict[str, Rgb] = {
    "grey": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "orange": (255, 140, 0),
}
"""Maps that go from black to one colour; added up they stay what they are."""
_SCIENTIFIC = {
    "viridis": cv2.COLORMAP_VIRIDIS,
    "magma": cv2.COLORMAP_MAGMA,
    "inferno": cv2.COLORMAP_INFERNO,
    "turbo": cv2.COLORMAP_TURBO,
}
COLORMAPS = (*RAMPS, *_SCIENTIFIC)


@cache
def colormap(name: str) -> NDArray[np.uint8]:
    """Return red, green, blue (256, 3) of a map, from dark to bright; do not write to it.

    Raises
    ------
    KeyError
        If there is no map of that name.
    """
    levels = np.arange(256, dtype=np.uint8)
    if name in RAMPS:
        full = np.array(RAMPS[name], np.float64)
        return np.rint(levels[:, None] / 255 * full).astype(np.uint8)
    swatch = cv2.applyColorMap(levels[:, None], _SCIENTIFIC[name])
    return np.ascontiguousarray(swatch[:, 0, ::-1])
