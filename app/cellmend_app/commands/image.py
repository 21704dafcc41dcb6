"""Steps that change what is known of the image."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtGui import QUndoCommand

from cellmend_app.document import Document


class SetPixelSize(QUndoCommand):
    """Another size of the image's pixels.

    Parameters
    ----------
    document
        Where.
    size_um
        Of a pixel in µm along axes; those that are not known are left out.
    """

    def __init__(self, document: Document, size_um: Mapping[str, float]) -> None:
        super().__init__("Set the pixel size")
        self._document = document
        self._size = dict(size_um)
        self._former = dict(document.pixel_size)

    def redo(self) -> None:
        """Take the size."""
        self._document.set_pixel_size(self._size)

    def undo(self) -> None:
        """Take the size before it."""
        self._document.set_pixel_size(self._former)
