"""Tools that look and measure, and change nothing: the ruler, and the box to zoom into."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cellmend_app.document import Document
from cellmend_app.tools.protocol import Point, Pointer, Tool

SMALLEST = 3.0
"""A box with a side of fewer screen pixels is a slip of the hand."""


class DragTool(Tool):
    """Base of tools that take a left drag from one place to another."""

    _start: Point | None = None
    _end: Point | None = None
    _dragging = False

    @property
    def busy(self) -> bool:
        """Whether a drag is under way."""
        return self._dragging

    def press(self, pointer: Pointer) -> bool:
        """Begin with the left button."""
        if pointer.button != Qt.MouseButton.LeftButton:
            return False
        self._start = self._end = (pointer.y, pointer.x)
        self._dragging = True
        self.changed.emit()
        return True

    def move(self, pointer: Pointer) -> None:
        """Follow the pointer."""
        if self._dragging:
            self._end = (pointer.y, pointer.x)
            self.changed.emit()

    def cancel(self) -> None:
        """Draw nothing."""
        self._start = self._end = None
        self._dragging = False
        self.changed.emit()


class Ruler(DragTool):
    """Drag to measure a length; the line stays until the next one, Esc, or another tool.

    The status bar says the length, in µm where the pixel size is known.
    """

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(document, parent)
        document.pixel_size_changed.connect(self._on_pixel_size)

    @property
    def trace(self) -> Sequence[Point]:
        """The line."""
        return () if self._start is None or self._end is None else (self._start, self._end)

    @property
    def handles(self) -> Sequence[Point]:
        """Its ends."""
        return self.trace

    @property
    def length_px(self) -> float:
        """The length in pixels of the image; 0 where there is no line."""
        if self._start is None or self._end is None:
            return 0.0
        return hypot(self._end[0] - self._start[0], self._end[1] - self._start[1])

    @property
    def length_um(self) -> float | None:
        """The length in µm; None where the pixel size is not known."""
        size = self.document.pixel_size
        if self._start is None or self._end is None or not {"Y", "X"} <= set(size):
            return None
        down, across = self._end[0] - self._start[0], self._end[1] - self._start[1]
        return hypot(down * size["Y"], across * size["X"])

    def move(self, pointer: Pointer) -> None:
        """Follow the pointer, and say the length."""
        super().move(pointer)
        if self._dragging:
            self._say()

    def release(self, pointer: Pointer) -> None:
        """Leave the line where it is."""
        self._dragging = False
        self._say()

    def _on_pixel_size(self) -> None:
        if self.trace:
            self._say()

    def _say(self) -> None:
        micrometres = self.length_um
        more = "" if micrometres is None else f" = {micrometres:.4g} µm"
        self.document.status.emit(f"Length {self.length_px:.1f} px{more}")


class ZoomBox(DragTool):
    """Drag a box to see it as large as it fits.

    Signals
    -------
    chosen(box)
        A box (y0, x0, y1, x1) of the image.
    """

    chosen = pyqtSignal(object)

    @property
    def trace(self) -> Sequence[Point]:
        """The sides of the box."""
        if self._start is None or self._end is None:
            return ()
        (y0, x0), (y1, x1) = self._start, self._end
        return (y0, x0), (y0, x1), (y1, x1), (y1, x0), (y0, x0)

    def release(self, pointer: Pointer) -> None:
        """Choose the box."""
        start, end = self._start, self._end
        self.cancel()
        if start is None or end is None:
            return
        y0, x0, y1, x1 = *map(min, start, end), *map(max, start, end)
        if min(y1 - y0, x1 - x0) * pointer.scale >= SMALLEST:
            self.chosen.emit((y0, x0, y1, x1))
