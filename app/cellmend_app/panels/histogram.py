"""A histogram with two handles for what is shown as black and as full brightness."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cellmend_app.panels.parts import name
from cellmend_app.viewer.colormaps import colormap
from cellmend_app.viewer.render import Histogram

HEIGHT, STRIP, SIDE = 54, 6, 5
KEY_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class HistogramView(QWidget):
    """Shows a histogram; the handle nearer to the pointer follows it.

    Signals
    -------
    limits_changed(low, high)
        The person moved a handle.
    """

    limits_changed = pyqtSignal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        name(self, "Histogram", "Drag the lines to set what is black and what is bright")
        self._histogram = Histogram(np.zeros(1, np.int64), 0.0, 1.0)
        self._limits = (0.0, 1.0)
        self._colormap = "grey"
        self._moving = 0

    def show_histogram(self, histogram: Histogram) -> None:
        """Show other counts."""
        self._histogram = histogram
        self.update()

    def show_limits(self, low: float, high: float, colors: str) -> None:
        """Show where the handles are, and the colour map between them."""
        self._limits, self._colormap = (low, high), colors
        self.update()

    # -- Qt's events

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take the nearer handle."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            low, high = (abs(self._place(v) - event.position().x()) for v in self._limits)
            self._moving = 0 if low < high else 1
            self._move_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Move the handle."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._move_to(event.position().x())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move the upper handle with the arrow keys, the lower one with Shift."""
        steps = KEY_STEPS.get(Qt.Key(event.key())) if event is not None else None
        if event is None or steps is None:
            super().keyPressEvent(event)
            return
        self._moving = 0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self._move_to(self._place(self._limits[self._moving]) + steps)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint counts, handles and the colour map."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_counts(painter)
        self._paint_map(painter)
        line = self.palette().color(QPalette.ColorRole.Highlight)
        for value in self._limits:
            place = self._place(value)
            painter.setPen(QPen(line, 1.6))
            painter.drawLine(QPointF(place, 0), QPointF(place, self.height()))
            painter.setBrush(line)
            painter.drawEllipse(QPointF(place, 4), 3.2, 3.2)
        painter.end()

    # -- details

    @property
    def _range(self) -> tuple[float, float]:
        """The values at the left and the right end; the handles are always within."""
        low = min(self._histogram.low, self._limits[0])
        high = max(self._histogram.high, self._limits[1])
        return low, high if high > low else low + 1

    def _place(self, value: float) -> float:
        low, high = self._range
        return SIDE + (value - low) / (high - low) * (self.width() - 2 * SIDE)

    def _value(self, place: float) -> float:
        low, high = self._range
        part = (place - SIDE) / max(1, self.width() - 2 * SIDE)
        return low + min(max(part, 0.0), 1.0) * (high - low)

    def _move_to(self, place: float) -> None:
        value, (low, high) = self._value(place), self._limits
        self._limits = (min(value, high), high) if self._moving == 0 else (low, max(value, low))
        self.update()
        self.limits_changed.emit(*self._limits)

    def _paint_counts(self, painter: QPainter) -> None:
        counts = np.log1p(self._histogram.counts.astype(np.float64))
        tallest = counts.max() or 1.0
        base, width = self.height() - STRIP - 3, self._histogram.high - self._histogram.low
        shape = QPolygonF([QPointF(self._place(self._histogram.low), base)])
        for index, count in enumerate(counts.tolist()):
            value = self._histogram.low + (index + 0.5) / len(counts) * width
            shape.append(QPointF(self._place(value), base - count / tallest * (base - 4)))
        shape.append(QPointF(self._place(self._histogram.high), base))
        colour = self.palette().color(QPalette.ColorRole.Text)
        colour.setAlpha(70)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(shape)

    def _paint_map(self, painter: QPainter) -> None:
        table = colormap(self._colormap)
        low, high = (self._place(value) for value in self._limits)
        gradient = QLinearGradient(low, 0, max(high, low + 1), 0)
        for part in np.linspace(0, 1, 9).tolist():
            gradient.setColorAt(part, QColor(*table[round(part * 255)].tolist()))
        painter.fillRect(
            QRectF(SIDE, self.height() - STRIP, self.width() - 2 * SIDE, STRIP), gradient
        )
