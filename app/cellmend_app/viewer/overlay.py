"""Labels over the image: one picture, of which only what changed is coloured anew."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QTimer
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from cellmend.labels.outlines import outline_mask
from cellmend.labels.runs import Box
from cellmend_app.document import Document
from cellmend_app.viewer.colours import PALETTE, CellColours
from cellmend_app.viewer.edges import edges_in
from cellmend_app.viewer.marks import screen_pen
from cellmend_app.viewer.pixels import PixelItem, Pyramid
from cellmend_app.viewer.render import strips

DEFAULT_OPACITY = 0.45
EDGE_ALPHA = 1.0
LINE_SCALE = 3.0
"""From this many screen pixels per pixel on, outlines are thin lines instead of pixels."""
LINE_WIDTH = 2.0
MANY_CELLS = 500
SELECTED_GAIN = 0.25
"""How much the fill of the selected cell is moved towards opaque and white."""


class LabelOverlay(PixelItem):
    """The cells of the plane on show, filled, outlined, or both.

    Parameters
    ----------
    document
        Whose labels are shown; the overlay follows its signals.
    """

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._colours = CellColours()
        self._buffer: NDArray[np.uint32] = np.zeros((1, 1), np.uint32)
        self._opacity = DEFAULT_OPACITY
        self._fill = True
        self._outlines = False
        self._selected: tuple[int, ...] = ()
        self._lines = False
        self._waiting: list[slice] = []
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._recolour_next)
        self._make_tables()
        document.labels_edited.connect(self._on_edited)
        document.labels_replaced.connect(self.reset)
        document.plane_changed.connect(self.reset)
        document.selection_changed.connect(self._on_selected)

    @property
    def fill(self) -> bool:
        """Whether cells are filled."""
        return self._fill

    @property
    def outlines(self) -> bool:
        """Whether cells are outlined."""
        return self._outlines

    @property
    def opacity_of_fill(self) -> float:
        """The opacity of the fill, 0 to 1."""
        return self._opacity

    def style(
        self,
        *,
        fill: bool | None = None,
        outlines: bool | None = None,
        opacity: float | None = None,
    ) -> None:
        """Change how cells are shown."""
        self._fill = self._fill if fill is None else fill
        self._outlines = self._outlines if outlines is None else outlines
        self._opacity = self._opacity if opacity is None else min(max(opacity, 0.0), 1.0)
        self._make_tables()
        self.setVisible(self._fill or self._outlines)
        self._recolour_all()

    def set_scale(self, scale: float) -> None:
        """Take the screen pixels per image pixel: from a certain zoom on, outlines are lines."""
        lines = scale >= LINE_SCALE
        if lines == self._lines:
            return
        self._lines = lines
        if self._outlines:
            self._recolour_all()
        else:
            self._recolour_cells(self._selected)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the picture, and lines over it where pixels are large."""
        super().paint(painter, option, widget)
        if painter is None or option is None or not self._lines:
            return
        if self._outlines or self._selected:
            self._paint_lines(painter, option.exposedRect.intersected(self.boundingRect()))

    def colour(self, label: int) -> tuple[int, int, int]:
        """Return the red, green and blue of a cell, for lists and tables."""
        return self._colours.colour(label)

    def reset(self) -> None:
        """Show the labels anew: others, or another plane."""
        labels = self._document.labels.array
        self._colours.assign_all(labels)
        self._selected = self._document.selection
        if self._buffer.shape != labels.shape or self.pyramid is None:
            self._buffer = np.zeros(labels.shape, np.uint32)
            height, width = labels.shape
            bytes_of = self._buffer.view(np.uint8).reshape(height, width, 4)
            self.show_pixels(Pyramid(bytes_of), height, width)
        self._recolour_all()

    def _make_tables(self) -> None:
        self._fill_table = _table(self._opacity if self._fill else 0.0)
        self._edge_table = _table(EDGE_ALPHA)
        strong = min(1.0, self._opacity + SELECTED_GAIN) if self._fill else SELECTED_GAIN
        self._selected_table = _table(strong, towards_white=SELECTED_GAIN)

    def _paint_lines(self, painter: QPainter, exposed: QRectF) -> None:
        area = exposed.toAlignedRect()
        box = (area.top(), area.left(), area.top() + area.height(), area.left() + area.width())
        inset = LINE_WIDTH / 2 / painter.worldTransform().m11()
        edges = edges_in(self._document.labels.array, box, inset)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._outlines:
            indices = self._colours.indices(edges.labels)
            for index in np.unique(indices).tolist():
                painter.setPen(screen_pen(QColor(*PALETTE[index - 1].tolist()), LINE_WIDTH))
                painter.drawLines(*edges.lines(indices == index))
        if self._selected:
            painter.setPen(screen_pen(QColor(255, 255, 255), LINE_WIDTH + 0.5))
            chosen = self._chosen(edges.labels)
            if chosen.any():
                painter.drawLines(*edges.lines(chosen))

    def _on_edited(self, box: Box) -> None:
        self._colours.assign_new(self._document.labels.array, box)
        self._recolour(_grown(box, 1, self._buffer.shape))

    def _on_selected(self, label: int) -> None:
        former, self._selected = self._selected, self._document.selection
        self._recolour_cells(set(former) ^ set(self._selected))

    def _recolour_cells(self, cells: Collection[int]) -> None:
        """Colour cells anew; where they are very many, everything."""
        if len(cells) > MANY_CELLS:
            self._recolour_all()
            return
        for cell in cells:
            box = self._document.labels.box(cell)
            if box is not None:
                self._recolour(_grown(box, 1, self._buffer.shape))

    def _chosen(self, labels: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return which pixels, or lines, belong to selected cells."""
        if len(self._selected) == 1:
            return np.asarray(labels == self._selected[0])
        return np.isin(labels, self._selected)

    def finish(self) -> None:
        """Colour at once what still waits to be coloured."""
        while self._waiting:
            self._recolour_next()

    def _recolour_all(self) -> None:
        """Colour everything: a small image now, a large one strip by strip between events."""
        self._waiting = list(strips(self._buffer.shape))
        self._recolour_next()

    def _recolour_next(self) -> None:
        if self._waiting:
            rows = self._waiting.pop(0)
            self._recolour((rows.start, 0, rows.stop, self._buffer.shape[1]))
        if self._waiting:
            self._timer.start()

    def _recolour(self, box: Box) -> None:
        self._colour(box)
        self._show(box)

    def _show(self, box: Box) -> None:
        y0, x0, y1, x1 = box
        if self.pyramid is not None:
            self.pyramid.refresh(box)
        self.update(QRectF(x0, y0, x1 - x0, y1 - y0))

    def _colour(self, box: Box) -> None:
        y0, x0, y1, x1 = box
        if not (self._fill or self._outlines):
            return
        labels = self._document.labels.array
        inside = labels[y0:y1, x0:x1]
        indices = self._colours.indices(inside)
        out = self._buffer[y0:y1, x0:x1]
        np.take(self._fill_table, indices, out=out, mode="clip")
        chosen = self._chosen(inside) if self._selected else None
        if chosen is not None:
            out[chosen] = self._selected_table[indices[chosen]]
        if not self._lines and (self._outlines or chosen is not None):
            self._colour_edges(box, out, indices, chosen)

    def _colour_edges(
        self,
        box: Box,
        out: NDArray[np.uint32],
        indices: NDArray[np.uint8],
        chosen: NDArray[np.bool_] | None,
    ) -> None:
        y0, x0, y1, x1 = box
        labels = self._document.labels.array
        top, left, bottom, right = _grown(box, 1, labels.shape)
        around = outline_mask(labels[top:bottom, left:right])
        edge = around[y0 - top : y1 - top, x0 - left : x1 - left]
        if self._outlines:
            out[edge] = self._edge_table[indices[edge]]
        if chosen is not None:
            out[edge & chosen] = 0xFFFFFFFF


def _table(alpha: float, towards_white: float = 0.0) -> NDArray[np.uint32]:
    """Return premultiplied ARGB for each colour index; index 0 is transparent."""
    rgb = PALETTE + (255 - PALETTE.astype(np.float64)) * towards_white
    premultiplied = np.rint(rgb * alpha).astype(np.uint32)
    opaque = np.uint32(round(255 * alpha))
    argb = np.zeros(len(PALETTE) + 1, np.uint32)
    argb[1:] = (
        (opaque << 24)
        | (premultiplied[:, 0] << 16)
        | (premultiplied[:, 1] << 8)
        | premultiplied[:, 2]
    )
    return argb


def _grown(box: Box, by: int, shape: tuple[int, ...]) -> Box:
    y0, x0, y1, x1 = box
    return max(0, y0 - by), max(0, x0 - by), min(shape[0], y1 + by), min(shape[1], x1 + by)
