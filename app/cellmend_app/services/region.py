"""Find the cells of a part of the plane on show, and put them among those there are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.image import Image
from cellmend.labels.region import Merged, Region, merge
from cellmend_app.commands import ReplaceRegion
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import (
    Box,
    Pipelines,
    RegionFound,
    RegionRequest,
    SegmentRequest,
)
from cellmend_app.services.seg_content import resample
from cellmend_app.services.segment import count_of_cells, remedies_of, source_of
from cellmend_app.workers import JobHandle, JobRunner


@dataclass(frozen=True, eq=False)
class _Task:
    """A part that is being done anew, and what was on show when that began."""

    image: Image
    plane: int
    region: Region
    request: SegmentRequest
    text: str


class RegionService(QObject):
    """Runs segmentation models on a part of the plane on show.

    Who of the old and the new cells stays, `cellmend.labels.region` says.

    Signals
    -------
    segmented(count)
        So many cells were found in the part.
    """

    segmented = pyqtSignal(int)

    def __init__(
        self, document: Document, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines

    def run(
        self, request: SegmentRequest, region: Region, text: str = "Segment a part"
    ) -> JobHandle | None:
        """Segment a part of the raw or the restored image; None if none is open.

        Parameters
        ----------
        request
            As for the whole image.
        region
            The part, in pixels of the raw image.
        text
            What the Undo entry says.
        """
        raw = self._document.image
        if raw is None:
            return None
        task = _Task(raw, self._document.plane, region, request, text)
        revision = self._document.revision
        source, scale, scaled = source_of(self._document, request, raw)
        part = RegionRequest(scaled, _scaled(region.box, scale), task.plane)
        job = self._runner.submit(
            "compute",
            lambda report: _to_grid(self._pipelines.segment_region(source, part, report), scale),
            title="Finding cells",
        )
        self._messages.refused.emit("segment", "")
        self._document.image_changed.connect(job.cancel)  # the result would be dropped
        job.succeeded.connect(lambda found: self._take(task, revision, found))
        job.failed.connect(lambda error: self._fail(task, error))
        return job

    def _take(self, task: _Task, revision: int, found: RegionFound) -> None:
        """Take what was found, unless it would undo edits that were made meanwhile."""
        edited = self._same_image(task) and self._document.revision != revision
        if edited and not self._messages.confirm(
            "Replace the masks in this part with the new ones?",
            "You edited the masks while the cells were being found. Replacing them can be undone.",
        ):
            return
        self._merge(task, found)

    def _merge(self, task: _Task, found: RegionFound) -> None:
        """Put the new cells among those there are now."""
        if not self._same_image(task):
            self._messages.note("The cells were dropped: another image is open now.")
            return
        labels, settings = self._document.labels, task.request.settings.masks
        snapshot, next_id, revision = labels.snapshot(), labels.next_id(), self._document.revision
        job = self._runner.submit(
            "compute",
            lambda report: merge(
                snapshot.copy_plane(task.plane),
                task.region,
                found.masks,
                found.window,
                next_id,
                settings,
            ),
        )
        job.succeeded.connect(lambda merged: self._show(task, found, revision, merged))
        job.failed.connect(lambda error: self._fail(task, error))

    def _show(self, task: _Task, found: RegionFound, revision: int, merged: Merged) -> None:
        document = self._document
        if not self._same_image(task) or document.revision != revision:
            self._merge(task, found)  # edited within this moment
            return
        if merged.patch:
            document.undo.push(
                ReplaceRegion(document, task.plane, merged.patch, task.text, merged.ids)
            )
        document.set_diameter(found.diameter)
        count = len(merged.ids)
        stayed = f" {count_of_cells(merged.stayed)} across its border stayed." * bool(merged.stayed)
        self._messages.note(f"Found {count_of_cells(count)} in this part.{stayed}")
        self.segmented.emit(count)

    def _same_image(self, task: _Task) -> bool:
        return self._document.shows(task.image)

    def _fail(self, task: _Task, error: Exception) -> None:
        def again(request: SegmentRequest) -> None:
            self.run(request, task.region, task.text)

        remedies = remedies_of(task.request, again)
        self._messages.error(error, "find the cells", panel="segment", remedies=remedies)


def _scaled(box: Box, scale: float) -> Box:
    y0, x0, y1, x1 = (round(scale * side) for side in box)
    return y0, x0, y1, x1


def _to_grid(found: RegionFound, scale: float) -> RegionFound:
    """Bring what was found in an upsampled image to the raw pixels."""
    if scale == 1:
        return found
    y0, x0, y1, x1 = window = _scaled(found.window, 1 / scale)
    masks = resample(found.masks, (y1 - y0, x1 - x0))
    return replace(found, masks=masks, window=window, diameter=found.diameter / scale)
