"""Keep unsaved masks in a side file, so that a crash costs no more than the last seconds.

After two seconds without an edit, the blocks of rows that changed since the last time are
copied, one per turn of the event loop, and packed and written in the I/O lane. The side
file is a project in the person's own folder; their files are only ever written by a save.
It goes when the masks are saved, another image is opened, or the window closes in order.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QTimer

from cellmend.io import project as projects
from cellmend.io.project import PackedMasks
from cellmend.io.project.packing import block_spans, pack_rows
from cellmend.registry import user_folder
from cellmend_app.document import Box, Document
from cellmend_app.messages import Messages
from cellmend_app.services import project_content
from cellmend_app.services.open_save import FileService
from cellmend_app.services.owner_lock import owner_lock
from cellmend_app.services.project_content import ProjectContent
from cellmend_app.workers import JobRunner

QUIET_MS = 2000
PROJECT_SETTING = "project"
"""The setting under which a side file names the project that was open."""


def autosave_folder() -> Path:
    """Return where side files lie."""
    return user_folder().parent / "autosave"


class SideFile:
    """A side file and its lock, which tells other windows that its owner is alive.

    All methods but `locked` are for the I/O lane.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = owner_lock(path)

    def write(self, content: ProjectContent, masks: PackedMasks, project: Path | None) -> None:
        """Write the masks and how they came about; layers can be made again, and are left out."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._lock.isLocked():
            self._lock.tryLock(0)
        more = {} if project is None else {PROJECT_SETTING: str(project)}
        alone = replace(content, others=(), restored=None)
        projects.write(self.path, project_content.make(alone, masks, more=more))

    def claim(self) -> bool:
        """Take the file over, if its owner is dead."""
        return self._lock.tryLock(0)

    def release(self) -> None:
        """Give the file back unchanged."""
        self._lock.unlock()

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
        self._lock.unlock()


class AutosaveService(QObject):
    """Writes the side file of the open document, and takes it away when it is not needed.

    Parameters
    ----------
    quiet_ms
        How long after the last edit it writes.
    """

    def __init__(
        self,
        document: Document,
        files: FileService,
        runner: JobRunner,
        messages: Messages,
        *,
        quiet_ms: int = QUIET_MS,
    ) -> None:
        super().__init__(files)
        self._document = document
        self._files = files
        self._runner = runner
        self._messages = messages
        self._closed = False
        self._side = _new_side_file()
        self._packed: list[bytes] = []
        self._dirty: set[int] = set()
        self._copies: dict[int, NDArray[np.uint32]] = {}
        self._quiet = _timer(self, quiet_ms)
        self._quiet.timeout.connect(self._copy_one)
        self._next = _timer(self, 0)
        self._next.timeout.connect(self._copy_one)
        document.image_changed.connect(self._on_image)
        document.labels.edited.connect(self._on_edited)
        document.labels.replaced.connect(self._on_replaced)
        document.pixel_size_changed.connect(self._on_pixel_size)
        document.modified_changed.connect(self._on_modified)

    @property
    def path(self) -> Path:
        """The side file, whether it is there or not."""
        return self._side.path

    def adopt(self, side: SideFile) -> None:
        """Go on with a side file that was left behind, and claimed."""
        self._side = side

    def close(self) -> None:
        """Take the side file away, and do no more; the I/O lane must have ended."""
        self._closed = True
        self._stop()
        self._side.remove()

    # -- what changed

    def _on_image(self) -> None:
        self._forget()
        self._side = _new_side_file()
        self._on_replaced()
        self._quiet.stop()

    def _on_replaced(self) -> None:
        count = len(block_spans(self._document.labels_shape))
        self._packed = [b""] * count
        self._dirty = set(range(count))
        self._wait()

    def _on_edited(self, boxes: Sequence[Box]) -> None:
        shape = self._document.labels_shape
        spans = block_spans(shape)
        if not boxes:  # on another plane than the one on show
            self._dirty.update(range(len(spans)))
        step = spans[0][1]
        first_row = self._document.plane * shape[-2]
        for y0, _, y1, _ in boxes:
            self._dirty.update(range((first_row + y0) // step, (first_row + y1 - 1) // step + 1))
        self._wait()

    def _on_pixel_size(self) -> None:
        self._dirty.add(0)  # without a block that changed, nothing is written
        self._wait()

    def _on_modified(self, modified: bool) -> None:
        if modified:
            self._wait()
        else:
            self._forget()

    # -- writing

    def _wait(self) -> None:
        self._next.stop()
        self._quiet.start()

    def _copy_one(self) -> None:
        """Copy one block that changed; after the last one, write."""
        document = self._document
        if not document.modified or document.path is None:
            return
        if not self._dirty:
            self._write()
            return
        number = self._dirty.pop()
        begin, end = block_spans(document.labels_shape)[number]
        rows = document.labels.full.reshape(-1, document.labels_shape[-1])
        self._copies[number] = rows[begin:end].copy()
        self._next.start()

    def _write(self) -> None:
        content = self._files.project_content()
        if content is None or not self._copies:
            return
        copies, self._copies = self._copies, {}
        packed, side, shape = self._packed, self._side, self._document.labels_shape
        project = self._files.project

        def work(report: object) -> None:
            for number, rows in copies.items():
                packed[number] = pack_rows(rows)
            side.write(content, PackedMasks(shape, tuple(packed)), project)

        job = self._runner.submit("io", work)
        job.failed.connect(lambda error: self._on_failed(error, packed, list(copies)))

    def _on_failed(self, error: BaseException, packed: list[bytes], numbers: list[int]) -> None:
        if packed is self._packed:
            self._dirty.update(numbers)
        self._messages.note(f"The masks could not be kept safe: {error}")

    def _forget(self) -> None:
        """Take the side file away, after what is being written to it."""
        self._stop()
        if self._closed:
            return
        side = self._side
        self._runner.submit("io", lambda report: side.remove())

    def _stop(self) -> None:
        self._quiet.stop()
        self._next.stop()
        self._dirty.update(self._copies)
        self._copies = {}


def _new_side_file() -> SideFile:
    return SideFile(autosave_folder() / f"{uuid.uuid4().hex}{projects.ENDING}")


def _timer(parent: QObject, milliseconds: int) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    return timer
