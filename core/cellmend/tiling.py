"""Cutting a plane into overlapping tiles and blending what comes back.

plan = TilePlan(height, width, size=224, overlap=0.1)
padded = plan.pad(plane)
blend = Blender(outputs, plan)
for y0, x0, y1, x1 in plan.boxes:
    blend.add(network(padded[:, y0:y1, x0:x1]), (y0, x0, y1, x1))
whole = blend.result()
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""``(y0, x0, y1, x1)`` in the padded plane; the ends are exclusive."""

MULTIPLE = 16
"""Sides the network can halve four times."""

MARGIN = MULTIPLE // 2
"""Pixels added on every side at least, so that no pixel of the image is a tile's outermost."""

HALO = 72
"""Pixels around a part of an image that decide what a network makes of it.

In theory it is 120, but with 72 the results of tiles and of the whole image differed by
2e-4 of the range at most, on images of six kinds; with 64 by up to 4e-3.
"""

TAPER_INSET = 20 / 224
"""How far from its edge, in tile lengths, a tile weighs half."""

TAPER_WIDTH = 7.5 / 224
"""Width of the logistic fall of the weight, in tile lengths."""


@dataclass(frozen=True)
class TilePlan:
    """Where the tiles of a plane lie.

    Parameters
    ----------
    height, width
        Of the plane, in pixels.
    size
        Side of a tile, a multiple of 16. All tiles of a plan have the same shape; along an
        axis where the padded plane is shorter than this, they are as long as the plane.
    overlap
        Share of a tile that is kept in common with the next, 0.05 to 0.5.

    Raises
    ------
    InputError
        If the plane is empty or the size or overlap is out of bounds.
    """

    height: int
    width: int
    size: int = 224
    overlap: float = 0.1

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1:
            raise InputError(f"A plane of {self.height} x {self.width} pixels has no tiles.")
        if self.size < MULTIPLE or self.size % MULTIPLE:
            raise InputError(f"Tiles of {self.size} px: the size must be a multiple of 16.")
        if not 0.05 <= self.overlap <= 0.5:
            raise InputError(f"A tile overlap of {self.overlap:g} is not between 0.05 and 0.5.")

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Height and width of the padded plane: multiples of 16."""
        return _padded(self.height), _padded(self.width)

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of every tile."""
        height, width = self.padded_shape
        return min(self.size, height), min(self.size, width)

    @property
    def origin(self) -> tuple[int, int]:
        """Where the plane's first pixel lies in the padded plane."""
        height, width = self.padded_shape
        return (height - self.height) // 2, (width - self.width) // 2

    @cached_property
    def boxes(self) -> list[Box]:
        """All tiles, row by row."""
        tile_height, tile_width = self.tile_shape
        rows, columns = (_starts(n, self.size, self.overlap) for n in self.padded_shape)
        return [(y, x, y + tile_height, x + tile_width) for y in rows for x in columns]

    def pad(self, plane: NDArray[np.generic]) -> Floats:
        """Return a float32 copy of ``(..., Y, X)`` with zeros around it.

        Zero is the dark end of a normalised image, and what convolutions see beyond
        a tile's edge anyway.
        """
        padded = np.zeros((*plane.shape[:-2], *self.padded_shape), np.float32)
        self.crop(padded)[...] = plane
        return padded

    def crop(self, padded: Floats) -> Floats:
        """Return the view of ``(..., Y, X)`` that shows the plane without its padding."""
        y, x = self.origin
        return padded[..., y : y + self.height, x : x + self.width]


class HaloPlan(TilePlan):
    """Tiles whose results, cut to their cores, are those of the whole plane.

    The cores cover the padded plane without overlapping. Around each, the tile reaches up to
    `HALO` pixels further, or a quarter of its size. Tiles begin at multiples of 16, so that
    pooling groups the same pixels as in the whole plane. `size` is the largest side of a tile;
    `overlap` is not used.
    """

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of every tile."""
        rows, columns = self._spans
        return rows[0].end - rows[0].start, columns[0].end - columns[0].start

    @cached_property
    def boxes(self) -> list[Box]:
        """All tiles, row by row."""
        rows, columns = self._spans
        return [(y.start, x.start, y.end, x.end) for y in rows for x in columns]

    @cached_property
    def cores(self) -> list[Box]:
        """The part of the padded plane that each tile is for."""
        rows, columns = self._spans
        return [(y.first, x.first, y.last, x.last) for y in rows for x in columns]

    @cached_property
    def _spans(self) -> tuple[list[_Span], list[_Span]]:
        height, width = self.padded_shape
        return _halo_spans(height, self.size), _halo_spans(width, self.size)


class Blender:
    """Adds up the outputs of tiles, each weighted less towards its edges.

    Parameters
    ----------
    outputs
        Number of output channels.
    plan
        The tiles; each may be added any number of times, but at least once.
    """

    def __init__(self, outputs: int, plan: TilePlan) -> None:
        self._plan = plan
        self._sum = np.zeros((outputs, *plan.padded_shape), np.float32)
        self._weight = np.zeros(plan.padded_shape, np.float32)
        rows, columns = (
            taper(length) if length < whole else np.ones(length, np.float32)
            for length, whole in zip(plan.tile_shape, plan.padded_shape, strict=True)
        )
        self._taper = rows[:, None] * columns

    def add(self, output: Floats, box: Box) -> None:
        """Add the output ``(outputs, h, w)`` of the tile in `box`."""
        y0, x0, y1, x1 = box
        self._sum[:, y0:y1, x0:x1] += output * self._taper
        self._weight[y0:y1, x0:x1] += self._taper

    def result(self) -> Floats:
        """Return the weighted mean ``(outputs, Y, X)``, cropped to the plane."""
        blended: Floats = self._plan.crop(self._sum) / self._plan.crop(self._weight)
        return blended


def taper(length: int) -> Floats:
    """Return the weights along one side of a tile: 1 inside, falling smoothly near the ends."""
    distance = np.abs(np.arange(length) - (length - 1) / 2)
    half = length * (0.5 - TAPER_INSET)
    weights = 1 / (1 + np.exp((distance - half) / (length * TAPER_WIDTH)))
    return np.asarray(weights, np.float32)


def _padded(length: int) -> int:
    return _up(length + 2 * MARGIN)


def _starts(length: int, size: int, overlap: float) -> list[int]:
    """Spread tiles evenly, with at least about the wanted overlap."""
    if length <= size:
        return [0]
    count = math.ceil((1 + 2 * overlap) * length / size)
    return [int(start) for start in np.linspace(0, length - size, count)]


class _Span(NamedTuple):
    """A tile from `start` to `end` along one axis, and its core from `first` to `last`."""

    start: int
    end: int
    first: int
    last: int


def _halo_spans(length: int, size: int) -> list[_Span]:
    """Spread as few tiles as will do; lengths and positions are multiples of 16."""
    if length <= size:
        return [_Span(0, length, 0, length)]
    common = min(2 * HALO + MULTIPLE, size // 2)
    count = math.ceil((length - common) / (size - common))
    tile = _up((length + common * (count - 1)) / count)
    starts = [_up(i * (length - tile) / (count - 1)) for i in range(count)]
    cuts = [_up((start + tile + after) / 2) for start, after in itertools.pairwise(starts)]
    edges = itertools.pairwise([0, *cuts, length])
    return [_Span(start, start + tile, *edge) for start, edge in zip(starts, edges, strict=True)]


def _up(length: float) -> int:
    return math.ceil(length / MULTIPLE) * MULTIPLE
