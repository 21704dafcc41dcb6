"""Select many cells at once: with a rectangle or a lasso."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt

from cellmend.labels import choose
from cellmend_app.tools.drag import CLICK, DragTool
from cellmend_app.tools.protocol import Point, Pointer


class SelectShape(DragTool):
    """Drag a shape: the cells whose middle lies in it are selected.

    With Shift they are added to the selection. A click selects the cell under it; with
    Shift it adds it, or takes it out.
    """

    def release(self, pointer: Pointer) -> None:
        """Select what is in the shape, or the cell that was clicked."""
        if not self.busy:
            return
        self.move(pointer)
        points, shift = self._points, pointer.has(Qt.KeyboardModifier.ShiftModifier)
        self.cancel()
        document = self.document
        if _extent(points) * pointer.scale < CLICK:
            label = document.id_at(pointer.y, pointer.x)
            document.toggle(label) if shift else document.select(label)
            return
        found = self.chosen(points)
        document.select(*(document.selection if shift else ()), *found)
        count = len(document.selection)
        document.status.emit("1 cell is selected." if count == 1 else f"{count:,} cells selected.")

    def chosen(self, points: Sequence[Point]) -> list[int]:
        """Return the cells in the shape that was dragged along these points."""
        raise NotImplementedError


class Rectangle(SelectShape):
    """Select the cells in a rectangle."""

    @property
    def trace(self) -> Sequence[Point]:
        """The rectangle being drawn."""
        if not self.busy:
            return ()
        (y, x), (v, u) = self._points[0], self._points[-1]
        return (y, x), (y, u), (v, u), (v, x), (y, x)

    def chosen(self, points: Sequence[Point]) -> list[int]:
        """Return the cells between the first and the last point."""
        (y, x), (v, u) = points[0], points[-1]
        box = round(min(y, v)), round(min(x, u)), round(max(y, v)), round(max(x, u))
        return choose.in_box(self.document.labels.index, box)


class Lasso(SelectShape):
    """Select the cells in a freehand shape."""

    @property
    def trace(self) -> Sequence[Point]:
        """The lasso being drawn."""
        return self._points

    def chosen(self, points: Sequence[Point]) -> list[int]:
        """Return the cells that the points go round."""
        centers = [(y - 0.5, x - 0.5) for y, x in points]
        return choose.in_lasso(self.document.labels.index, centers)


def _extent(points: Sequence[Point]) -> float:
    ys, xs = [y for y, _ in points], [x for _, x in points]
    return max(max(ys) - min(ys), max(xs) - min(xs))
