"""Tools that draw by dragging with the left button."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt

from cellmend_app.document import Document
from cellmend_app.tools.protocol import Point, Pointer, Tool

CLICK = 4.0
"""A drag shorter than this, in screen pixels, is a click."""


class DragTool(Tool):
    """Collects the points that the pointer is dragged along; `release` says what they mean."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(document, parent)
        self._points: list[Point] = []
        document.image_changed.connect(self.cancel)
        document.plane_changed.connect(self.cancel)

    @property
    def busy(self) -> bool:
        """Whether a shape is being drawn."""
        return bool(self._points)

    def press(self, pointer: Pointer) -> bool:
        """Begin a shape with the left button."""
        if pointer.button != Qt.MouseButton.LeftButton:
            return False
        self._points = [(pointer.y, pointer.x)]
        self.changed.emit()
        return True

    def move(self, pointer: Pointer) -> None:
        """Draw on."""
        if self.busy:
            self._points.append((pointer.y, pointer.x))
            self.changed.emit()

    def cancel(self) -> None:
        """Drop the shape."""
        if self.busy:
            self._points = []
            self.changed.emit()
