"""Choose the part of the image whose cells are to be found."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cellmend.errors import InputError
from cellmend.labels.region import Region
from cellmend_app.document import Document
from cellmend_app.tools.drag import CLICK, DragTool
from cellmend_app.tools.protocol import Point, Pointer


class RegionTool(DragTool):
    """Drag a rectangle, or with Shift go round freehand: the cells in it are found.

    Signals
    -------
    chosen(Region)
        A part of the plane on show was drawn.
    """

    chosen = pyqtSignal(object)

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(document, parent)
        self._freehand = False

    @property
    def trace(self) -> Sequence[Point]:
        """The outline of the part."""
        if not self.busy or self._freehand:
            return self._points
        (y, x), (v, u) = self._points[0], self._points[-1]
        return (y, x), (y, u), (v, u), (v, x), (y, x)

    def press(self, pointer: Pointer) -> bool:
        """Begin with the left button."""
        begun = super().press(pointer)
        if begun:
            self._freehand = pointer.has(Qt.KeyboardModifier.ShiftModifier)
        return begun

    def release(self, pointer: Pointer) -> None:
        """Choose what was drawn, unless that was a slip of the hand."""
        if not self.busy:
            return
        self.move(pointer)
        outline = self.trace
        self.cancel()
        (ys, xs), shape = zip(*outline, strict=True), self.document.labels_shape
        if min(max(ys) - min(ys), max(xs) - min(xs)) * pointer.scale < CLICK:
            return
        try:
            if self._freehand:
                region = Region.of_outline([(y - 0.5, x - 0.5) for y, x in outline], shape)
            else:
                box = round(min(ys)), round(min(xs)), round(max(ys)), round(max(xs))
                region = Region.of_box(box, shape)
        except InputError as error:
            self.document.status.emit(str(error))
            return
        self.chosen.emit(region)
