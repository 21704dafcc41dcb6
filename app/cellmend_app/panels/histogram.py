"""Histograms with two limits that can be dragged, and the one of a channel's brightness."""

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

from cellmend_app.controls import name
from cellmend_app.viewer.colormaps import colormap
from cellmend_app.viewer.render import Histogram

HEIGHT, STRIP, SIDE = 54, 6, 5
KEY_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class HistogramView(QWidget):
    """Base of histograms: counts over values from left to right, and two limits with handles.

    Signals
    -------
    limits_changed(low, high)
        The person moved a limit.
    """

    limits_changed = pyqtSignal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self._histogram = Histogram(np.zeros(1, np.int64), 0.0, 1.0)
        self._limits = (0.0, 1.0)

    def show_histogram(self, histogram: Histogram) -> None:
        """Show other counts."""
        self._histogram = histogram
        self.update()

    # -- what the pointer does

    def begin(self, place: float) -> None:
        """Take up what is at a place: the left button was pressed there."""
        raise NotImplementedError

    def drag_to(self, place: float) -> None:
        """Follow the pointer."""
        raise NotImplementedError

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a drag."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.begin(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go on with it."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self.drag_to(event.position().x())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move the upper limit with the arrow keys, the lower one with Shift."""
        steps = KEY_STEPS.get(Qt.Key(event.key())) if event is not None else None
        if event is None or steps is None:
            super().keyPressEvent(event)
            return
        which = 0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self._move(which, self._place(self._limits[which]) + steps)

    # -- details

    @property
    def _range(self) -> tuple[float, float]:
        """The values at the left and the right end."""
        return self._histogram.low, self._histogram.high

    def _place(self, value: float) -> float:
        low, high = self._range
        return SIDE + (min(max(value, low), high) - low) / (high - low) * (self.width() - 2 * SIDE)

    def _value(self, place: float) -> float:
        low, high = self._range
        part = (place - SIDE) / max(1, self.width() - 2 * SIDE)
        return low + min(max(part, 0.0), 1.0) * (high - low)

    def _move(self, which: int, place: float) -> None:
        """Move the lower (0) or the upper (1) limit, no farther than the other."""
        value, (low, high) = self._value(place), self._limits
        self._set_limits(*((min(value, high), high) if which == 0 else (low, max(value, low))))

    def _set_limits(self, low: float, high: float) -> None:
        self._limits = (low, high)
        self.update()
        self.limits_changed.emit(low, high)

    def _paint_handles(self, painter: QPainter, height: float) -> None:
        line = self.palette().color(QPalette.ColorRole.Highlight)
        for value in self._limits:
            place = self._place(value)
            painter.setPen(QPen(line, 1.6))
            painter.drawLine(QPointF(place, 0), QPointF(place, height))
            painter.setBrush(line)
            painter.drawEllipse(QPointF(place, 4), 3.2, 3.2)


class ContrastHistogram(HistogramView):
    """What is shown as black and as full brightness; the nearer handle follows the pointer."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        name(self, "Histogram", "Drag the lines to set what is black and what is bright")
        self._colormap = "grey"
        self._moving = 0

    def show_limits(self, low: float, high: float, colors: str) -> None:
        """Show where the handles are, and the colour map between them."""
        self._limits, self._colormap = (low, high), colors
        self.update()

    def begin(self, place: float) -> None:
        """Take the nearer handle."""
        low, high = (abs(self._place(value) - place) for value in self._limits)
        self._moving = 0 if low < high else 1
        self.drag_to(place)

    def drag_to(self, place: float) -> None:
        """Move the handle."""
        self._move(self._moving, place)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint counts, handles and the colour map."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_counts(painter)
        self._paint_map(painter)
        self._paint_handles(painter, self.height())
        painter.end()

    @property
    def _range(self) -> tuple[float, float]:
        """The values at the left and the right end; the handles are always within."""
        low = min(self._histogram.low, self._limits[0])
        high = max(self._histogram.high, self._limits[1])
        return low, high if high > low else low + 1

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
