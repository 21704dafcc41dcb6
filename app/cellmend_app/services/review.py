"""Go through the images of a folder and mark which are done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PyQt6.QtCore import QObject

from cellmend_app.document import Document, ReviewState
from cellmend_app.document.review import STATES
from cellmend_app.services.open_save import FileService
from cellmend_app.settings import Preferences


class ReviewService(QObject):
    """Keeps the review states of the open folder; they are remembered between sessions."""

    def __init__(self, document: Document, files: FileService, preferences: Preferences) -> None:
        super().__init__(files)
        self._document = document
        self._files = files
        self._preferences = preferences
        files.opened.connect(self._on_opened)
        document.review.changed.connect(self._remember)

    @property
    def done(self) -> bool:
        """Whether the open image is marked as done."""
        path = self._files.current
        return path is not None and self._document.review.state(path) == "done"

    def toggle_done(self) -> None:
        """Mark the open image as done, or as in progress again."""
        path = self._files.current
        if path is not None:
            state: ReviewState = "in progress" if self.done else "done"
            self._document.review.mark(path, state)
            self._document.status.emit(f"{path.name} is {state}.")

    def open_next(self) -> None:
        """Open the next image of the folder that is not done."""
        files = self._files
        here = files.place
        others = [path for path in files.folder if path == here or path != files.current]
        path = self._document.review.next_undone(others, here)
        if path is not None:
            files.open(path)
        else:
            self._document.status.emit("All other images of the folder are done.")

    def _on_opened(self, path: Path) -> None:
        review = self._document.review
        known = self._preferences.review(path.parent)
        review.take(_valid(known, path.parent))
        if review.state(path) == "unseen":
            review.mark(path, "in progress")

    def _remember(self) -> None:
        path = self._files.current
        if path is not None:
            states = self._document.review.states(self._files.folder)
            named = {p.name: state for p, state in states.items() if p.parent == path.parent}
            self._preferences.set_review(path.parent, named)


def _valid(named: Mapping[str, str], folder: Path) -> dict[Path, ReviewState]:
    return {
        folder / name: state for name, found in named.items() for state in STATES if state == found
    }
