"""Draw a cell corner by corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from PyQt6.QtCore import QObject, Qt

from cellmend_app.services.cells import CellService
from cellmend_app.tools.outline import ENTER
from cellmend_app.tools.protocol import Point, Pointer, Tool

REACH = 8.0
"""How near, in screen pixels, the pointer must be to a corner to take hold of it."""
_KEYS = (*ENTER, Qt.Key.Key_Backspace, Qt.Key.Key_Delete)


@dataclass(frozen=True)
class _Drawn:
    """The polygon that was closed last: its corners, the cell it made, and the state then."""

    corners: tuple[Point, ...]
    label: int
    state: tuple[int, int]


class Polygon(Tool):
    """Each click sets a corner; corners can be dragged, also when the polygon is closed.

    A click on the first or the last corner, a double click, a right click or Enter close
    it; Backspace takes the last corner back. The corners of the cell that was drawn stay
    until Enter, Esc, another edit, another tool or the next polygon.
    """

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self._corners: list[Point] = []
        self._pointer: Point | None = None
        self._held: int | None = None
        self._moved = False
        self._drawn: _Drawn | None = None
        self._reshaping = False
        self.document.plane_edited.connect(self._on_edited)
        self.document.labels_replaced.connect(self._on_edited)
        self.document.image_changed.connect(self.cancel)
        self.document.plane_changed.connect(self.cancel)

    @property
    def trace(self) -> Sequence[Point]:
        """The polygon, with a line to the pointer."""
        if not self._corners:
            return () if self._drawn is None else (*self._drawn.corners, self._drawn.corners[0])
        loose = [self._pointer] if self._pointer is not None and self._held is None else []
        return [*self._corners, *loose, self._corners[0]]

    @property
    def handles(self) -> Sequence[Point]:
        """The corners."""
        return self._corners if self._corners or self._drawn is None else self._drawn.corners

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
        self._held, self._moved = self._near(pointer, self.handles), False
        self._reshaping = self._drawn is not None and self._held is not None
        if self._reshaping:
            self._corners = list(self.handles)
        elif self._held is None:
            self._drawn = None
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
            self._moved = self._moved or self._near(pointer, self._corners) != self._held
            if self._moved:
                self._corners[self._held] = self._pointer
        self.changed.emit()

    def release(self, pointer: Pointer) -> None:
        """Let the corner go; a mere click on the first or the last one closes."""
        held, self._held = self._held, None
        if self._reshaping:
            self._reshape()
        elif held is not None and not self._moved and held in (0, len(self._corners) - 1):
            self._close()
        self.changed.emit()

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Take Enter and Backspace while a polygon is being drawn, Enter while its corners stay."""
        return key in ENTER if self._drawn is not None else self.busy and key in _KEYS

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Close the polygon, let its corners go, or take the last corner back."""
        if self._drawn is not None:
            self.cancel()
        elif key in ENTER:
            self._close()
        elif self._held is None:
            self._corners.pop()
            self.changed.emit()

    def cancel(self) -> None:
        """Drop the polygon, and let go of the corners of the one that was drawn."""
        if self.busy or self._drawn is not None:
            self._corners, self._pointer, self._held = [], None, None
            self._drawn, self._reshaping = None, False
            self.changed.emit()

    def _near(self, pointer: Pointer, corners: Sequence[Point]) -> int | None:
        """Return the corner nearest to the pointer, if it is within reach."""
        distances = [hypot(pointer.y - y, pointer.x - x) for y, x in corners]
        if not distances or min(distances) * pointer.scale > REACH:
            return None
        return distances.index(min(distances))

    def _close(self) -> None:
        corners = self._corners
        if len(corners) < 3:
            self.document.status.emit("A polygon needs three corners.")
            return
        self.cancel()
        label = self._cells.draw(_centers(corners))
        if label:
            self._keep(corners, label)

    def _reshape(self) -> None:
        """Draw the cell again with the corner that was dragged, as the same undo step."""
        former, corners, moved = self._drawn, self._corners, self._moved
        self.cancel()
        if former is None or former.state != self._state():
            return
        self._keep(former.corners, former.label)
        if moved:
            self.document.undo.undo()
            if self._cells.draw(_centers(corners), former.label):
                self._keep(corners, former.label)
            else:
                self.document.undo.redo()
                self._keep(former.corners, former.label)

    def _keep(self, corners: Sequence[Point], label: int) -> None:
        self._drawn = _Drawn(tuple(corners), label, self._state())
        self.changed.emit()

    def _on_edited(self) -> None:
        if self._drawn is not None and self._drawn.state != self._state():
            self.cancel()

    def _state(self) -> tuple[int, int]:
        return self.document.revision, self.document.undo.index()


def _centers(corners: Sequence[Point]) -> list[Point]:
    """Return corners where pixel centres are whole numbers, as `cellmend.labels` has it."""
    return [(y - 0.5, x - 0.5) for y, x in corners]
