"""Measure the cells of the document, off the GUI thread."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cellmend.image import Image
from cellmend.labels.confidence import CELLPROB, FLOW_ERROR, Confidence
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.workers import JobRunner

QUIET_MS = 1000
"""After the last edit, cells are measured anew when this long nothing happened."""
LIST_AFTER_MS = 2000
"""After an image opens: what measures brings a compiler, and the picture comes first."""
LARGEST = 1 << 24
"""Larger label images, in pixels, are measured anew only where all labels are others."""
CONFIDENCE = (FLOW_ERROR, CELLPROB)
_PLACES = re.compile(r"frame|label|centroid_.*|[zyx][01]")
"""Columns that tell which cell it is and where; nobody wants these as colours."""
Measured = Mapping[int, float]


class MeasureService(QObject):
    """Keeps one measurement of all cells of the plane on show up to date.

    Signals
    -------
    listed(columns)
        What can be measured on the open image.
    measured(column, values)
        The value of each cell, by id.
    """

    listed = pyqtSignal(object)
    measured = pyqtSignal(str, object)

    def __init__(self, document: Document, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._column = ""
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.timeout.connect(self._measure)
        self._listing = QTimer(self)
        self._listing.setSingleShot(True)
        self._listing.timeout.connect(self._list)
        document.image_changed.connect(lambda: self._listing.start(LIST_AFTER_MS))
        document.labels_replaced.connect(self._soon)
        document.labels_edited.connect(lambda _: self._after_edit())
        document.plane_changed.connect(lambda _: self._soon())
        document.confidence_changed.connect(self._on_confidence)
        document.pixel_size_changed.connect(self._on_pixel_size)

    def follow(self, column: str) -> None:
        """Measure `column` now, and again after edits; an empty name ends this."""
        self._column = column
        self._soon()

    def _soon(self) -> None:
        if self._column and self._document.image is not None:
            self._quiet.start(0)

    def _after_edit(self) -> None:
        if self._column and self._document.labels.full.size <= LARGEST:
            self._quiet.start(QUIET_MS)

    def _on_confidence(self) -> None:
        if self._column in CONFIDENCE and not self._quiet.isActive():
            self._after_edit()

    def _on_pixel_size(self) -> None:
        self._listing.start(0)
        self._soon()

    def _list(self) -> None:
        """Find out what can be measured on the open image."""
        image = self._document.image
        if image is None or self._runner.closed:
            return
        job = self._runner.submit("compute", lambda report: columns_of(image))

        def take(columns: list[str]) -> None:
            if self._document.image is image:
                self.listed.emit(columns)

        job.succeeded.connect(take)

    def _measure(self) -> None:
        document, column = self._document, self._column
        image, confidence = document.image, document.confidence
        if image is None or not column or self._runner.closed:
            return
        labels = document.labels.snapshot()  # people go on editing
        frame = document.plane // image.size("Z")
        job = self._runner.submit(
            "compute",
            lambda report: measure(image, labels.copy(), column, frame, confidence),
            title="Measuring",
        )
        job.failed.connect(lambda error: self._messages.error(error, "measure the cells"))

        def take(values: Measured) -> None:
            if document.image is image and self._column == column:
                self.measured.emit(column, values)

        job.succeeded.connect(take)


def columns_of(image: Image) -> list[str]:
    """Return what can be measured on an image, without places, and the confidence of a run."""
    from cellmend.measure import table  # brings numba, for which the window must not wait

    corner = Image(
        image.data[tuple(slice(1) if axis != "C" else slice(None) for axis in image.axes)],
        image.axes,
        image.channel_names,
        image.pixel_size_um,
    )
    shape = tuple(1 for axis in image.axes if axis != "C")
    measured = table(corner, np.ones(shape, np.uint32))
    return [*(c for c in measured if not _PLACES.fullmatch(c)), *CONFIDENCE]


def measure(
    image: Image,
    labels: NDArray[np.uint32],
    column: str,
    frame: int,
    confidence: Confidence | None = None,
) -> Measured:
    """Return one column of the table of cells, by id, for one frame of a series.

    It is empty where that is the confidence of a run, and no run made the cells.
    """
    from cellmend.measure import table

    columns = table(image, labels, confidence)
    if column not in columns:
        return {}
    here = columns["frame"] == frame if "frame" in columns else slice(None)
    ids, values = columns["label"][here], columns[column][here]
    return dict(zip(ids.tolist(), values.tolist(), strict=True))
