"""What tiles are made of: parts of an image or of labels, at any zoom, as pixels of the screen.

Sources are used by the threads that render tiles. They hold their settings as they were
when the source was made; other settings are another source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from cellmend.labels.outlines import outline_mask
from cellmend_app.viewer.colours import Colouring
from cellmend_app.viewer.levels import Levels, averageable
from cellmend_app.viewer.render import Bytes

Paint = Callable[[Sequence[NDArray[Any]]], Bytes]
"""Makes grey (Y, X) or colour (Y, X, 4) of blocks (Y, X), one per channel."""
Argb = NDArray[np.uint32]


@dataclass(frozen=True)
class Part:
    """A rectangle of the screen.

    Parameters
    ----------
    scale
        Screen pixels per unit of the scene, which is a pixel of the raw image.
    y, x
        Its first row and column, counted in screen pixels from the corner of the image.
    height, width
        Its size in screen pixels.
    """

    scale: float
    y: int
    x: int
    height: int
    width: int


class Source(Protocol):
    """Whatever can be shown."""

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in the scene."""

    def render(self, part: Part) -> Bytes:
        """Return a part as grey (Y, X), or as (Y, X, 4) in Qt's order B, G, R, A."""


class PlaneSource:
    """One plane of an image or of another layer.

    Parameters
    ----------
    channels
        Its channels, all of one size.
    size
        Height and width that it takes in the scene; a restored image may have more pixels.
    paint
        Makes colours of numbers.
    """

    def __init__(self, channels: Sequence[Levels], size: tuple[float, float], paint: Paint) -> None:
        self._channels = list(channels)
        self._size = size
        self._paint = paint

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in the scene."""
        return self._size

    def render(self, part: Part) -> Bytes:
        """Return a part: sharp pixels zoomed in, averaged ones zoomed out."""
        height, width = self._channels[0].shape
        down, across = part.scale * self._size[0] / height, part.scale * self._size[1] / width
        if min(down, across) >= 1:
            rows = _places(part.y, part.height, down, height)
            columns = _places(part.x, part.width, across, width)
            cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            painted = self._paint([channel.at(0)[cut] for channel in self._channels])
            return _enlarged(painted, rows - rows[0], columns - columns[0])
        level = level_for(min(down, across))
        return self._paint(
            [
                _reduced(channel.at(level), part, (down * 2**level, across * 2**level))
                for channel in self._channels
            ]
        )


@dataclass(frozen=True)
class CellLook:
    """How cells are painted.

    Parameters
    ----------
    fill
        Premultiplied ARGB for each colour index; None leaves the inside of cells free.
    edge
        The same for the outlines; None for no outlines.
    width
        Width of the outlines, in the pixels of the tile's sampling.
    """

    fill: Argb | None
    edge: Argb | None = None
    width: int = 1


class CellSource:
    """Cells of a plane (Y, X) in the colours of a table.

    Parameters
    ----------
    labels
        uint32 (Y, X); may change while it is shown, see `TileItem.refresh_box`.
    colours
        Gives every id a colour index.
    look
        Gives every colour index a colour.
    """

    def __init__(self, labels: NDArray[np.uint32], colours: Colouring, look: CellLook) -> None:
        self._labels = labels
        self._colours = colours
        self._look = look

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in the scene."""
        return self._labels.shape

    def render(self, part: Part) -> Bytes:
        """Return a part: sharp pixels zoomed in, smoothed samples zoomed out."""
        if part.scale >= 1:
            rows = _places(part.y, part.height, part.scale, self._labels.shape[0])
            columns = _places(part.x, part.width, part.scale, self._labels.shape[1])
            painted = self._painted(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1, 1)
            return _as_bytes(_enlarged(painted, rows - rows[0], columns - columns[0]))
        step = 2 ** level_for(part.scale)
        sampled = self._labels[::step, ::step].shape
        top, bottom = _span(part.y, part.height, part.scale * step, sampled[0])
        left, right = _span(part.x, part.width, part.scale * step, sampled[1])
        painted = self._painted(top, bottom, left, right, step)
        scale = part.scale * step
        return _warped(_as_bytes(painted), part, (top, left), (scale, scale))

    def _painted(self, top: int, bottom: int, left: int, right: int, step: int) -> Argb:
        """Return ARGB of a box of every step-th pixel."""
        around = self._look.width if self._look.edge is not None else 0
        y0, x0 = max(0, top - around), max(0, left - around)
        ids = self._labels[
            y0 * step : (bottom + around) * step : step, x0 * step : (right + around) * step : step
        ]
        inside = np.s_[top - y0 : top - y0 + bottom - top, left - x0 : left - x0 + right - left]
        indices = self._colours.indices(ids[inside])
        if self._look.fill is not None:
            out = self._look.fill.take(indices)
        else:
            out = np.zeros(indices.shape, np.uint32)
        if self._look.edge is not None:
            edge = _thick_edges(ids, self._look.width)[inside]
            out[edge] = self._look.edge.take(indices[edge])
        return out


def level_for(scale: float) -> int:
    """Return how often to halve pixels before showing them at `scale` screen pixels each."""
    return 0 if scale >= 1 else max(0, floor(-log2(scale) + 1e-9))


def _thick_edges(ids: NDArray[np.uint32], width: int) -> NDArray[np.bool_]:
    edge = outline_mask(ids)
    for shift in range(2, width + 1):
        for low, high in (
            (np.s_[shift:], np.s_[:-shift]),
            (np.s_[:, shift:], np.s_[:, :-shift]),
        ):
            differs = ids[low] != ids[high]
            edge[low] |= differs
            edge[high] |= differs
    edge &= ids != 0
    return edge


def _places(start: int, count: int, scale: float, length: int) -> NDArray[np.intp]:
    """Return the pixel under each of `count` screen pixels."""
    places = ((np.arange(start, start + count) + 0.5) / scale).astype(np.intp)
    return np.minimum(places, length - 1)


def _span(start: int, count: int, scale: float, length: int) -> tuple[int, int]:
    """Return first and end of the pixels that smoothing `count` screen pixels looks at."""
    first = min(max(0, floor(start / scale) - 1), length - 1)
    end = min(length, floor((start + count) / scale) + 2)
    return first, max(end, first + 1)


def _enlarged(
    pixels: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[Any]:
    if pixels.ndim == 3:
        packed = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
        return _as_bytes(packed.take(columns, axis=1).take(rows, axis=0))
    return pixels.take(columns, axis=1).take(rows, axis=0)


def _reduced(plane: NDArray[Any], part: Part, scales: tuple[float, float]) -> NDArray[Any]:
    top, bottom = _span(part.y, part.height, scales[0], plane.shape[0])
    left, right = _span(part.x, part.width, scales[1], plane.shape[1])
    return _warped(averageable(plane[top:bottom, left:right]), part, (top, left), scales)


def _warped(
    block: NDArray[Any], part: Part, corner: tuple[int, int], scales: tuple[float, float]
) -> NDArray[Any]:
    """Return the part out of a block that begins at `corner`, between its pixels linearly."""
    down, across = scales
    back = np.array(
        [
            [1 / across, 0, (part.x + 0.5) / across - 0.5 - corner[1]],
            [0, 1 / down, (part.y + 0.5) / down - 0.5 - corner[0]],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (part.width, part.height)
    return cv2.warpAffine(block, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _as_bytes(argb: Argb) -> Bytes:
    """Return packed colours as (Y, X, 4), sharing their memory."""
    return argb.view(np.uint8).reshape(*argb.shape, 4)
