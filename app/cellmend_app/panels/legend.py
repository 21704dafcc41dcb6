"""What the colours of measured cells mean."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from cellmend_app.controls import name
from cellmend_app.viewer.colours import MEASURE_MAP

HEIGHT, BAR = 26, 8


class Legend(QWidget):
    """A bar of the colours, with the values at its ends; hidden until there are any."""

    def __init__(self) -> None:
        super().__init__()
        self._range = (0.0, 1.0)
        self.setFixedHeight(HEIGHT)
        name(self, "Colours of the measurement")
        self.hide()

    def show_range(self, low: float, high: float) -> None:
        """Show the values of the darkest and of the brightest colour."""
        self._range = (low, high)
        self.setToolTip(
            f"Darkest {short(low)}, brightest {short(high)}; cells not measured are grey"
        )
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the bar and the values."""
        painter = QPainter(self)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for part in np.linspace(0, 1, 9).tolist():
            index = round(part * (len(MEASURE_MAP) - 1))
            gradient.setColorAt(part, QColor(*MEASURE_MAP[index].tolist()))
        painter.fillRect(QRectF(0, 1, self.width(), BAR), gradient)
        text = self.rect().adjusted(0, BAR + 2, 0, 0)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        for value, side in zip(self._range, sides, strict=True):
            painter.drawText(text, side | Qt.AlignmentFlag.AlignVCenter, short(value))
        painter.end()


def short(value: float) -> str:
    """Write a number with four digits, a large one without a fraction."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
