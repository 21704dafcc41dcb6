"""Colours of cells.

Neighbours differ, a cell keeps its colour while it is edited, and people of any
colour vision can tell the colours apart.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.runs import Box
from cellmend_app.viewer.colormaps import Rgb, colormap

Palette = NDArray[np.uint8]

PALETTE: Palette = np.array(
    [
        (86, 180, 233),
        (240, 140, 40),
        (64, 200, 140),
        (236, 112, 170),
        (245, 225, 80),
        (90, 120, 235),
        (235, 85, 75),
        (150, 230, 225),
        (180, 120, 230),
        (170, 215, 90),
        (250, 185, 170),
        (200, 160, 100),
    ],
    np.uint8,
)
"""Red, green, blue; derived from Okabe and Ito's colours, made lighter for dark images."""

_BRIGHT = np.array(
    [
        (255, 64, 64),
        (64, 255, 96),
        (80, 120, 255),
        (255, 235, 59),
        (255, 64, 255),
        (64, 240, 255),
        (255, 150, 30),
        (170, 90, 255),
        (190, 255, 60),
        (255, 120, 180),
        (40, 190, 170),
        (200, 200, 255),
    ],
    np.uint8,
)
PALETTES: dict[str, Palette] = {
    "Colour-blind safe": PALETTE,
    "Bright": _BRIGHT,
    "One colour": np.tile(PALETTE[4], (len(PALETTE), 1)),
}
"""Palettes to choose from; each has as many colours as `PALETTE`."""

GAP = 6
"""Cells at most about this many pixels apart count as neighbours."""
SAMPLE = 1 << 20
"""A larger label image is looked at coarsely for neighbours."""
ROUNDS = 16
"""Cells that move to another colour at once may meet again; this many times they try."""
MAX_TABLE = 1 << 24
"""Ids above this get a colour by their number alone."""


class Colouring(Protocol):
    """Gives every cell a colour."""

    palette: Palette

    def indices(self, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return 0 where nothing is drawn, else 1 + the place in `palette`."""


class TableColours:
    """Colours chosen elsewhere, for instance by a measurement.

    Parameters
    ----------
    table
        uint8, for each id 1 + the place of its colour, or 0 for none.
    palette
        Red, green, blue (n, 3).
    other
        What ids beyond the table get.
    """

    def __init__(self, table: NDArray[np.uint8], palette: Palette, other: int = 0) -> None:
        self._table = np.append(table, np.uint8(other))
        self.palette = palette

    def indices(self, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return 0 where nothing is drawn, else 1 + the place in `palette`."""
        found: NDArray[np.uint8] = self._table.take(labels, mode="clip")
        return found


MEASURE_MAP: Palette = colormap("viridis")
_UNMEASURED = (150, 150, 150)


def measured_colours(
    ids: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[TableColours, float, float]:
    """Colour cells by a value, from the 1st to the 99th percentile of all; others are grey.

    Returns the colours, and the values of the darkest and the brightest one.
    """
    palette = np.concatenate([np.array([_UNMEASURED], np.uint8), MEASURE_MAP[2:]])
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)).tolist() if len(finite) else (0.0, 1.0)
    span = high - low if high > low else 1.0
    place = np.nan_to_num(np.clip((values - low) / span, 0, 1)) * (len(palette) - 2)
    table = np.zeros(min(int(ids.max(initial=0)), MAX_TABLE) + 1, np.uint8)
    table[1:] = 1
    inside = (ids < len(table)) & np.isfinite(values)
    table[ids[inside]] = 2 + np.rint(place[inside]).astype(np.uint8)
    return TableColours(table, palette, other=1), low, high


