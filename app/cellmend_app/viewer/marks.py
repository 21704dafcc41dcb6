"""What is drawn over the image for the hand: brush circle and outline in progress."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

Point = tuple[float, float]

_LIGHT = QColor(255, 255, 255, 230)
_DARK = QColor(0, 0, 0, 150)
_TRACE = QColor(255, 214, 64)


def screen_pen(colour: QColor, width: float) -> QPen:
    """Return a pen whose width is in screen pixels at any zoom."""
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


class BrushCircle(QGraphicsItem):
    """The brush at the pointer: a light ring on a dark one, to be seen on any image."""

    def __init__(self) -> None:
        super().__init__()
        self._radius = 0.0
        self._margin = 0.0

    def place(self, y: float, x: float, radius: float, scale: float) -> None:
        """Show the ring at a place; radius in image pixels, scale in screen pixels per pixel."""
        margin = 3.0 / scale
        if (radius, margin) != (self._radius, self._margin):
            self.prepareGeometryChange()
            self._radius, self._margin = radius, margin
        self.setPos(x, y)
        self.setVisible(radius > 0)

    def boundingRect(self) -> QRectF:
        """Return the ring and its pens."""
        reach = self._radius + self._margin
        return QRectF(-reach, -reach, 2 * reach, 2 * reach)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the ring."""
        if painter is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((_DARK, 3.0), (_LIGHT, 1.4)):
            painter.setPen(screen_pen(colour, width))
            painter.drawEllipse(QPointF(), self._radius, self._radius)


class Trace(QGraphicsItem):
    """The outline being drawn, with a ring at its start where it will close, and handles."""

    RING = 6.0
    HANDLE = 4.0

    def __init__(self) -> None:
        super().__init__()
        self._line = QPolygonF()
        self._handles: list[QPointF] = []
        self._margin = 0.0

    def show_points(
        self, points: Sequence[Point], scale: float, handles: Sequence[Point] = ()
    ) -> None:
        """Show corners (y, x); none hides the trace. Handles are squares in place of the ring."""
        self.prepareGeometryChange()
        self._margin = (self.RING + 3.0) / scale
        self._line = QPolygonF([QPointF(x, y) for y, x in points])
        self._handles = [QPointF(x, y) for y, x in handles]
        self.setVisible(bool(points))

    def boundingRect(self) -> QRectF:
        """Return the line, its pens and the ring."""
        m = self._margin
        return self._line.boundingRect().adjusted(-m, -m, m, m)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the line and the ring."""
        if painter is None or self._line.isEmpty():
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = self.RING / painter.worldTransform().m11()
        for colour, width in ((_DARK, 4.0), (_TRACE, 2.0)):
            painter.setPen(screen_pen(colour, width))
            painter.drawPolyline(self._line)
            if not self._handles:
                painter.drawEllipse(self._line.at(0), ring, ring)
        self._paint_handles(painter)

    def _paint_handles(self, painter: QPainter) -> None:
        half = self.HANDLE / painter.worldTransform().m11()
        painter.setPen(screen_pen(_DARK, 1.0))
        painter.setBrush(_TRACE)
        for handle in self._handles:
            painter.drawRect(QRectF(handle.x() - half, handle.y() - half, 2 * half, 2 * half))
