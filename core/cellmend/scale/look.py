"""How large the cells of an image are that is too large to be looked at as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellmend.chain import Restoring, restore_at_estimate
from cellmend.image import Image
from cellmend.io.windows import ImageWindows
from cellmend.progress import Reporter, shares
from cellmend.scale.scaling import pixels_of
from cellmend.segment import Segmenter

SIDE = 2048
"""Pixels along Y and X of the parts that are looked at."""
GRID = 3
"""Rows and columns of parts that are compared."""
LOOKS = 3
"""Parts whose cells are measured: those with the most contrast."""


def estimate_diameter(
    windows: ImageWindows,
    segmenter: Segmenter,
    restorers: Sequence[Restoring],
    channels: tuple[int, int],
    report: Reporter,
) -> float:
    """Return the median of the diameters in some parts of the middle plane, in pixels.

    Of a part that is restored first, the diameter is that of the restored cells.
    """
    parts = _parts_to_look_at(windows, channels[0])
    found = []
    for part, share in zip(parts, shares(report, len(parts)), strict=True):
        steps = restore_at_estimate(part, restorers, segmenter, share, channels=channels)
        shown = steps[-1].image if steps else part
        found.append(segmenter.estimate_diameter(shown, channels=channels, report=share))
    return float(np.median(found))


def _parts_to_look_at(windows: ImageWindows, channel: int) -> list[Image]:
    shape = windows.shape
    middle = {axis: slice(shape[axis] // 2, shape[axis] // 2 + 1) for axis in "TZ" if axis in shape}
    parts: dict[tuple[int, int], Image] = {}
    for y in _starts(shape["Y"]):
        for x in _starts(shape["X"]):
            window = {**middle, "Y": slice(y, y + SIDE), "X": slice(x, x + SIDE)}
            parts[y, x] = windows.read(window)
    contrast = {
        place: float(pixels_of(part, channel).astype(np.float32).std())
        for place, part in parts.items()
    }
    best = sorted(parts, key=lambda place: (-contrast[place], place))[:LOOKS]
    return [parts[place] for place in best if contrast[place] > 0] or [parts[best[0]]]


def _starts(length: int) -> list[int]:
    """Return where parts begin along an axis."""
    count = min(GRID, -(-length // SIDE))
    return sorted({int(start) for start in np.linspace(0, max(0, length - SIDE), count)})
