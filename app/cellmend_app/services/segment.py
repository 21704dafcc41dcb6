"""Find the cells of the open image, and make its masks anew at other thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from weakref import WeakSet

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QUndoCommand

from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.labels.confidence import Confidence
from cellmend.params import MaskSettings
from cellmend_app.commands import EditLabels, ReplaceLabels, ReplaceRegion
from cellmend_app.document import Document, FlowLayer, LabelContent
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import Pipelines, Remade, Segmented, SegmentRequest
from cellmend_app.services.seg_content import resample
from cellmend_app.workers import JobHandle, JobRunner


@dataclass(frozen=True)
class _Shown:
    """What was on show when a run began."""

    image: Image
    revision: int


@dataclass(frozen=True)
class _Found:
    """What a run found, its masks ready to be shown."""

    result: Segmented
    labels: LabelContent


@dataclass(frozen=True)
class _Remade:
    """Masks at other thresholds, ready to be shown."""

    labels: LabelContent
    confidence: Confidence | None


class SegmentService(QObject):
    """Runs segmentation models on the open image.

    Signals
    -------
    segmented(count)
        New masks are on show.
    ran(RunSettings)
        The settings of the run that made them, to be saved with them.
    """

    segmented = pyqtSignal(int)
    ran = pyqtSignal(object)

    def __init__(
        self, document: Document, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines
        self._made: WeakSet[QUndoCommand] = WeakSet()
        self._recomputing: JobHandle | None = None

    def run(self, request: SegmentRequest) -> JobHandle | None:
        """Segment the raw or the restored image; None if none is open.

        The diameter of the request is that of cells in the raw image.
        """
        raw = self._document.image
        if raw is None:
            return None
        shown = _Shown(raw, self._document.revision)
        source, scale, scaled = source_of(self._document, request, raw)
        known = source is raw or bool(scaled.previous)
        job = self._runner.submit(
            "compute",
            lambda report: _found(
                to_grid(
                    self._pipelines.segment(source, scaled, report), document_shape(raw), scale
                ),
                known=known,
            ),
            title="Finding cells",
        )
        self._messages.refused.emit("segment", "")
        self._document.image_changed.connect(job.cancel)  # the result would be dropped
        job.succeeded.connect(lambda found: self._take(shown, request, found))
        job.failed.connect(lambda error: self._fail(error, request))
        return job

    @property
    def can_recompute(self) -> bool:
        """Whether masks of a plane can be made anew at other thresholds without losing edits."""
        document = self._document
        single = document.results is not None and document.results.cellprob.ndim == 2
        return single and self._last_masks() in self._made

    def _last_masks(self) -> QUndoCommand | None:
        """Return the last step that changed masks, of those that are not undone."""
        stack = self._document.undo
        done = (stack.command(place) for place in reversed(range(stack.index())))
        return next((step for step in done if step is not None and _changes_masks(step)), None)

    def recompute(self, settings: MaskSettings) -> JobHandle | None:
        """Make the masks anew from the last run's output; the network does not run.

        Masks that were edited since are left as they are.
        """
        document = self._document
        results, image = document.results, document.image
        if results is None or image is None:
            return None
        if not self.can_recompute:
            self._messages.note("The masks were edited: press Segment to use new thresholds.")
            return None
        if self._recomputing is not None:
            self._recomputing.cancel()
        shown = _Shown(image, document.revision)
        if settings.niter is None:
            settings = settings.model_copy(update={"niter": results.niter})
        made = with_masks_of(results, settings)
        job = self._runner.submit(
            "compute",
            lambda report: _remade(
                self._pipelines.masks(results.flows, results.cellprob, settings, report)
            ),
            title="Making masks",
        )
        self._recomputing = job
        document.image_changed.connect(job.cancel)
        job.succeeded.connect(lambda remade: self._take_masks(shown, remade, made))
        job.failed.connect(
            lambda error: self._messages.error(error, "make the masks", panel="segment")
        )
        job.finished.connect(lambda: self._forget(job))
        return job

    def _take(self, shown: _Shown, request: SegmentRequest, found: _Found) -> None:
        if not self._may_replace(shown):
            return
        document, result = self._document, found.result
        document.undo.push(
            ReplaceLabels(
                document,
                found.labels,
                f"Segment with {request.settings.model}",
                results=result.layer,
                confidence=result.confidence,
            )
        )
        document.set_diameter(result.diameter)
        self.ran.emit(RunSettings.of(request.settings, shown.image))
        self._announce()

    def _take_masks(self, shown: _Shown, remade: _Remade, results: FlowLayer) -> None:
        if self._may_replace(shown):
            document = self._document
            document.undo.push(
                ReplaceLabels(
                    document,
                    remade.labels,
                    "Change thresholds",
                    results=results,
                    confidence=remade.confidence,
                )
            )
            self._announce()

    def _may_replace(self, shown: _Shown) -> bool:
        """Whether a result may take the place of the labels; asks where edits would be lost."""
        if self._document.revision == shown.revision:
            return True
        return self._messages.confirm(
            "Replace the masks with the new ones?",
            "You edited the masks while the cells were being found. Replacing them can be undone.",
        )

    def _announce(self) -> None:
        count = self._document.labels.count_cells(len(self._document.frame))
        made = self._last_masks()
        if made is not None:
            self._made.add(made)
        self._messages.note(f"Found {count_of_cells(count)}.")
        self.segmented.emit(count)

    def _fail(self, error: Exception, request: SegmentRequest) -> None:
        remedies = remedies_of(request, self._again)
        self._messages.error(error, "find the cells", panel="segment", remedies=remedies)

    def _again(self, request: SegmentRequest) -> None:
        self.run(request)

    def _forget(self, job: JobHandle) -> None:
        if self._recomputing is job:
            self._recomputing = None


def _changes_masks(step: QUndoCommand) -> bool:
    known = isinstance(step, EditLabels | ReplaceLabels | ReplaceRegion)
    return known or step.childCount() > 0  # several steps in one


def source_of(
    document: Document, request: SegmentRequest, raw: Image
) -> tuple[Image, float, SegmentRequest]:
    """Return the image to segment, its enlargement, and the request in its pixels."""
    layer = document.restored
    if not request.on_restored or layer is None:
        return raw, 1.0, request
    scale = layer.image.size("X") / raw.size("X")
    settings = request.settings
    if settings.diameter is not None:
        settings = settings.model_copy(update={"diameter": settings.diameter * scale})
    previous = (layer.provenance,) if layer.provenance is not None else ()
    return layer.image, scale, replace(request, settings=settings, previous=previous)


def remedies_of(
    request: SegmentRequest, again: Callable[[SegmentRequest], None]
) -> dict[str, Callable[[], None]]:
    """Return what may help where the memory does not suffice: to run `again` with less."""
    tiles = request.settings.tiles
    smaller = tiles.model_copy(update={"size": max(96, tiles.size // 32 * 16), "batch_size": 1})
    settings = request.settings.model_copy(update={"tiles": smaller})
    return {
        "Use smaller tiles": lambda: again(replace(request, settings=settings)),
        "Use the CPU": lambda: again(replace(request, device="cpu")),
    }


def count_of_cells(count: int) -> str:
    """Return a number of cells in words."""
    return "1 cell" if count == 1 else f"{count:,} cells"


def document_shape(image: Image) -> tuple[int, int]:
    """Return the rows and columns of `image`."""
    return image.size("Y"), image.size("X")


def _found(result: Segmented, *, known: bool) -> _Found:
    """Index the masks, which takes time, while the GUI thread does something else.

    Where it is not known how the image was made that was segmented, the record of the run
    would tell but half of it, and is left out.
    """
    whole = result if known else replace(result, provenance=None)
    return _Found(whole, LabelContent.of(whole.masks))


def _remade(made: Remade) -> _Remade:
    return _Remade(LabelContent.of(made.masks), made.confidence)


def with_masks_of(results: FlowLayer, settings: MaskSettings) -> FlowLayer:
    """Return the output of a run whose record says that its masks were made at `settings`."""
    record = results.provenance
    if record is None:
        return results
    used = {**record.settings, "masks": settings.model_dump(mode="json")}
    return replace(results, provenance=replace(record, settings=used))


def to_grid(result: Segmented, shape: tuple[int, int], scale: float) -> Segmented:
    """Bring masks of an upsampled image to the raw pixels, by their nearest neighbours."""
    if result.masks.shape[-2:] == shape:
        return result
    return replace(
        result,
        masks=resample(result.masks, shape),
        flows=None if result.flows is None else resample(result.flows, shape),
        cellprob=None if result.cellprob is None else resample(result.cellprob, shape),
        diameter=result.diameter / scale,
    )
