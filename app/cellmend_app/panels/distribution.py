"""The distribution of a measurement over the cells, with a range that can be dragged."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy

from cellmend_app.controls import name
from cellmend_app.panels.histogram import SIDE, HistogramView
from cellmend_app.viewer.render import histogram

SIZE, LEAST_HEIGHT, NUMBERS = QSize(270, 120), 60, 18
REACH = 6.0
"""A handle is taken from as many pixels away, and a shorter drag is a click."""
FEWEST, MOST = 8, 60
"""How many bars there are, by the number of cells."""


class Distribution(HistogramView):
    """Bars of how many cells have a value; those within the range stand out.

    A drag chooses the range or moves one of its ends; a click ends it. An end that is drawn
    to the border of the picture is open: infinite.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        name(
            self,
            "Distribution over the cells",
            "How many cells have which value of the column. Drag over a range to show the cells "
            "within, or one of its ends; click to show all",
        )
        self._limits = (-inf, inf)
        self._fixed = 0.0
        self._pressed: float | None = None

    def show_values(self, values: NDArray[np.floating]) -> None:
        """Show the distribution of these; those that are not a number are left out."""
        there = values[np.isfinite(values)]
        bars = min(max(round(2 * len(there) ** (1 / 3)), FEWEST), MOST)  # Rice's rule
        self.show_histogram(histogram(there[np.newaxis], bars))

    def show_limits(self, low: float, high: float) -> None:
        """Show another range; infinite where it is open."""
        self._limits = (low, high)
        self.update()

    def begin(self, place: float) -> None:
        """Take the end of the range that is here, or begin another range."""
        low, high = self._limits
        away = {abs(self._place(low) - place): high, abs(self._place(high) - place): low}
        nearest = min(away)
        self._pressed = None if nearest <= REACH else place
        self._fixed = away[nearest] if nearest <= REACH else self._value(place)

    def drag_to(self, place: float) -> None:
        """Let the range end here."""
        if self._pressed is None or abs(place - self._pressed) > REACH:
            self._pressed = None
            self._set_limits(*sorted((self._fixed, self._value(place))))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """After a click, show all."""
        if self._pressed is not None:
            self._set_limits(-inf, inf)
        self._pressed = None

    def sizeHint(self) -> QSize:
        """Return a size in which bars can be told apart."""
        return SIZE

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint bars, handles and the values at both ends."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._histogram.counts.any():
            self._paint_bars(painter, self.height() - NUMBERS)
            self._paint_numbers(painter)
            self._paint_handles(painter, self.height() - NUMBERS)
        painter.end()

    # -- details

    def _value(self, place: float) -> float:
        if place <= SIDE:
            return -inf
        return inf if place >= self.width() - SIDE else super()._value(place)

    def _paint_bars(self, painter: QPainter, base: float) -> None:
        """Paint all bars, and over them in another colour what is within the range."""
        low, high = (self._place(value) for value in self._limits)
        outside = self.palette().color(QPalette.ColorRole.Text)
        outside.setAlpha(70)
        bars = self._bars(base)
        for colour, area in (
            (outside, self.rect().toRectF()),
            (self.palette().color(QPalette.ColorRole.Highlight), QRectF(low, 0, high - low, base)),
        ):
            painter.setClipRect(area)
            for bar in bars:
                painter.fillRect(bar, colour)
        painter.setClipping(False)

    def _bars(self, base: float) -> list[QRectF]:
        counts = self._histogram.counts.tolist()
        edges = pairwise(self._place(value) for value in np.linspace(*self._range, len(counts) + 1))
        unit = (base - 10) / max(counts)
        return [
            QRectF(left, base - count * unit, max(right - left - 1, 1), count * unit)
            for count, (left, right) in zip(counts, edges, strict=True)
        ]

    def _paint_numbers(self, painter: QPainter) -> None:
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        area = QRectF(SIDE, self.height() - NUMBERS, self.width() - 2 * SIDE, NUMBERS)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        for value, side in zip(self._range, sides, strict=True):
            painter.drawText(area, side | Qt.AlignmentFlag.AlignBottom, f"{value:.4g}")
