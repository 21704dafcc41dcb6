"""Steps that add layers."""

from __future__ import annotations

from PyQt6.QtGui import QUndoCommand

from cellmend_app.document import Document, RestoredLayer


class AddRestored(QUndoCommand):
    """A restored image beside the raw one; undo brings back the one before, if any.

    Parameters
    ----------
    document
        Where.
    layer
        The restored image.
    text
        What the Undo entry says.
    """

    def __init__(self, document: Document, layer: RestoredLayer, text: str) -> None:
        super().__init__(text)
        self._document = document
        self._layer = layer
        self._former = document.restored

    def redo(self) -> None:
        """Show the layer."""
        self._document.add_restored(self._layer)

    def undo(self) -> None:
        """Show the layer before it, or none."""
        if self._former is None:
            self._document.remove_restored()
        else:
            self._document.add_restored(self._former)
