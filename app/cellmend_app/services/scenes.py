"""Find out which images the files of a folder hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.io import scenes
from cellmend.io.formats import scene_names
from cellmend_app.services.listing import Listing, images_of
from cellmend_app.workers import JobRunner


class SceneService(QObject):
    """Lists the images of files, one file after another, so that opening never waits long.

    Attributes
    ----------
    counts
        How many images a file holds, of those that were opened or looked into.
    names
        What an image is called in its file, of files that were looked into and hold several.

    Signals
    -------
    found(listings)
        The last file was looked into; these hold several images, by file.
    """

    found = pyqtSignal(object)

    def __init__(self, runner: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._waiting: deque[Path] = deque()
        self._busy = False
        self._found: dict[Path, Listing] = {}
        self.counts: dict[Path, int] = {}
        self.names: dict[Path, str] = {}

    def look_through(self, files: Sequence[Path]) -> None:
        """Look into those files that may hold several images, and are not known."""
        several = (file for file in dict.fromkeys(files) if scenes.may_hold_several(file))
        self._waiting = deque(file for file in several if not self._known(file))
        self._next()

    def _known(self, file: Path) -> bool:
        return self.counts.get(file) == 1 or scenes.numbered(file, 1) in self.names

    def _next(self) -> None:
        if self._busy or not self._waiting or self._runner.closed:
            return
        self._busy, file = True, self._waiting.popleft()
        job = self._runner.submit("io", lambda report: _inside(file))
        job.succeeded.connect(lambda inside: self._take(file, inside))
        # A file that cannot be read says so when it is opened.
        job.failed.connect(lambda _: self.counts.setdefault(file, 1))
        job.finished.connect(self._go_on)

    def _take(self, file: Path, inside: tuple[Listing, tuple[str, ...]]) -> None:
        found, names = inside
        self.counts[file] = len(names)
        if len(names) > 1:
            self._found[file] = found
            self.names.update(zip(found.images, names, strict=True))

    def _go_on(self) -> None:
        self._busy = False
        if self._found and not self._waiting:
            found, self._found = self._found, {}
            self.found.emit(found)
        self._next()


def _inside(file: Path) -> tuple[Listing, tuple[str, ...]]:
    names = scene_names(file)
    return Listing.of(images_of(file, len(names))), names
