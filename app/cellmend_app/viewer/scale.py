"""What tells sizes: a disk as large as a cell, and a scale bar."""

from __future__ import annotations

from math import floor, log10

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QWidget

_LIGHT = QColor(255, 255, 255, 230)
_DARK = QColor(0, 0, 0, 170)
_DISK = QColor(255, 255, 255, 70)
MARGIN = 14
BAR_SHARE = 0.22
"""The part of the view's width that the scale bar may take."""


class ScaleDisk(QWidget):
    """A disk of the diameter of a cell at the lower left, with the number beside it."""

    LARGEST = 0.45
    """Part of the view's height that the disk may take; a larger one is not shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._diameter = 30.0
        self._scale = 1.0
        self._on = True

    def set_on(self, on: bool) -> None:
        """Show the disk or not."""
        self._on = on
        self.rearrange(self._diameter, self._scale)

    @property
    def on(self) -> bool:
        """Whether the disk is shown where it fits."""
        return self._on

    def rearrange(self, diameter: float, scale: float) -> None:
        """Show a diameter in image pixels at a zoom, in the corner of the parent."""
        self._diameter, self._scale = diameter, scale
        parent = self.parentWidget()
        if parent is None:
            return
        across = max(round(diameter * scale), 1)
        self.setVisible(self._on and across <= parent.height() * self.LARGEST)
        height = max(across, 22)
        self.setGeometry(MARGIN, parent.height() - height - MARGIN, across + 100, height + 2)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the disk and its size."""
        across = self._diameter * self._scale
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(_LIGHT, 1.2))
        painter.setBrush(_DISK)
        painter.drawEllipse(QRectF(1, self.height() - across - 1, across - 1, across - 1))
        area = QRectF(across + 7, self.height() - 22, 92, 20)
        _write(painter, area, f"{round(self._diameter, 1):g} px", Qt.AlignmentFlag.AlignLeft)
        painter.end()


class ScaleBar(QWidget):
    """A bar of a round length at the lower right, in µm where the pixel size is known."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._length = 0.0
        self.text = ""

    def rearrange(self, scale: float, pixel_um: float | None) -> None:
        """Show a length at a zoom, in the corner of the parent."""
        parent = self.parentWidget()
        if parent is None or scale <= 0:
            return
        unit = pixel_um if pixel_um is not None and pixel_um > 0 else 1.0
        longest = max(parent.width() * BAR_SHARE / scale * unit, 1e-9)
        length = round_length(longest)
        self._length = length / unit * scale
        self.text = f"{length:g} {'px' if pixel_um is None else 'µm'}"
        width = round(max(self._length, 90)) + 4
        self.setGeometry(parent.width() - width - MARGIN, parent.height() - 28 - MARGIN, width, 30)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the bar and its length."""
        painter = QPainter(self)
        bar = QRectF(self.width() - self._length - 2, self.height() - 6, self._length, 4)
        painter.fillRect(bar.adjusted(-1, -1, 1, 1), _DARK)
        painter.fillRect(bar, _LIGHT)
        area = QRectF(0, 0, self.width() - 2, self.height() - 8)
        _write(painter, area, self.text, Qt.AlignmentFlag.AlignRight)
        painter.end()


def round_length(longest: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50... (or their fractions) up to `longest`."""
    power = 10.0 ** floor(log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def _write(painter: QPainter, area: QRectF, text: str, side: Qt.AlignmentFlag) -> None:
    """Write light text with a dark shade, to be read on any image."""
    font = QFont(painter.font())
    font.setPixelSize(12)
    painter.setFont(font)
    for colour, shift in ((_DARK, 1.0), (_LIGHT, 0.0)):
        painter.setPen(colour)
        painter.drawText(area.translated(shift, shift), side | Qt.AlignmentFlag.AlignVCenter, text)
