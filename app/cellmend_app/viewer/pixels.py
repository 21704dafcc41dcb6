"""An array on screen: sharp pixels zoomed in, averaged pixels zoomed out."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter
from PyQt6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from cellmend.labels.runs import Box
from cellmend_app.viewer.marks import screen_pen

MIN_LEVEL = 64
"""Levels smaller than this are not made."""


class Pyramid:
    """Pixels with copies at a half, a quarter... of their size, made when first needed.

    The arrays are shared with Qt, which reads them whenever it paints.

    Parameters
    ----------
    pixels
        uint8 (Y, X) grey, or (Y, X, 4) in Qt's order B, G, R, A, premultiplied.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._levels = [np.ascontiguousarray(pixels)]
        self._images = [_image_over(self._levels[0])]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels at full size; after a change call `refresh`."""
        return self._levels[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at full size."""
        return self._levels[0].shape[0], self._levels[0].shape[1]

    def at(self, scale: float) -> tuple[QImage, int]:
        """Return the picture for `scale` screen pixels per pixel, and how much smaller it is."""
        level = 0
        while scale * 2 ** (level + 1) <= 1.0 and min(self._levels[level].shape[:2]) > MIN_LEVEL:
            level += 1
            if level == len(self._levels):
                self._levels.append(_halved(self._levels[-1]))
                self._images.append(_image_over(self._levels[-1]))
        return self._images[level], 2**level

    def refresh(self, box: Box) -> None:
        """Bring the smaller copies up to date with a change of the pixels in `box`."""
        y0, x0, y1, x1 = box
        for big, small in zip(self._levels, self._levels[1:], strict=False):
            height, width = small.shape[:2]
            y0, x0 = y0 // 2, x0 // 2
            y1, x1 = min((y1 + 1) // 2, height), min((x1 + 1) // 2, width)
            if y0 >= y1 or x0 >= x1:
                return
            small[y0:y1, x0:x1] = _halved(big[2 * y0 : 2 * y1, 2 * x0 : 2 * x1])


class PixelItem(QGraphicsItem):
    """Shows a pyramid over a given area of the scene, which is in raw image pixels."""

    def __init__(self, parent: QGraphicsItem | None = None) -> None:
        super().__init__(parent)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._pyramid: Pyramid | None = None
        self._area = QRectF()
        self._columns: tuple[float, float] | None = None

    @property
    def pyramid(self) -> Pyramid | None:
        """What is shown."""
        return self._pyramid

    def show_pixels(self, pyramid: Pyramid | None, height: float, width: float) -> None:
        """Show other pixels, stretched over `height` × `width` raw pixels."""
        self.prepareGeometryChange()
        self._pyramid = pyramid
        self._area = QRectF(0, 0, width, height)
        self.update()

    def set_columns(self, start: float, end: float) -> None:
        """Show only what lies between two columns of raw pixels, with a line at the first."""
        self._columns = start, end
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the area in raw pixels."""
        return self._area

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint what is exposed, from the copy that suits the zoom."""
        if self._pyramid is None or painter is None or option is None:
            return
        exposed = option.exposedRect.intersected(self._area)
        if self._columns is not None:
            start, end = self._columns
            exposed = exposed.intersected(QRectF(start, 0, end - start, self._area.height()))
            painter.setClipRect(exposed, Qt.ClipOperation.IntersectClip)
        per_pixel = self._area.height() / self._pyramid.shape[0]
        scale = painter.worldTransform().m11() * per_pixel
        image, factor = self._pyramid.at(scale)
        step = per_pixel * factor
        source = QRectF(
            exposed.x() / step, exposed.y() / step, exposed.width() / step, exposed.height() / step
        ).toAlignedRect()
        source = source.adjusted(-1, -1, 1, 1).intersected(image.rect())
        target = QRectF(
            source.x() * step, source.y() * step, source.width() * step, source.height() * step
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale * factor < 0.999)
        painter.drawImage(target, image, QRectF(source))
        if self._columns is not None:
            painter.setPen(screen_pen(QColor(255, 255, 255), 3.0))
            painter.drawLine(QLineF(self._columns[0], 0, self._columns[0], self._area.height()))


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = max(1, pixels.shape[0] // 2), max(1, pixels.shape[1] // 2)
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _image_over(pixels: NDArray[np.uint8]) -> QImage:
    """Return a QImage that reads the array itself."""
    kind = (
        QImage.Format.Format_Grayscale8
        if pixels.ndim == 2
        else QImage.Format.Format_ARGB32_Premultiplied
    )
    height, width = pixels.shape[:2]
    data = cast(bytes, pixels.data)  # Qt takes any buffer, and does not copy it
    return QImage(data, width, height, pixels.strides[0], kind)
