"""Draw a cell corner by corner."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from PyQt6.QtCore import QObject, Qt

from cellmend_app.services.cells import CellService
from cellmend_app.tools.outline import ENTER
from cellmend_app.tools.protocol import Point, Pointer, Tool

REACH = 8.0
"""How near, in screen pixels, the pointer must be to a corner to take hold of it."""
BACK_KEYS = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)


class Polygon(Tool):
    """Each click sets a corner; corners can be dragged until the polygon is closed.

    A click on the first or the last corner, a double click, a right click or Enter close
    it; Backspace takes the last corner back.
    """

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self._corners: list[Point] = []
        self._pointer: Point | None = None
        self._held: int | None = None
        self._moved = False
        self.document.image_changed.connect(self.cancel)
        self.document.plane_changed.connect(self.cancel)

    @property
    def trace(self) -> Sequence[Point]:
        """The polygon, with a line to the pointer."""
        if not self._corners:
            return ()
        loose = [self._pointer] if self._pointer is not None and self._held is None else []
        return [*self._corners, *loose, self._corners[0]]

    @property
    def handles(self) -> Sequence[Point]:
        """The corners."""
        return self._corners

    @property
    def busy(self) -> bool:
        """Whether a polygon is being drawn."""
        return bool(self._corners)

    def press(self, pointer: Pointer) -> bool:
        """Take hold of a corner, set one, or close the polygon with the right button."""
        if pointer.button == Qt.MouseButton.RightButton and self.busy:
            self._close()
            return True
        if pointer.button != Qt.MouseButton.LeftButton:
            return False
        self._held, self._moved = self._near(pointer), False
        if self._held is None:
            self._corners.append((pointer.y, pointer.x))
            self._held, self._moved = len(self._corners) - 1, True
        self.changed.emit()
        return True

    def move(self, pointer: Pointer) -> None:
        """Drag the corner that is held, or the line to the pointer."""
        if not self.busy:
            return
        self._pointer = pointer.y, pointer.x
        if self._held is not None:
            self._moved = self._moved or self._near(pointer) != self._held
            if self._moved:
                self._corners[self._held] = self._pointer
        self.changed.emit()

    def release(self, pointer: Pointer) -> None:
        """Let the corner go; a mere click on the first or the last one closes."""
        held, self._held = self._held, None
        if held is not None and not self._moved and held in (0, len(self._corners) - 1):
            self._close()
        self.changed.emit()

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Take Enter and Backspace while a polygon is being drawn."""
        return self.busy and key in (*ENTER, *BACK_KEYS)

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Close the polygon, or take the last corner back."""
        if key in ENTER:
            self._close()
        elif self._held is None:
            self._corners.pop()
            self.changed.emit()

    def cancel(self) -> None:
        """Drop the polygon."""
        if self.busy:
            self._corners, self._pointer, self._held = [], None, None
            self.changed.emit()

    def _near(self, pointer: Pointer) -> int | None:
        """Return the corner nearest to the pointer, if it is within reach."""
        distances = [hypot(pointer.y - y, pointer.x - x) for y, x in self._corners]
        if not distances or min(distances) * pointer.scale > REACH:
            return None
        return distances.index(min(distances))

    def _close(self) -> None:
        corners = [(y - 0.5, x - 0.5) for y, x in self._corners]
        if len(corners) < 3:
            self.document.status.emit("A polygon needs three corners.")
            return
        self.cancel()
        self._cells.draw(corners)