class OneColour:
    """The same colour for every cell.

    Parameters
    ----------
    colour
        Red, green, blue.
    """

    def __init__(self, colour: Rgb) -> None:
        self.palette: Palette = np.array([colour], np.uint8)

    def indices(self, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return 1 for cells."""
        return np.asarray(labels != 0).view(np.uint8)


class CellColours:
    """Gives every id a colour of a palette, other than its neighbours', and keeps to it."""

    def __init__(self, palette: Palette = PALETTE) -> None:
        self.palette = palette
        self.forget()

    def forget(self) -> None:
        """Let all ids be new ones."""
        self._table = np.zeros(1, np.uint8)
        self._known = np.zeros(1, bool)

    def assign(self, labels: NDArray[np.uint32], box: Box | None = None) -> None:
        """Choose colours for ids of a plane (Y, X), or of `box`, that have none yet."""
        y0, x0, y1, x1 = box or (0, 0, *labels.shape)
        near = labels[max(0, y0 - GAP) : y1 + GAP, max(0, x0 - GAP) : x1 + GAP]
        step = max(1, int(np.sqrt(near.size / SAMPLE)))
        near = np.ascontiguousarray(near[::step, ::step])
        new = self._take_note(near)
        if len(new):
            first, second = _neighbours(near, max(1, GAP // step))
            self._separate(first, second, new)

    def indices(self, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return 0 for background and 1 + the place in `palette` for cells."""
        if labels.max(initial=0) < len(self._table):
            return self._table.take(labels)
        return np.where(
            labels < len(self._table),
            self._table.take(np.minimum(labels, len(self._table) - 1)),
            _by_number(labels),
        )

    def _take_note(self, labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Give ids that are seen for the first time a colour by their number; return them."""
        highest = min(int(labels.max(initial=0)), MAX_TABLE)
        length = len(self._table)
        if highest >= length:
            ids = np.arange(length, max(highest + 1, 2 * length), dtype=np.uint32)
            self._table = np.append(self._table, _by_number(ids))
            self._known = np.append(self._known, np.zeros(len(ids), bool))
        seen = np.zeros(highest + 1, bool)
        seen[labels if highest < MAX_TABLE else labels[labels <= highest]] = True
        seen[0] = False
        new = np.flatnonzero(seen & ~self._known[: highest + 1])
        self._known[new] = True
        return new.astype(np.uint32)

    def _separate(
        self, first: NDArray[np.uint32], second: NDArray[np.uint32], new: NDArray[np.uint32]
    ) -> None:
        """Change colours of `new` ids, of two of them the higher, until neighbours differ."""
        inside = second < len(self._table)
        ids, places = np.unique(np.stack([first[inside], second[inside]]), return_inverse=True)
        low, high = places.reshape(2, -1)
        is_new = np.isin(ids, new)
        low, high = np.where(is_new[high], (low, high), (high, low))
        kept = is_new[high]
        low, high = low[kept], high[kept]
        colours = self._table[ids].astype(np.uint32)
        for turn in range(ROUNDS):
            clash = colours[low] == colours[high]
            if not clash.any():
                break
            taken = np.zeros(len(ids), np.uint32)
            np.bitwise_or.at(taken, low, np.uint32(1) << colours[high])
            np.bitwise_or.at(taken, high, np.uint32(1) << colours[low])
            moved = np.unique(high[clash])
            colours[moved] = _free(taken[moved], _by_number(ids[moved] + np.uint32(turn)))
        self._table[ids] = colours


def colour_of(colouring: Colouring, label: int) -> Rgb:
    """Return red, green, blue of a cell."""
    index = colouring.indices(np.array([[label]], np.uint32)).item()
    red, green, blue = colouring.palette[index - 1].tolist()
    return red, green, blue


def _free(taken: NDArray[np.uint32], wanted: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return for each cell the first colour from `wanted` on that no neighbour has."""
    chosen = wanted.astype(np.uint32)
    for _ in range(len(PALETTE)):
        busy = (taken >> chosen) & np.uint32(1) == 1
        if not busy.any():
            break
        chosen[busy] = chosen[busy] % np.uint32(len(PALETTE)) + np.uint32(1)
    return chosen


def _by_number(ids: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Scatter ids over 1 to the number of colours (Fibonacci hashing); 0 stays 0."""
    mixed = (ids * np.uint32(2654435769)) >> np.uint32(16)
    colour = (mixed % np.uint32(len(PALETTE)) + np.uint32(1)).astype(np.uint8)
    return np.where(ids == 0, np.uint8(0), colour)


def _neighbours(
    labels: NDArray[np.uint32], reach: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return pairs of ids, smaller first, that come within `reach` in a row or a column."""
    height, width = labels.shape
    rows = np.zeros((height, width + reach), np.uint32)  # no row goes over into the next
    rows[:, :width] = labels
    flat = rows.ravel()
    shifts = sorted({1, (reach + 1) // 2, reach})
    pairs = [_met(flat, step * shift) for shift in shifts for step in (1, width + reach)]
    codes = np.unique(np.concatenate(pairs))
    return (codes >> np.uint64(32)).astype(np.uint32), codes.astype(np.uint32)


def _met(flat: NDArray[np.uint32], offset: int) -> NDArray[np.uint64]:
    """Return pairs of ids that are `offset` apart, as smaller id << 32 | larger one."""
    places = np.flatnonzero(flat[offset:] != flat[:-offset])
    a, b = flat[places], flat[places + offset]
    both = (a != 0) & (b != 0)
    a, b = a[both], b[both]
    codes = np.minimum(a, b).astype(np.uint64) << np.uint64(32) | np.maximum(a, b)
    once: NDArray[np.uint64] = codes[np.append(True, codes[1:] != codes[:-1])[: len(codes)]]
    return once
