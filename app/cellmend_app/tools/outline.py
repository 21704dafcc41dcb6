"""Outline a cell as in Cellpose: start it, move around without holding, come back."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from PyQt6.QtCore import QObject, Qt

from cellmend_app.services.cells import CellService
from cellmend_app.tools.protocol import Point, Pointer, Tool

MIN_LENGTH = 8
"""An outline must be longer than this, in pixels (as in Cellpose)."""
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
CLOSE_SCREEN = 7.0
"""How near, in screen pixels, the pointer must come to the start to close the outline."""


class Outline(Tool):
    """Draws the border of a new cell.

    A right click or Shift+left click starts; then the pointer draws without being
    held. Back at the start, or at a second click, the outline closes and is filled.
    With `left_starts` a plain left press starts too, and dragging it round works.
    """

    def __init__(
        self, cells: CellService, parent: QObject | None = None, *, left_starts: bool = False
    ) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self.left_starts = left_starts
        self._points: list[Point] = []
        self._length = 0.0
        self._away = False
        self.document.image_changed.connect(self.cancel)
        self.document.plane_changed.connect(self.cancel)

    @property
    def trace(self) -> Sequence[Point]:
        """The corners so far."""
        return self._points

    @property
    def busy(self) -> bool:
        """Whether an outline is being drawn."""
        return bool(self._points)

    def press(self, pointer: Pointer) -> bool:
        """Start an outline, or end the one being drawn."""
        if self.busy:
            self._finish()
            return True
        if not self._starts(pointer):
            return False
        self._points = [(pointer.y, pointer.x)]
        self._length, self._away = 0.0, False
        self.changed.emit()
        return True

    def move(self, pointer: Pointer) -> None:
        """Draw on; close the outline on return to its start."""
        if not self.busy:
            return
        step = _distance(self._points[-1], pointer)
        if step * max(pointer.scale, 1.0) < 1.0:
            return
        self._points.append((pointer.y, pointer.x))
        self._length += step
        from_start = _distance(self._points[0], pointer)
        reach = max(CLOSE_SCREEN / pointer.scale, 1.0)
        if self._away and from_start <= reach and self._length > MIN_LENGTH:
            self._finish()
            return
        self._away = self._away or from_start > 1.5 * reach
        self.changed.emit()

    def release(self, pointer: Pointer) -> None:
        """End an outline that was dragged round; after a mere click, go on without holding."""
        dragged = self.busy and self._away
        if self.left_starts and dragged and pointer.button == Qt.MouseButton.LeftButton:
            self._finish()

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Take Enter to close the outline or, in a volume, to fill the planes between."""
        between = self.document.selected > 0 and len(self.document.frame) > 1
        return key in ENTER and (self.busy or between)

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Close the outline, or draw selected cells in the planes between those they are in."""
        if self.busy:
            self._finish()
        else:
            self._cells.interpolate()

    def cancel(self) -> None:
        """Drop the outline."""
        if self.busy:
            self._points = []
            self.changed.emit()

    def _starts(self, pointer: Pointer) -> bool:
        if pointer.button == Qt.MouseButton.RightButton:
            return True
        shift = pointer.modifiers == Qt.KeyboardModifier.ShiftModifier
        return pointer.button == Qt.MouseButton.LeftButton and (shift or self.left_starts)

    def _finish(self) -> None:
        points = [(y - 0.5, x - 0.5) for y, x in self._points]
        length = self._length
        self.cancel()
        if length <= MIN_LENGTH:
            self.document.status.emit("The outline was too short for a cell.")
            return
        self._cells.draw(points)


def _distance(point: Point, pointer: Pointer) -> float:
    return hypot(pointer.y - point[0], pointer.x - point[1])
