"""Find masks that a crash left unsaved, and bring them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import CellmendError
from cellmend.io import project as projects
from cellmend_app.commands import ReplaceLabels
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.autosave import (
    PROJECT_SETTING,
    AutosaveService,
    SideFile,
    autosave_folder,
)
from cellmend_app.services.open_save import FileService
from cellmend_app.services.pixel_size import set_pixel_size
from cellmend_app.services.project_content import OpenedProject
from cellmend_app.workers import JobRunner


@dataclass(frozen=True, eq=False)
class Leftover:
    """Unsaved masks of a window that ended without being closed.

    Parameters
    ----------
    side
        Their file, claimed.
    image
        The image that they belong to.
    saved_at
        When they were last written.
    """

    side: SideFile
    image: Path
    saved_at: datetime


class RecoveryService(QObject):
    """Offers what was left behind.

    Signals
    -------
    found(leftovers)
        There is something to bring back.
    """

    found = pyqtSignal(object)

    def __init__(
        self,
        document: Document,
        files: FileService,
        autosave: AutosaveService,
        runner: JobRunner,
        messages: Messages,
    ) -> None:
        super().__init__(files)
        self._document = document
        self._files = files
        self._autosave = autosave
        self._runner = runner
        self._messages = messages
        self._opening: tuple[Leftover, OpenedProject] | None = None
        files.opened.connect(self._on_opened)

    def look(self) -> None:
        """Look for side files without a living owner."""
        job = self._runner.submit("io", lambda report: find())
        job.succeeded.connect(lambda left: self.found.emit(left) if left else None)

    def recover(self, leftover: Leftover) -> None:
        """Open the image and show the masks over what is saved of it; can be undone."""
        path = leftover.side.path
        job = self._runner.submit(
            "io", lambda report: OpenedProject.of(path, projects.read(path)), title="Recovering"
        )
        job.succeeded.connect(lambda opened: self._open(leftover, opened))
        job.failed.connect(lambda error: self._messages.error(error, "recover the masks"))

    def discard(self, leftovers: Sequence[Leftover]) -> bool:
        """Delete side files, after a question; return whether that was meant."""
        images = "1 image" if len(leftovers) == 1 else f"{len(leftovers)} images"
        meant = self._messages.confirm(
            f"Discard the unsaved masks of {images}?", "They cannot be brought back."
        )
        if meant:
            for leftover in leftovers:
                self._later(leftover.side.remove)
        return meant

    def keep(self, leftovers: Sequence[Leftover]) -> None:
        """Leave side files for the next start."""
        for leftover in leftovers:
            self._later(leftover.side.release)

    def _later(self, work: Callable[[], None]) -> None:
        self._runner.submit("io", lambda report: work())

    def _open(self, leftover: Leftover, opened: OpenedProject) -> None:
        self._opening = leftover, opened
        project = opened.project.settings.get(PROJECT_SETTING)
        saved = Path(project) if isinstance(project, str) else None
        self._files.open(saved if saved is not None and saved.is_file() else leftover.image)

    def _on_opened(self, path: Path) -> None:
        if self._opening is None:
            return
        (leftover, opened), self._opening = self._opening, None
        if path.name != leftover.image.name:
            return
        try:
            step = ReplaceLabels(
                self._document,
                opened.labels,
                "Recover unsaved masks",
                manual=opened.manual,
                confidence=opened.confidence,
            )
        except CellmendError as error:
            self._messages.error(error, "recover the masks")
            return
        self._autosave.adopt(leftover.side)
        self._document.undo.push(step)
        size = opened.project.image.pixel_size_um
        if size is not None:
            set_pixel_size(self._document, size)


def find() -> list[Leftover]:
    """Return the side files whose owners are dead, the newest first, and claim them."""
    leftovers = []
    for path in autosave_folder().glob(f"*{projects.ENDING}"):
        side = SideFile(path)
        if not side.claim():
            continue
        try:
            image = projects.read(path).image.path
            saved_at = datetime.fromtimestamp(path.stat().st_mtime)
        except (CellmendError, OSError):
            side.release()  # nothing can be made of it, but nothing is lost either
            continue
        leftovers.append(Leftover(side, image, saved_at))
    return sorted(leftovers, key=lambda leftover: leftover.saved_at, reverse=True)
