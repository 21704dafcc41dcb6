"""Split cells: along a line, or between two points."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt

from cellmend_app.services.cells import CellService
from cellmend_app.tools.protocol import Point, Pointer, Tool


class SplitLine(Tool):
    """Drag a line: it cuts every cell that it crosses from border to border."""

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self._line: tuple[Point, Point] | None = None
        self.document.image_changed.connect(self.cancel)
        self.document.plane_changed.connect(self.cancel)

    @property
    def trace(self) -> Sequence[Point]:
        """The line being drawn."""
        return self._line or ()

    @property
    def handles(self) -> Sequence[Point]:
        """The ends of the line."""
        return self._line or ()

    @property
    def busy(self) -> bool:
        """Whether a line is being drawn."""
        return self._line is not None

    def press(self, pointer: Pointer) -> bool:
        """Begin a line with the left button."""
        if pointer.button != Qt.MouseButton.LeftButton:
            return False
        place = pointer.y, pointer.x
        self._line = place, place
        self.changed.emit()
        return True

    def move(self, pointer: Pointer) -> None:
        """Move the end of the line."""
        if self._line is not None:
            self._line = self._line[0], (pointer.y, pointer.x)
            self.changed.emit()

    def release(self, pointer: Pointer) -> None:
        """Cut."""
        if self._line is None:
            return
        (y, x), end = self._line[0], pointer.center
        self.cancel()
        self._cells.split_line((y - 0.5, x - 0.5), end)

    def cancel(self) -> None:
        """Drop the line."""
        if self._line is not None:
            self._line = None
            self.changed.emit()


class SplitPoints(Tool):
    """Click the middles of two cells that were taken for one: it is split between them."""

    def __init__(self, cells: CellService, parent: QObject | None = None) -> None:
        super().__init__(cells.document, parent)
        self._cells = cells
        self._first: Point | None = None
        for signal in (
            self.document.image_changed,
            self.document.plane_changed,
            self.document.labels_edited,
            self.document.labels_replaced,
        ):
            signal.connect(self.cancel)

    @property
    def trace(self) -> Sequence[Point]:
        """The first point."""
        return () if self._first is None else (self._first,)

    @property
    def handles(self) -> Sequence[Point]:
        """The first point."""
        return self.trace

    @property
    def busy(self) -> bool:
        """Whether the second click is awaited."""
        return self._first is not None

    def click(self, pointer: Pointer) -> None:
        """Take the first point, or split at the second one."""
        document, first = self.document, self._first
        label = document.id_at(pointer.y, pointer.x)
        self.cancel()
        if not label:
            return
        if first is not None and document.id_at(*first) == label:
            points = [(first[0] - 0.5, first[1] - 0.5), pointer.center]
            self._cells.split_points(label, points)
            return
        self._first = pointer.y, pointer.x
        document.select(label)
        document.status.emit("Click the middle of the other part.")
        self.changed.emit()

    def cancel(self) -> None:
        """Forget the first point."""
        if self._first is not None:
            self._first = None
            self.changed.emit()
