"""Open images, step through their folder, and save the masks.

All reading and writing runs in the I/O lane (see `storage`). Edits that are
not saved are never lost without a question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import CellmendError
from cellmend.io.seg_npy import SegFile
from cellmend_app.commands import ReplaceLabels
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services import seg_content, storage
from cellmend_app.services.seg_content import RunSettings, SegContent
from cellmend_app.services.storage import Loaded
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobHandle, JobRunner

Then = Callable[[], None]


class FileService(QObject):
    """Reads and writes the files of the document.

    Signals
    -------
    opened(path), saved(path)
        An image is on show; a file was written.
    folder_changed()
        The list of images, or which of them is open, changed.
    """

    opened = pyqtSignal(object)
    saved = pyqtSignal(object)
    folder_changed = pyqtSignal()

    def __init__(
        self,
        document: Document,
        runner: JobRunner,
        messages: Messages,
        preferences: Preferences,
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._preferences = preferences
        self._reading: JobHandle | None = None
        self._saved_revision = document.revision
        self._masked: set[Path] = set()
        self.run_settings = RunSettings()
        self.folder: list[Path] = []

    @property
    def current(self) -> Path | None:
        """The image that is open."""
        return self._document.path

    @property
    def unsaved(self) -> bool:
        """Whether the masks were changed since they were read or saved."""
        return self._document.modified and self._document.revision != self._saved_revision

    def has_masks(self, path: Path) -> bool:
        """Whether masks are saved beside the image `path`."""
        return path in self._masked

    def corrected(self) -> list[Path]:
        """Return the images of the folder that have saved masks."""
        return [path for path in self.folder if path in self._masked]

    # -- opening

    def open(self, *paths: Path) -> None:
        """Open an image, a ``_seg.npy``, or the first image of a folder or of several."""
        if paths:
            self.guard(lambda: self._read(paths))

    def step(self, steps: int) -> None:
        """Open the next (1) or previous (-1) image of the folder, going round at its ends."""
        if self.current in self.folder and len(self.folder) > 1:
            index = self.folder.index(self.current) + steps
            self.open(self.folder[index % len(self.folder)])

    def load_masks(self, path: Path) -> None:
        """Show the masks of a file over the open image; can be undone."""
        image = self._document.image
        job = self._runner.submit("io", lambda report: storage.read_masks(path), title="Reading")
        job.failed.connect(lambda error: self._messages.error(error, "read the masks"))

        def take(masks: NDArray[np.uint32]) -> None:
            if self._document.image is not image:
                return
            try:
                step = ReplaceLabels(self._document, masks, f"Load {path.name}")
            except CellmendError as error:
                self._messages.error(error, "show the masks")
                return
            self._document.undo.push(step)

        job.succeeded.connect(take)

    def guard(self, then: Then) -> None:
        """Do `then`, after asking what becomes of edits that are not saved."""
        if not self.unsaved or self.current is None:
            then()
            return
        choice = self._messages.ask_unsaved(self.current.name)
        if choice == "save":
            self.save(then)
        elif choice == "discard":
            then()

    # -- saving

    def save(self, then: Then | None = None) -> None:
        """Write ``<stem>_seg.npy`` beside the image, then do `then`."""
        content = self.content()
        if content is None:
            return
        image, revision = self._document.image, self._document.revision

        def written(path: Path) -> None:
            self._masked.add(content.image)
            if self._document.image is image and self._document.revision == revision:
                self._saved_revision = revision
                self._document.mark_saved()
            self._announce(path)
            if then is not None:
                then()

        self._write(lambda: storage.write_seg(content), written)

    def export(self, kind: storage.ExportKind) -> None:
        """Write masks, outlines, ROIs or flows beside the image, under Cellpose's names."""
        content = self.content()
        if content is not None:
            self._write(lambda: storage.export(content, kind), self._announce)

    def content(self) -> SegContent | None:
        """Return a copy of what is to be saved, None if nothing is open."""
        document = self._document
        if document.image is None or document.path is None:
            return None
        return SegContent(
            image=document.path,
            masks=np.array(document.labels.full),
            manual=frozenset(document.manual),
            diameter=document.diameter,
            results=document.results,
            restored=document.restored,
            settings=self.run_settings,
        )

    # -- the work

    def _read(self, paths: Sequence[Path]) -> None:
        if self._reading is not None:
            self._reading.cancel()
        job = self._runner.submit("io", lambda report: storage.load(paths, report), title="Opening")
        self._reading = job
        job.succeeded.connect(self._take)
        job.failed.connect(lambda error: self._messages.error(error, "open the image"))
        job.finished.connect(lambda: self._forget(job))

    def _forget(self, job: JobHandle) -> None:
        if self._reading is job:
            self._reading = None

    def _take(self, loaded: Loaded) -> None:
        document = self._document
        document.set_image(loaded.image, loaded.path)
        self.run_settings = RunSettings()
        if loaded.seg is not None:
            self._take_seg(loaded.seg)
        document.mark_saved()
        self._saved_revision = document.revision
        self.folder, self._masked = loaded.folder, loaded.masked
        self._preferences.folder = loaded.path.parent
        self.folder_changed.emit()
        self.opened.emit(loaded.path)
        if loaded.complaint is not None:
            self._messages.error(loaded.complaint, "read the saved masks")

    def _take_seg(self, seg: SegFile) -> None:
        document = self._document
        try:
            masks = seg_content.on_grid(seg.masks, document.labels_shape)
            document.set_labels(masks, seg_content.manual_ids(seg))
        except CellmendError as error:
            self._messages.error(error, "show the saved masks")
            return
        self.run_settings = seg_content.run_settings(seg)
        document.set_results(seg_content.flow_layer(seg, document.labels_shape))
        restored = seg_content.restored_layer(seg)
        if restored is not None and document.plane_count == 1:
            document.add_restored(restored)
        if seg.diameter is not None and seg.diameter > 0:
            document.set_diameter(seg.diameter)

    def _write(self, work: Callable[[], Path], written: Callable[[Path], None]) -> None:
        job = self._runner.submit("io", lambda report: work(), title="Saving")
        job.failed.connect(lambda error: self._messages.error(error, "save"))
        job.succeeded.connect(written)

    def _announce(self, path: Path) -> None:
        self._messages.note(f"Saved {path.name}")
        self.saved.emit(path)
