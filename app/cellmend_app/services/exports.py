"""Write masks and what belongs to them in the formats of other programs, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QImage

from cellmend.errors import CellmendError
from cellmend.export.kinds import KINDS
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services import storage
from cellmend_app.services.open_save import FileService
from cellmend_app.services.storage import ExportRequest
from cellmend_app.workers import JobRunner

MOST_NAMED = 10
"""Files that a question names: more would not fit the screen."""


class ExportService(QObject):
    """Writes what is on show, in the I/O lane."""

    def __init__(
        self, document: Document, files: FileService, runner: JobRunner, messages: Messages
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._files = files
        self._runner = runner
        self._messages = messages

    def write(self, request: ExportRequest) -> None:
        """Write masks, outlines, ROIs and the like, after asking about files that are there."""
        content = self._files.content()
        if content is None:
            return
        try:
            there = [path for path in request.files(content.image) if path.exists()]
        except CellmendError as error:
            self._messages.error(error, "export")
            return
        if there and not self._messages.confirm(*about_replacing(there)):
            return
        masks = self._document.labels.snapshot()
        self._submit(lambda: storage.export(content.with_masks(masks.copy()), request))

    def possible(self) -> dict[str, bool]:
        """Return of each kind of export whether there is what it needs."""
        content = self._files.content()
        if content is None:
            return dict.fromkeys(KINDS, False)
        results = storage.results(content)
        return {name: kind.fits(results) for name, kind in KINDS.items()}

    def write_picture(self, path: Path, picture: QImage) -> None:
        """Write what is on show as PNG."""
        self._submit(lambda: [storage.write_picture(path, picture)])

    def _submit(self, work: Callable[[], list[Path]]) -> None:
        job = self._runner.submit("io", lambda report: work(), title="Exporting")
        job.failed.connect(lambda error: self._messages.error(error, "export"))
        job.succeeded.connect(self._announce)

    def _announce(self, paths: list[Path]) -> None:
        for path in paths:
            self._files.announce(path)
        if len(paths) > 1:
            self._messages.note(f"Saved {len(paths)} files in {paths[0].parent}")


def about_replacing(paths: Sequence[Path]) -> tuple[str, str]:
    """Return the question whether files may be replaced, and its details."""
    if len(paths) == 1:
        return f"Replace {paths[0].name}?", f"There is a file of that name in {paths[0].parent}."
    names = [path.name for path in paths[:MOST_NAMED]]
    if len(paths) > MOST_NAMED:
        names.append(f"and {len(paths) - MOST_NAMED:,} more")
    listed = "\n".join(names)
    return f"Replace {len(paths):,} files?", f"There are files of these names already:\n{listed}"
