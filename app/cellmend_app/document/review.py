"""How far the images of a folder were looked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from PyQt6.QtCore import QObject, pyqtSignal

ReviewState = Literal["unseen", "in progress", "done"]
STATES: tuple[ReviewState, ...] = get_args(ReviewState)


class Review(QObject):
    """The review state of each image; what was never opened is unseen.

    Signals
    -------
    changed()
        The state of an image is another one.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._states: dict[Path, ReviewState] = {}

    def state(self, path: Path) -> ReviewState:
        """Return the state of an image."""
        return self._states.get(path, "unseen")

    def mark(self, path: Path, state: ReviewState) -> None:
        """Give an image a state."""
        if state != self.state(path):
            self._states[path] = state
            self.changed.emit()

    def take(self, states: Mapping[Path, ReviewState]) -> None:
        """Take in the states of a folder, as they were remembered."""
        if any(self.state(path) != state for path, state in states.items()):
            self._states.update(states)
            self.changed.emit()

    def states(self, folder: Sequence[Path]) -> dict[Path, ReviewState]:
        """Return the states of the images that are not unseen, to be remembered."""
        return {path: self._states[path] for path in folder if self.state(path) != "unseen"}

    def next_undone(self, folder: Sequence[Path], current: Path | None) -> Path | None:
        """Return the first image after `current`, round the folder, that is not done."""
        start = folder.index(current) + 1 if current in folder else 0
        around = [*folder[start:], *folder[:start]]
        return next((p for p in around if p != current and self.state(p) != "done"), None)
