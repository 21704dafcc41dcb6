"""See what a filter does to the visible part of the image, before it is applied."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cellmend.params import FilterSettings
from cellmend_app.document import Document
from cellmend_app.document.layers import plane_of
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import Box, FilteredPart, Pipelines, PreviewRequest
from cellmend_app.workers import JobHandle, JobRunner

QUIET_MS = 150
"""Settings and place must rest this long before a part is filtered."""
MOST = 768
"""Rows and columns of the image that are filtered at most: those in the middle of what is seen."""


class PreviewService(QObject):
    """Filters the visible part of the plane on show, again whenever something changes.

    Only the part that was asked for last is told of.

    Signals
    -------
    changed(FilteredPart | None)
        What to show over the image; None for nothing.
    """

    changed = pyqtSignal(object)

    def __init__(
        self, document: Document, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines
        self._settings: FilterSettings | None = None
        self._box: Box = (0, 0, 0, 0)
        self._job: JobHandle | None = None
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(self._run)
        document.image_changed.connect(self._begin_anew)
        document.plane_changed.connect(self._begin_anew)

    def watch(self, settings: FilterSettings | None) -> None:
        """Show what a filter does from now on; None stops."""
        if settings == self._settings:
            return
        self._settings = settings
        self._messages.refused.emit("filter", "")
        if settings is None:
            self._begin_anew()
        else:
            self._quiet.start()

    def look_at(self, box: Box) -> None:
        """Filter another part of the image, the one that is seen now."""
        if box != self._box:
            self._box = box
            if self._settings is not None:
                self._quiet.start()

    def _begin_anew(self) -> None:
        """Show nothing of what was, and filter what is on show now if that is wanted."""
        self._drop()
        self.changed.emit(None)
        if self._settings is not None:
            self._quiet.start()

    def _drop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _run(self) -> None:
        image, settings, box = self._document.image, self._settings, middle(self._box)
        self._drop()
        if image is None or settings is None or self._runner.closed or box[0] >= box[2]:
            return
        request = PreviewRequest(plane_of(image, self._document.plane), settings, box)
        job = self._runner.submit(
            "compute", lambda report: self._pipelines.preview(image, request, report)
        )
        self._job = job
        job.succeeded.connect(lambda part: self._take(job, part))
        job.failed.connect(lambda error: self._fail(job, error))

    def _take(self, job: JobHandle, part: FilteredPart) -> None:
        if job is self._job:
            self._job = None
            self.changed.emit(part)

    def _fail(self, job: JobHandle, error: Exception) -> None:
        if job is not self._job:
            return
        self._job = None
        self.changed.emit(None)
        self._messages.error(error, "preview the filter", panel="filter")


def middle(box: Box) -> Box:
    """Return the middle of a box, of `MOST` rows and columns at most."""
    y0, x0, y1, x1 = box
    top, left = y0 + max(0, y1 - y0 - MOST) // 2, x0 + max(0, x1 - x0 - MOST) // 2
    return top, left, min(y1, top + MOST), min(x1, left + MOST)
