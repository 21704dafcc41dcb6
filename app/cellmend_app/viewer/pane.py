"""One picture of the document: a canvas with an image, and the cells over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import (
    QGraphicsItem,
    QGraphicsRectItem,
    QGraphicsScene,
    QLabel,
    QSizePolicy,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from cellmend.labels.runs import Box
from cellmend_app.viewer.canvas import Canvas
from cellmend_app.viewer.cells import CellLayer, CellStyle, SelectionColours
from cellmend_app.viewer.colours import Colouring
from cellmend_app.viewer.marks import screen_pen
from cellmend_app.viewer.sources import Source
from cellmend_app.viewer.tiles import TileItem, TileRenderer

_SELECTED = CellStyle(fill=True, outlines=True, opacity=0.25, width=3)
_FRAME = QColor(255, 214, 64)
_CELLS, _MORE, _CHOSEN = 10, 20, 30
"""Heights of the cells, of further mask layers, and of the selection."""


MoreCells = tuple[NDArray[np.uint32], Colouring, CellStyle]
"""Cells of a plane, their colours, and how they are drawn."""


class Pane(QWidget):
    """A canvas with its layers, and a title where there are several.

    Parameters
    ----------
    renderer
        What renders tiles.
    style
        How cells are drawn at first.
    parent
        The view.
    """

    def __init__(self, renderer: TileRenderer, style: CellStyle, parent: QWidget) -> None:
        super().__init__(parent)
        self._renderer = renderer
        self.canvas = Canvas(self)
        self._image, self._right = TileItem(renderer), TileItem(renderer)
        self._divider = Divider()
        self._patch, self._frame = TileItem(renderer), QGraphicsRectItem()
        self._frame.setPen(screen_pen(_FRAME, 1.5))
        scene = self.canvas.scene()
        assert scene is not None
        self._graphics: QGraphicsScene = scene
        items = (self._image, self._right, self._patch, self._frame, self._divider)
        for height, item in enumerate(items):
            item.setZValue(height)
            scene.addItem(item)
        self.cells = CellLayer(renderer, scene, _CELLS, style)
        self._selected = CellLayer(renderer, scene, _CHOSEN, _SELECTED)
        self._more: list[CellLayer] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.title = QLabel(self.canvas)
        self.title.setObjectName("pane")
        self.title.move(8, 8)
        self.title.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.canvas.scale_changed.connect(self._on_scale)

    # -- what is shown

    def show_image(self, source: Source | None) -> None:
        """Show a layer."""
        self._image.show_source(source)

    def show_split(self, right: Source | None, fraction: float) -> None:
        """Show another layer right of a line, at a part of the width; None takes it away."""
        self._right.show_source(right)
        self._divider.setVisible(right is not None)
        if right is not None:
            height, width = right.size
            self._right.set_columns(fraction * width, width)
            self._divider.place(fraction * width, height)

    def show_patch(self, source: Source | None, corner: tuple[int, int]) -> None:
        """Show something else, in a frame, over the part whose first row and column are given."""
        self._patch.setPos(corner[1], corner[0])
        self._patch.show_source(source)
        self._frame.setVisible(source is not None)
        if source is not None:
            height, width = source.size
            self._frame.setRect(corner[1], corner[0], width, height)

    def show_title(self, text: str) -> None:
        """Name what is shown; an empty text hides the title."""
        self.title.setText(text)
        self.title.ensurePolished()
        self.title.adjustSize()
        self.title.setVisible(bool(text))

    def show_selection(
        self, labels: NDArray[np.uint32], ids: Sequence[int], changed: Sequence[Box] | None
    ) -> None:
        """Make the selected cells stand out; `changed` as for `CellLayer.show_cells`."""
        self._selected.show_cells(labels, SelectionColours(ids), changed)
        self._selected.set_visible(bool(ids))

    def show_more(self, layers: Sequence[MoreCells]) -> None:
        """Draw further mask layers over the cells."""
        for layer in self._more:
            layer.remove()
        self._more = []
        for labels, colours, style in layers:
            layer = CellLayer(self._renderer, self._graphics, _MORE, style)
            layer.set_scale(self.canvas.scale_factor)
            layer.show_cells(labels, colours)
            self._more.append(layer)

    def refresh_box(self, box: Box) -> None:
        """Draw the cells inside a box anew."""
        self.cells.refresh_box(box)
        self._selected.refresh_box(box)

    def finish(self) -> None:
        """Render at once what is seen."""
        top, left, bottom, right = self.canvas.visible_box()
        exposed = QRectF(left, top, right - left, bottom - top)
        scale = self.canvas.scale_factor * self.devicePixelRatioF()
        for item in (self._image, self._right, self._patch):
            item.finish(item.mapRectFromScene(exposed), scale)
        for layer in (self.cells, self._selected, *self._more):
            layer.finish(exposed, scale)

    def _on_scale(self, scale: float) -> None:
        for layer in (self.cells, self._selected, *self._more):
            layer.set_scale(scale)


class Divider(QGraphicsItem):
    """The line between two layers that are shown side by side in one picture."""

    def __init__(self) -> None:
        super().__init__()
        self._x = self._height = 0.0
        self.hide()

    def place(self, x: float, height: float) -> None:
        """Draw the line at a column of the scene."""
        self.prepareGeometryChange()
        self._x, self._height = x, height
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the line and some room for its pen."""
        return QRectF(self._x - 100, 0, 200, self._height)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint a light line on a dark one."""
        if painter is None:
            return
        for colour, width in ((QColor(0, 0, 0, 160), 4.0), (QColor(255, 255, 255), 2.0)):
            painter.setPen(screen_pen(colour, width))
            painter.drawLine(QPointF(self._x, 0), QPointF(self._x, self._height))
