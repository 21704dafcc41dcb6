"""Compare the masks being edited with another mask layer, off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cellmend.metrics import match, matched_ids
from cellmend.metrics.matching import THRESHOLDS
from cellmend_app.document import Document, MaskLayer
from cellmend_app.messages import Messages
from cellmend_app.services.measure import LARGEST, QUIET_MS
from cellmend_app.workers import JobRunner

SHOWN_AT = 0.5
"""The intersection over union from which on a cell is coloured as found."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How the masks being edited differ from a reference.

    Parameters
    ----------
    reference
        The mask layer that counts as true.
    average_precision
        At each of `thresholds`.
    thresholds
        Intersection over union.
    tp, fp, fn
        Cells found, cells that are not in the reference, and cells missed, at `SHOWN_AT`.
    found
        Ids of the masks being edited that match the reference.
    missed
        Ids of the reference that nothing matches.
    """

    reference: MaskLayer
    thresholds: tuple[float, ...]
    average_precision: tuple[float, ...]
    tp: int
    fp: int
    fn: int
    found: NDArray[np.int64]
    missed: NDArray[np.int64]


class CompareService(QObject):
    """Compares the masks of the document with one of its mask layers.

    Signals
    -------
    compared(comparison)
        The result; None when nothing is compared any more.
    """

    compared = pyqtSignal(object)

    def __init__(self, document: Document, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._reference: MaskLayer | None = None
        document.image_changed.connect(self.stop)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.timeout.connect(self._again)
        document.labels_replaced.connect(lambda: self._quiet.start(0))
        document.plane_edited.connect(self._after_edit)
        document.mask_layers_changed.connect(self._on_layers)

    @property
    def reference(self) -> MaskLayer | None:
        """What the masks are compared with."""
        return self._reference

    def start(self, reference: MaskLayer) -> None:
        """Compare with a mask layer, now and whenever other masks are shown."""
        self._reference = reference
        self._again()

    def stop(self) -> None:
        """Compare no more."""
        if self._reference is not None:
            self._reference = None
            self.compared.emit(None)

    def _after_edit(self) -> None:
        if self._document.labels.full.size <= LARGEST:
            self._quiet.start(QUIET_MS)

    def _on_layers(self) -> None:
        known = {id(layer.labels) for layer in self._document.mask_layers}
        if self._reference is not None and id(self._reference.labels) not in known:
            self.stop()

    def _again(self) -> None:
        reference = self._reference
        if reference is None or self._runner.closed:
            return
        labels = self._document.labels.snapshot()  # people go on editing
        job = self._runner.submit(
            "compute", lambda report: compare(reference, labels.copy()), title="Comparing"
        )
        job.failed.connect(lambda error: self._messages.error(error, "compare the masks"))

        def take(comparison: Comparison) -> None:
            if self._reference is reference:
                self.compared.emit(comparison)

        job.succeeded.connect(take)


def compare(reference: MaskLayer, labels: NDArray[np.uint32]) -> Comparison:
    """Match masks with a reference; see `cellmend.metrics.match`."""
    result = match(reference.labels, labels, THRESHOLDS)
    true, found = matched_ids(reference.labels, labels, SHOWN_AT)
    at = int(np.searchsorted(result.thresholds, SHOWN_AT))
    every = np.unique(reference.labels)
    return Comparison(
        reference,
        tuple(result.thresholds.tolist()),
        tuple(result.average_precision.tolist()),
        int(result.tp[at]),
        int(result.fp[at]),
        int(result.fn[at]),
        found,
        np.setdiff1d(every[every > 0], true).astype(np.int64),
    )
