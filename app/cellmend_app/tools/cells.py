"""Tools that act on whole cells: pick, delete, merge."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt

from cellmend.labels import operations
from cellmend_app.commands import EditLabels
from cellmend_app.document import Document
from cellmend_app.tools.outline import Outline
from cellmend_app.tools.protocol import Point, Pointer, Tool


def delete_cell(document: Document, label: int) -> None:
    """Delete a cell, undoably."""
    labels = document.labels
    patch = operations.delete(labels.array, [label], labels.index)
    if patch:
        document.undo.push(EditLabels(document, patch, f"Delete cell {label}"))
        document.status.emit(f"Deleted cell {label}.")


def merge_cells(document: Document, label: int, other: int) -> None:
    """Make two cells one, undoably; it keeps the first id and is selected."""
    labels = document.labels
    patch = operations.merge(labels.array, [label, other], labels.index)
    document.undo.push(EditLabels(document, patch, f"Merge cells {label} and {other}"))
    document.select(label)
    document.status.emit(f"Merged cell {other} into cell {label}.")


class Pick(Tool):
    """The tool of every day, with the gestures of Cellpose.

    Click selects, Ctrl+click (Cmd) deletes, Alt+click merges the cell into the selected
    one; a right click or Shift+left click starts an outline.
    """

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(document, parent)
        self.outline = Outline(document, self)
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

    def cancel(self) -> None:
        """Drop the outline."""
        self.outline.cancel()

    def click(self, pointer: Pointer) -> None:
        """Select, delete or merge the cell under the pointer."""
        document = self.document
        label = document.id_at(pointer.y, pointer.x)
        if pointer.has(Qt.KeyboardModifier.ControlModifier):
            delete_cell(document, label)
        elif pointer.has(Qt.KeyboardModifier.AltModifier):
            _merge_into_selected(document, label)
        else:
            document.select(label)


class Delete(Tool):
    """Each click deletes a cell."""

    def click(self, pointer: Pointer) -> None:
        """Delete the cell under the pointer."""
        delete_cell(self.document, self.document.id_at(pointer.y, pointer.x))


class Merge(Tool):
    """The first click selects a cell, each further click merges one into it."""

    def click(self, pointer: Pointer) -> None:
        """Select a cell, or merge it into the selected one."""
        label = self.document.id_at(pointer.y, pointer.x)
        if self.document.selected and label:
            _merge_into_selected(self.document, label)
        else:
            self.document.select(label)


def _merge_into_selected(document: Document, label: int) -> None:
    if not document.selected:
        document.status.emit("Select a cell first, then Alt+click the one to merge into it.")
    elif label and label != document.selected:
        merge_cells(document, document.selected, label)
