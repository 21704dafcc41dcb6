"""Brush and eraser: the labels change while the pointer moves."""

from __future__ import annotations

from math import ceil, hypot

from PyQt6.QtCore import QObject, Qt

from cellmend.labels.paint import capsule
from cellmend.labels.stroke import StrokeBuilder
from cellmend_app.commands import EditLabels
from cellmend_app.document import Document
from cellmend_app.tools.protocol import Point, Pointer, Tool

MIN_RADIUS, MAX_RADIUS = 0.5, 100.0
LONGEST_STEP = 256.0
"""A faster move is painted in pieces: the box of a long oblique one would be huge."""


class Stroke(Tool):
    """A tool that paints a label; from press to release is one undo step.

    What is painted is written at once. Should anything else want to change the
    labels meanwhile (undo, a result), the stroke is dropped first.
    """

    text = "Paint"

    def __init__(
        self, document: Document, radius: float = 5.0, parent: QObject | None = None
    ) -> None:
        super().__init__(document, parent)
        self._radius = radius
        self._builder: StrokeBuilder | None = None
        self._last: Point = (0.0, 0.0)
        document.settling.connect(self.cancel)

    @property
    def cursor_radius(self) -> float:
        """The brush radius in image pixels."""
        return self._radius

    @property
    def radius(self) -> float:
        """The brush radius in image pixels, 0.5 to 100."""
        return self._radius

    @radius.setter
    def radius(self, pixels: float) -> None:
        self._radius = min(max(pixels, MIN_RADIUS), MAX_RADIUS)
        self.changed.emit()

    @property
    def busy(self) -> bool:
        """Whether a stroke is under way."""
        return self._builder is not None

    def press(self, pointer: Pointer) -> bool:
        """Begin a stroke with the left button."""
        if pointer.button != Qt.MouseButton.LeftButton:
            return False
        self.document.settling.emit()
        self._builder = self.begin(pointer)
        self._last = pointer.center
        self._paint(pointer)
        return True

    def move(self, pointer: Pointer) -> None:
        """Paint from the last place to this one."""
        if self._builder is not None:
            self._paint(pointer)

    def release(self, pointer: Pointer) -> None:
        """End the stroke: one undo step."""
        if self._builder is None:
            return
        self._paint(pointer)
        builder, self._builder = self._builder, None
        patch = builder.patch()
        if patch:
            self.document.undo.push(
                EditLabels(self.document, patch, self.text, applied=True, drawn=self.drawn())
            )

    def cancel(self) -> None:
        """Take the stroke back."""
        if self._builder is None:
            return
        builder, self._builder = self._builder, None
        patch = builder.patch()
        if patch:
            self.document.labels.revert(patch)

    def begin(self, pointer: Pointer) -> StrokeBuilder:
        """Decide what the stroke paints."""
        raise NotImplementedError

    def drawn(self) -> tuple[int, ...]:
        """Return the id that the stroke made, if any."""
        return ()

    def _paint(self, pointer: Pointer) -> None:
        assert self._builder is not None
        for to in _steps(self._last, pointer.center):
            patch = self._builder.add(*capsule(self._last, to, self._radius))
            self._last = to
            if patch:
                self.document.labels.apply(patch)


class Brush(Stroke):
    """Paints a cell.

    A stroke that begins on a cell extends it; one that begins on background
    extends the selected cell, or makes a new one if none is selected or Shift
    is held.
    """

    text = "Paint cell"

    def __init__(
        self, document: Document, radius: float = 5.0, parent: QObject | None = None
    ) -> None:
        super().__init__(document, radius, parent)
        self._new = 0

    def begin(self, pointer: Pointer) -> StrokeBuilder:
        """Choose the cell to paint."""
        document = self.document
        label = document.id_at(pointer.y, pointer.x) or document.selected
        if pointer.has(Qt.KeyboardModifier.ShiftModifier):
            label = 0
        self._new = 0 if label else document.labels.next_id()
        return StrokeBuilder(document.labels.array, label or self._new, document.overlap)

    def drawn(self) -> tuple[int, ...]:
        """Return the new id, if the stroke made one."""
        return (self._new,) if self._new else ()


class Eraser(Stroke):
    """Clears pixels of every cell; with Shift, only of the one under the press."""

    text = "Erase"

    def begin(self, pointer: Pointer) -> StrokeBuilder:
        """Choose what may be erased."""
        only = None
        if pointer.has(Qt.KeyboardModifier.ShiftModifier):
            only = self.document.id_at(pointer.y, pointer.x) or self.document.selected or None
        return StrokeBuilder(self.document.labels.array, 0, only=only)


def _steps(start: Point, end: Point) -> list[Point]:
    """Cut a move into pieces; return where each ends."""
    dy, dx = end[0] - start[0], end[1] - start[1]
    pieces = max(1, ceil(hypot(dy, dx) / LONGEST_STEP))
    return [(start[0] + dy * i / pieces, start[1] + dx * i / pieces) for i in range(1, pieces + 1)]
