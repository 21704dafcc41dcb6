"""Steps that add and remove layers."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtGui import QUndoCommand

from cellmend_app.document import Document, MaskLayer, RestoredLayer


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


class ChangeMaskLayers(QUndoCommand):
    """Other masks beside those being edited: one more, one fewer, or one looking different.

    Parameters
    ----------
    document
        Where.
    layers
        All that there are afterwards.
    text
        What the Undo entry says.
    """

    def __init__(self, document: Document, layers: Iterable[MaskLayer], text: str) -> None:
        super().__init__(text)
        self._document = document
        self._other = tuple(layers)

    def redo(self) -> None:
        """Show the layers after the step."""
        self._exchange()

    def undo(self) -> None:
        """Show the layers before it."""
        self._exchange()

    def _exchange(self) -> None:
        former = self._document.mask_layers
        self._document.set_mask_layers(self._other)
        self._other = former
