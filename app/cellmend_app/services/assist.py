"""Find the cell that a person clicks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QObject

from cellmend.image import Image
from cellmend.labels.paint import Shape
from cellmend.labels.stroke import StrokeBuilder
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.cells import MIN_PIXELS, CellService
from cellmend_app.services.pipelines import ClickRequest, Pipelines
from cellmend_app.workers import JobHandle, JobRunner


@dataclass(frozen=True)
class _Shown:
    """What was on show at the click."""

    image: Image
    plane: int


class AssistService(QObject):
    """Finds single cells, in the compute lane."""

    def __init__(
        self, cells: CellService, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._cells = cells
        self._document: Document = cells.document
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines

    def find(self, y: float, x: float) -> JobHandle | None:
        """Look for the cell at a place of the plane on show; None outside of the image."""
        document = self._document
        at = int(np.floor(y)), int(np.floor(x))
        height, width = document.labels.array.shape
        if document.image is None or not (0 <= at[0] < height and 0 <= at[1] < width):
            return None
        shown = _Shown(document.image, document.plane)
        request = self._request(at)
        job = self._runner.submit(
            "compute",
            lambda report: self._pipelines.cell_at(request, report),
            title="Finding the cell",
        )
        document.image_changed.connect(job.cancel)
        job.succeeded.connect(lambda found: self._take(shown, found))
        job.failed.connect(lambda error: self._messages.error(error, "find the cell"))
        return job

    def _request(self, at: tuple[int, int]) -> ClickRequest:
        document = self._document
        pixels = document.display
        assert pixels is not None
        flows, cellprob = document.flows, document.cellprob
        if flows is not None and cellprob is not None:
            size = cellprob.shape[-2:]
            # The last two components are those in the plane.
            flows = flows.reshape(len(flows), -1, *size)[-2:, document.plane]
            cellprob = cellprob.reshape(-1, *size)[document.plane]
        return ClickRequest(pixels[0], at, document.diameter, flows, cellprob)

    def _take(self, shown: _Shown, found: Shape | None) -> None:
        document = self._document
        if not document.shows(shown.image) or document.plane != shown.plane:
            return
        if found is None:
            self._messages.note("No cell was found there: draw it.")
            return
        document.settling.emit()
        label = document.labels.next_id()
        patch = StrokeBuilder(document.labels.array, label, document.overlap).add(*found)
        if int((patch.after == label).sum()) <= MIN_PIXELS:
            self._messages.note("No room for a cell was found there: draw it.")
            return
        self._cells.add(patch, label)
