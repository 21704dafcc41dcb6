"""What every tool is told, and what the view may ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cellmend_app.document import Document

Point = tuple[float, float]


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is, and what is held.

    Parameters
    ----------
    y, x
        In pixels of the raw image; pixel (r, c) reaches from r to r + 1 and from c to c + 1.
    button
        The button that went down or up; none for a move.
    modifiers
        The keys held.
    scale
        Screen pixels per image pixel.
    """

    y: float
    x: float
    button: Qt.MouseButton = Qt.MouseButton.NoButton
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    scale: float = 1.0

    @property
    def center(self) -> Point:
        """The same place where pixel centres are whole numbers, as `cellmend.labels` has it."""
        return self.y - 0.5, self.x - 0.5

    def has(self, modifier: Qt.KeyboardModifier) -> bool:
        """Tell whether a key is held."""
        return bool(self.modifiers & modifier)


class Tool(QObject):
    """Base of all tools: does nothing, so that each tool only writes what it does.

    Signals
    -------
    changed()
        The cursor or the trace is to be drawn anew.
    """

    changed = pyqtSignal()

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = document

    @property
    def cursor_radius(self) -> float:
        """Radius, in image pixels, of the circle shown at the pointer; 0 for none."""
        return 0.0

    @property
    def trace(self) -> Sequence[Point]:
        """Corners (y, x) of an outline being drawn, in the coordinates of `Pointer`."""
        return ()

    @property
    def handles(self) -> Sequence[Point]:
        """Corners of the trace that can be dragged; where there are none its start is ringed."""
        return ()

    @property
    def busy(self) -> bool:
        """Whether something is half done that `cancel` would drop."""
        return False

    def press(self, pointer: Pointer) -> bool:
        """Take a button going down.

        Returns
        -------
        bool
            True if the tool wants the gesture; otherwise a left drag moves the image.
        """
        return False

    def move(self, pointer: Pointer) -> None:
        """Take a move, with a button held or not."""

    def release(self, pointer: Pointer) -> None:
        """Take the end of a gesture that `press` wanted."""

    def click(self, pointer: Pointer) -> None:
        """Take a left click that `press` did not want and that moved nothing."""

    def takes(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Tell whether `key` is to be given a key now, before any shortcut."""
        return False

    def key(self, key: int, modifiers: Qt.KeyboardModifier) -> None:
        """Take a key that `takes` asked for."""

    def cancel(self) -> None:
        """Drop what is half done, as if it had never begun."""
