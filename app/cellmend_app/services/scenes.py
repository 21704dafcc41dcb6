"""Find out how many images the files of a folder hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.io import scenes
from cellmend.io.formats import count_scenes
from cellmend_app.services.listing import Listing, images_of
from cellmend_app.workers import JobRunner


class SceneService(QObject):
    """Counts the images of files, one file after another, so that opening never waits long.

    Signals
    -------
    found(listings)
        The last file was counted; these hold several images, by file.
    """

    found = pyqtSignal(object)

    def __init__(self, runner: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._waiting: deque[Path] = deque()
        self._busy = False
        self._found: dict[Path, Listing] = {}
        self.counts: dict[Path, int] = {}

    def look_through(self, files: Sequence[Path]) -> None:
        """Count the images of those files that may hold several, and are not known."""
        unknown = (file for file in files if scenes.may_hold_several(file))
        self._waiting = deque(file for file in unknown if file not in self.counts)
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting or self._runner.closed:
            return
        self._busy, file = True, self._waiting.popleft()
        job = self._runner.submit("io", lambda report: _inside(file))
        job.succeeded.connect(lambda inside: self._take(file, inside))
        # A file that cannot be read says so when it is opened.
        job.failed.connect(lambda _: self.counts.setdefault(file, 1))
        job.finished.connect(self._go_on)

    def _take(self, file: Path, inside: Listing) -> None:
        self.counts[file] = len(inside.images)
        if len(inside.images) > 1:
            self._found[file] = inside

    def _go_on(self) -> None:
        self._busy = False
        if self._found and not self._waiting:
            found, self._found = self._found, {}
            self.found.emit(found)
        self._next()


def _inside(file: Path) -> Listing:
    return Listing.of(images_of(file, count_scenes(file)))
