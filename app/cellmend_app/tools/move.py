"""Move cells by hand."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt

from cellmend.errors import InputError
from cellmend.labels.patches import Patch
from cellmend_app.commands import EditLabels
from cellmend_app.services.cells import CellService
from cellmend_app.tools.protocol import Point, Pointer, Tool

FAR = 10
"""Pixels of a step with Shift held."""
ARROWS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}


class Move(Tool):
    """Drag a cell, or all that are selected; the arrow keys move them by a pixel.

    The cells move with the pointer; from press to release is one undo step. Should
    anything else want to change the labels meanwhile, they first go back.
    """

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self._start: Point | None = None
        self._shift = (0, 0)
        self._patches: dict[int, Patch] = {}
        self.document.settling.connect(self.cancel)

    @property
    def busy(self) -> bool:
        """Whether cells are held."""
        return self._start is not None

    def press(self, pointer: Pointer) -> bool:
        """Take hold of the cell under the pointer."""
        label = self.document.id_at(pointer.y, pointer.x)
        if pointer.button != Qt.MouseButton.LeftButton or not label:
            return False
        self.document.settling.emit()
        if label not in self.document.selection:
            self.document.select(label)
        self._start, self._shift = (pointer.y, pointer.x), (0, 0)
        return True

    def move(self, pointer: Pointer) -> None:
        """Bring the cells to the pointer."""
        if self._start is None:
            return
        shift = round(pointer.y - self._start[0]), round(pointer.x - self._start[1])
        if shift == self._shift:
            return
        ids = self.document.selection
        self._take_back()
        try:
            wanted = self._cells.moved(ids, shift)
        except InputError as error:
            self.document.status.emit(error.message)
            shift, wanted = self._shift, self._cells.moved(ids, self._shift)
        self._shift, self._patches = shift, wanted
        for plane, patch in wanted.items():
            self.document.labels.apply(patch, plane)
        self.document.select(*ids)

    def release(self, pointer: Pointer) -> None:
        """Leave the cells where they are: one undo step."""
        if self._start is None:
            return
        self.move(pointer)
        self._start = None
        patches, self._patches = self._patches, {}
        if patches:
            self.document.undo.push(EditLabels(self.document, patches, "Move cells", applied=True))

    def click(self, pointer: Pointer) -> None:
        """Select nothing: background was clicked."""
        self.document.select(0)

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Take the arrow keys while cells are selected."""
        plain = modifiers & ~(
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        )
        return key in ARROWS and not plain and self.document.selected > 0

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Move the selected cells by a pixel, with Shift by ten."""
        dy, dx = ARROWS[Qt.Key(key)]
        far = FAR if modifiers & Qt.KeyboardModifier.ShiftModifier else 1
        self.cancel()
        self._cells.nudge(dy * far, dx * far)

    def cancel(self) -> None:
        """Bring the cells back."""
        if self._start is not None:
            ids = self.document.selection
            self._start = None
            self._take_back()
            self.document.select(*ids)

    def _take_back(self) -> None:
        patches, self._patches = self._patches, {}
        for plane, patch in patches.items():
            self.document.labels.revert(patch, plane)
