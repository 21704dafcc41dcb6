"""Restore and segment many images, one after another, while people go on working.

Each image is a job of its own in the compute lane, so that what a person starts in the
meantime waits for one image at most. An image that cannot be used is named with the
reason, and the rest are done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import CellmendError, FileFormatError
from cellmend.export.seg_npy import RunSettings
from cellmend.io import folder as names
from cellmend.params import AnyStep, SegmentSettings
from cellmend.progress import Reporter, shares
from cellmend_app.document import RestoredLayer
from cellmend_app.messages import Messages
from cellmend_app.services import storage
from cellmend_app.services.exports import about_replacing
from cellmend_app.services.open_save import FileService
from cellmend_app.services.pipelines import Pipelines, RestoreRequest, SegmentRequest
from cellmend_app.services.pixel_size import with_size_of_folder
from cellmend_app.services.seg_content import SegContent
from cellmend_app.services.segment import document_shape, to_grid
from cellmend_app.services.storage import ExportRequest
from cellmend_app.workers import JobHandle, JobRunner

State = Literal["waiting", "running", "done", "failed", "stopped"]
UNSAVED = "It is open with edits that are not saved: save them, then run it again."


@dataclass(frozen=True)
class FolderRequest:
    """What is done to each image.

    Parameters
    ----------
    segment
        How cells are found; the diameter is that of cells in the raw images.
    restore
        The models and filters that run before, in order.
    kinds
        Kinds of `cellmend.export.kinds` that are written beside ``<stem>_seg.npy``.
    """

    segment: SegmentSettings
    restore: tuple[AnyStep, ...] = ()
    kinds: tuple[str, ...] = ()

    def files(self, image: Path) -> list[Path]:
        """Return the files that will be written for an image."""
        seg = names.output_path(image, names.SEG_NPY)
        return [seg, *ExportRequest(self.kinds).files(image)]


@dataclass(frozen=True)
class FileStatus:
    """How far one image is; of a done one the number of cells, of a failed one the reason."""

    path: Path
    state: State
    cells: int = 0
    reason: str = ""


class FolderRunService(QObject):
    """Runs one request on many images.

    Signals
    -------
    began(count)
        So many images wait to be done.
    told(FileStatus)
        An image is in another state.
    progressed(done, total)
        Of the image being worked on.
    changed()
        The run began, ended, was paused or goes on.
    """

    began = pyqtSignal(int)
    told = pyqtSignal(object)
    progressed = pyqtSignal(int, int)
    changed = pyqtSignal()

    def __init__(
        self, files: FileService, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._files = files
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines
        self._waiting: deque[Path] = deque()
        self._request: FolderRequest | None = None
        self._job: JobHandle | None = None
        self._counts = {"done": 0, "failed": 0}
        self.paused = False

    @property
    def running(self) -> bool:
        """Whether images are worked on or wait, paused or not."""
        return self._request is not None

    def start(self, images: Sequence[Path], request: FolderRequest) -> None:
        """Begin, after asking about files that would be replaced."""
        if self.running or not images:
            return
        self._request, self.paused = request, False
        self._counts = {"done": 0, "failed": 0}
        self.changed.emit()
        job = self._runner.submit("io", lambda report: _there(images, request, report))
        self._job = job
        job.succeeded.connect(lambda there: self._begin(images, there))
        job.failed.connect(lambda error: self._messages.error(error, "segment the folder"))
        job.finished.connect(self._go_to_next)

    def _begin(self, images: Sequence[Path], there: list[Path]) -> None:
        if there and not self._messages.confirm(*about_replacing(there)):
            return
        self._waiting = deque(images)
        self.began.emit(len(images))
        for image in images:
            self.told.emit(FileStatus(image, "waiting"))

    def pause(self) -> None:
        """Stop after the image that is worked on, until `go_on`."""
        self.paused = True
        self.changed.emit()

    def go_on(self) -> None:
        """Take up the next image after a pause."""
        self.paused = False
        self.changed.emit()
        self._next()

    def cancel(self) -> None:
        """Stop now; images that are done keep their masks."""
        stopped, self._waiting = self._waiting, deque()
        for image in stopped:
            self.told.emit(FileStatus(image, "stopped"))
        self.paused = False
        if self._job is not None:
            self._job.cancel()
        else:
            self._next()

    def _next(self) -> None:
        if self._request is None or self._job is not None or self.paused:
            return
        while self._waiting:
            image = self._waiting.popleft()
            if image == self._files.current and self._files.unsaved:
                self._tell(FileStatus(image, "failed", reason=UNSAVED))
            else:
                self._submit(image, self._request)
                return
        self._end()

    def _submit(self, image: Path, request: FolderRequest) -> None:
        axes, size = self._files.known_axes, self._files.pixel_size_of(image)
        job = self._runner.submit(
            "compute",
            lambda report: process(image, request, self._pipelines, axes, report, pixel_size=size),
        )
        self._job = job
        self._tell(FileStatus(image, "running"))
        job.progressed.connect(lambda done, total, _: self.progressed.emit(done, total))
        job.succeeded.connect(lambda cells: self._done(image, cells))
        job.failed.connect(
            lambda error: self._tell(FileStatus(image, "failed", reason=_reason(error)))
        )
        job.cancelled.connect(lambda: self._tell(FileStatus(image, "stopped")))
        job.finished.connect(self._go_to_next)

    def _go_to_next(self) -> None:
        self._job = None
        self._next()

    def _done(self, image: Path, cells: int) -> None:
        self._tell(FileStatus(image, "done", cells))
        self._files.masks_written(image)

    def _tell(self, status: FileStatus) -> None:
        if status.state in self._counts:
            self._counts[status.state] += 1
        self.told.emit(status)

    def _end(self) -> None:
        self._request = None
        self.changed.emit()
        done, failed = self._counts["done"], self._counts["failed"]
        if not done and not failed:
            return
        images = "1 image" if done == 1 else f"{done} images"
        self._messages.note(f"Segmented {images}" + (f"; {failed} failed." if failed else "."))


def process(
    path: Path,
    request: FolderRequest,
    pipelines: Pipelines,
    axes: Mapping[tuple[int, ...], str],
    report: Reporter,
    *,
    pixel_size: Mapping[str, float] | None = None,
) -> int:
    """Read an image, restore and segment it, write what is asked for; return the cells' number.

    Parameters
    ----------
    axes
        What the person said of files that do not say their axes, by their lengths.
    pixel_size
        In µm, what the person said of files that do not tell it.
    """
    image = with_size_of_folder(storage.read_image(path, axes), pixel_size or {})
    report.check()
    settings, mending, finding = request.segment, *shares(report, 2)
    restored = None
    if request.restore:
        wanted = RestoreRequest(request.restore, settings.diameter)
        made = pipelines.restore(image, wanted, mending)
        restored = RestoredLayer(wanted.title, made.image, made.provenance)
    seen = image if restored is None else restored.image
    scale = seen.size("X") / image.size("X")
    if settings.diameter is not None:
        settings = settings.model_copy(update={"diameter": settings.diameter * scale})
    record = None if restored is None else restored.provenance
    cells = SegmentRequest(settings, previous=() if record is None else (record,))
    found = to_grid(pipelines.segment(seen, cells, finding), document_shape(image), scale)
    content = SegContent(
        image=path,
        pixels=image,
        masks=found.masks,
        manual=frozenset(),
        diameter=found.diameter,
        results=found.layer,
        restored=restored,
        settings=RunSettings.of(settings, image),
        confidence=found.confidence,
    )
    report.check()
    storage.write_seg(content)
    if request.kinds:
        storage.export(content, ExportRequest(request.kinds))
    frames = found.masks.reshape(image.size("T"), -1)
    return sum(int(np.count_nonzero(np.unique(frame))) for frame in frames)


def _there(images: Sequence[Path], request: FolderRequest, report: Reporter) -> list[Path]:
    """Return the files that would be replaced; looking may take time on a distant disk."""
    there = []
    for image in images:
        report.check()
        there += [path for path in request.files(image) if path.exists()]
    return there


def _reason(error: BaseException) -> str:
    """Return why an image failed, for a person who sees its name."""
    if isinstance(error, FileFormatError):
        return f"{error.reason} {error.hint}".strip()
    if isinstance(error, CellmendError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"
