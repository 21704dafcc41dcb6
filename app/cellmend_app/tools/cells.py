"""Tools that act on the cell, or the place, that is clicked."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt

from cellmend_app.document import Document
from cellmend_app.services.assist import AssistService
from cellmend_app.services.cells import CellService
from cellmend_app.tools.outline import Outline
from cellmend_app.tools.protocol import Point, Pointer, Tool

_CTRL, _ALT, _SHIFT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


class Pick(Tool):
    """The tool of every day, with the gestures of Cellpose.

    Click selects, Ctrl+click (Cmd) deletes, Alt+click merges the cell into the selected
    one; a right click or Shift+left click starts an outline. Ctrl+Shift+click adds a cell
    to the selection, or takes it out.
    """

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self.outline = Outline(cells, self)
        self.outline.changed.connect(self.changed)

    @property
    def trace(self) -> Sequence[Point]:
        """The outline being drawn."""
        return self.outline.trace

    @property
    def busy(self) -> bool:
        """Whether an outline is being drawn."""
        return self.outline.busy

    def press(self, pointer: Pointer) -> bool:
        """Start or end an outline."""
        return self.outline.press(pointer)

    def move(self, pointer: Pointer) -> None:
        """Go on with the outline."""
        self.outline.move(pointer)

    def release(self, pointer: Pointer) -> None:
        """Go on with the outline."""
        self.outline.release(pointer)

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Take the keys of the outline."""
        return self.outline.takes(key, modifiers)

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Give a key to the outline."""
        self.outline.key(key, modifiers)

    def cancel(self) -> None:
        """Drop the outline."""
        self.outline.cancel()

    def click(self, pointer: Pointer) -> None:
        """Select, delete or merge the cell under the pointer."""
        document = self.document
        label = document.id_at(pointer.y, pointer.x)
        if pointer.has(_CTRL) and pointer.has(_SHIFT):
            document.toggle(label)
        elif pointer.has(_CTRL):
            self._cells.delete([label])
        elif pointer.has(_ALT):
            _merge_into_selected(self._cells, label)
        else:
            document.select(label)


class Delete(Tool):
    """Each click deletes a cell."""

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells

    def click(self, pointer: Pointer) -> None:
        """Delete the cell under the pointer."""
        self._cells.delete([self.document.id_at(pointer.y, pointer.x)])


class Merge(Tool):
    """The first click selects a cell, each further click merges one into it."""

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells

    def click(self, pointer: Pointer) -> None:
        """Select a cell, or merge it into the selected one."""
        label = self.document.id_at(pointer.y, pointer.x)
        if self.document.selected and label:
            _merge_into_selected(self._cells, label)
        else:
            self.document.select(label)


class Fill(Tool):
    """A click gives enclosed background to the cell around it."""

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells

    def click(self, pointer: Pointer) -> None:
        """Fill the background under the pointer."""
        self._cells.fill(pointer.y, pointer.x)


class Find(Tool):
    """A click finds the cell under it, by the flows of the last run or by the image."""

    def __init__(self, assist: AssistService, document: Document, parent: QObject) -> None:
        super().__init__(document, parent)
        self._assist = assist

    def click(self, pointer: Pointer) -> None:
        """Find the cell under the pointer; one that is there already is selected."""
        label = self.document.id_at(pointer.y, pointer.x)
        if label:
            self.document.select(label)
        else:
            self._assist.find(pointer.y, pointer.x)


def _merge_into_selected(cells: CellService, label: int) -> None:
    document = cells.document
    if not document.selected:
        document.status.emit("Select a cell first, then Alt+click the one to merge into it.")
    elif label and label not in document.selection:
        cells.merge([*document.selection, label])
