"""Keep the table of all cells up to date while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cellmend.export.table import write_table
from cellmend.labels.confidence import CELLPROB, FLOW_ERROR
from cellmend.measure import table
from cellmend.measure.cells import Table
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.workers import JobRunner

QUIET_MS = 1000
LABEL, FRAME = "label", "frame"
"""The columns of the cells' ids and, of a series, of the frames that they are in."""
_HEADINGS = {FLOW_ERROR: "flow error", CELLPROB: "cell probability"}
_MEANINGS = {
    FLOW_ERROR: "How far the shape of the cell is from what the network saw: 0 is best, and a "
    "run\ndrops cells above the flow threshold. Empty for cells drawn or edited since.",
    CELLPROB: "How sure the network was that there is a cell, on the scale of the cell "
    "probability\nthreshold. Empty for cells drawn or edited since.",
}


class ObjectsService(QObject):
    """Measures all cells, on the raw image, a second after the last edit.

    Signals
    -------
    measured(columns)
        The table of `cellmend.measure`; empty while the cells of an image are not measured yet.
    """

    measured = pyqtSignal(object)

    def __init__(
        self,
        document: Document,
        runner: JobRunner,
        messages: Messages,
        *,
        quiet_ms: int = QUIET_MS,
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._watched = False
        self._current = False
        self.columns: Table = {}
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(quiet_ms)
        self._quiet.timeout.connect(self.measure)
        document.labels_replaced.connect(lambda: self._changed(soon=True))
        document.labels.edited.connect(lambda _: self._changed(soon=False))
        document.confidence_changed.connect(self._on_confidence)
        document.pixel_size_changed.connect(lambda: self._changed(soon=True))
        document.image_changed.connect(lambda: self._take({}))

    def watch(self, watched: bool) -> None:
        """Begin or end to keep the table up to date."""
        self._watched = watched
        if watched and not self._current:
            self._quiet.start(0)

    def save(self, path: Path) -> None:
        """Write the table of the cells as they are now, whether somebody looks at it or not.

        It becomes CSV, an Excel workbook or Parquet, as the ending says.
        """
        if self._current:
            self._write(path, self.columns)
        else:
            self.measure(lambda columns: self._write(path, columns))

    def measure(self, then: Callable[[Table], object] | None = None) -> None:
        """Measure all cells now, then do `then` with what was found."""
        document = self._document
        image, revision, confidence = document.image, document.revision, document.confidence
        if self._runner.closed:
            return
        if image is None:
            self._take({})
            return
        labels = document.labels.snapshot()  # people go on editing
        job = self._runner.submit(
            "compute",
            lambda report: table(image, labels.copy(), confidence),
            title="Measuring" if then is not None else "",
        )
        job.failed.connect(lambda error: self._messages.error(error, "measure the cells"))

        def take(columns: Table) -> None:
            if document.image is image and document.revision == revision:
                self._current = document.confidence is confidence
                self._take(columns)

        job.succeeded.connect(take)
        if then is not None:
            job.succeeded.connect(then)

    def _write(self, path: Path, columns: Table) -> None:
        job = self._runner.submit("io", lambda report: write_table(path, columns), title="Saving")
        job.failed.connect(lambda error: self._messages.error(error, "save the table"))
        job.succeeded.connect(lambda _: self._messages.note(f"Saved {path.name}"))

    def _changed(self, *, soon: bool) -> None:
        self._current = False
        if self._watched:
            self._quiet.start(0 if soon else self._quiet.interval())

    def _on_confidence(self) -> None:
        self._current = False
        if not self._quiet.isActive():  # the labels that changed with it may have asked sooner
            self._changed(soon=False)

    def _take(self, columns: Table) -> None:
        self.columns = columns
        self.measured.emit(columns)


def heading(column: str) -> str:
    """Return what a column is called in the window; most are called as in a file."""
    return _HEADINGS.get(column, column)


def meaning(column: str) -> str:
    """Return what a column says of a cell, where that needs words."""
    return _MEANINGS.get(column, "")


def number(text: str, otherwise: float) -> float:
    """Return the number that a person typed as a bound, or another where it is none."""
    try:
        return float(text)
    except ValueError:
        return otherwise
