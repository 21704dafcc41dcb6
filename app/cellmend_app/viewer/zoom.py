"""A view of a scene in image pixels: zoom and position."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, pyqtSignal
from PyQt6.QtGui import QResizeEvent, QTransform
from PyQt6.QtWidgets import QGraphicsScene, QGraphicsView, QWidget

MAX_SCALE = 64.0
"""Screen pixels per image pixel, at most."""
MIN_OF_FIT = 0.25
"""The image cannot be made smaller than this part of the view, or 1 : 1 if that is smaller."""
FIT_MARGIN = 0.98
BOX_MARGIN = 0.8


class ZoomView(QGraphicsView):
    """A scene in raw image pixels, y downwards, under one zoom and position.

    Signals
    -------
    scale_changed(scale)
        Screen pixels per image pixel.
    moved()
        Another part of the image is seen.
    """

    scale_changed = pyqtSignal(float)
    moved = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._surface = QGraphicsScene(self)
        self._surface.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.setScene(self._surface)
        self._image = QRectF(0, 0, 1, 1)
        self._fitted = True
        self.follows = False
        """Whether the place and zoom are those of another canvas, also after a resize."""

    @property
    def scale_factor(self) -> float:
        """Screen pixels per image pixel."""
        return self.transform().m11()

    @property
    def image_area(self) -> QRectF:
        """The area of the raw image in the scene."""
        return self._image

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the image."""
        return round(self._image.height()), round(self._image.width())

    def set_image_size(self, height: int, width: int) -> None:
        """Take an image of another size; it is fitted into the view."""
        self._image = QRectF(0, 0, width, height)
        room = 8.0 * max(height, width)
        self._surface.setSceneRect(self._image.adjusted(-room, -room, room, room))
        self.fit()

    @property
    def fitted(self) -> bool:
        """Whether the whole image is kept in view."""
        return self._fitted

    @property
    def center(self) -> QPointF:
        """The place of the image in the middle of the view."""
        return self.to_image(QRectF(self._viewport().rect()).center())

    def look_at(self, center: QPointF, scale: float) -> None:
        """Show a place in the middle of the view, at a scale."""
        if scale != self.scale_factor:
            self._set_scale(scale)
        self.centerOn(center)
        self._fitted = False
        self.moved.emit()

    def show_box(self, box: tuple[float, float, float, float]) -> None:
        """Zoom so that a box (y0, x0, y1, x1) fills the view, with some room around it."""
        y0, x0, y1, x1 = box
        size = self._viewport().size()
        scale = BOX_MARGIN * min(size.width() / max(x1 - x0, 1), size.height() / max(y1 - y0, 1))
        self.look_at(QPointF((x0 + x1) / 2, (y0 + y1) / 2), self._allowed(scale))

    def fit(self) -> None:
        """Show the whole image."""
        self._set_scale(self._fit_scale() * FIT_MARGIN)
        self.centerOn(self._image.center())
        self._fitted = True
        self.moved.emit()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom by a factor, keeping the place under `at` (viewport pixels; default its centre)."""
        fixed = at if at is not None else QRectF(self._viewport().rect()).center()
        before = self.to_image(fixed)
        scale = self._allowed(self.scale_factor * factor)
        self._set_scale(scale)
        after = self.to_image(fixed)
        self._scroll_by((before - after) * scale)
        self._fitted = False
        self.moved.emit()

    def actual_size(self) -> None:
        """Show one image pixel as one screen pixel."""
        self.zoom(1.0 / self.scale_factor)

    def center_on(self, y: float, x: float) -> None:
        """Move a place of the image to the middle of the view."""
        self.centerOn(x, y)
        self._fitted = False
        self.moved.emit()

    def visible_box(self) -> tuple[int, int, int, int]:
        """Return what is seen of the image: (y0, x0, y1, x1), ends exclusive."""
        corners = self.mapToScene(self._viewport().rect()).boundingRect()
        seen = corners.intersected(self._image).toAlignedRect()
        return seen.top(), seen.left(), seen.top() + seen.height(), seen.left() + seen.width()

    def to_image(self, at: QPointF) -> QPointF:
        """Return the image coordinates of a place in the viewport."""
        inverse, _ = self.viewportTransform().inverted()
        return inverse.map(at)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the whole image in view if it was."""
        super().resizeEvent(event)
        if self.follows:
            return
        if self._fitted:
            self.fit()
        else:
            self.moved.emit()

    # -- details

    def _viewport(self) -> QWidget:
        viewport = self.viewport()
        assert viewport is not None
        return viewport

    def _fit_scale(self) -> float:
        size = self._viewport().size()
        return min(
            MAX_SCALE,
            max(size.width(), 1) / self._image.width(),
            max(size.height(), 1) / self._image.height(),
        )

    def _allowed(self, scale: float) -> float:
        return min(max(scale, min(self._fit_scale() * MIN_OF_FIT, 1.0)), MAX_SCALE)

    def _set_scale(self, scale: float) -> None:
        self.setTransform(QTransform.fromScale(scale, scale))
        self.scale_changed.emit(scale)

    def _scroll_by(self, pixels: QPointF) -> None:
        for bar, by in (
            (self.horizontalScrollBar(), pixels.x()),
            (self.verticalScrollBar(), pixels.y()),
        ):
            if bar is not None:
                bar.setValue(bar.value() + round(by))
