"""Mend the open image: the result becomes a layer beside the raw one."""

from __future__ import annotations

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.params import FilterSettings
from cellmend_app.commands import AddRestored
from cellmend_app.document import Document, RestoredLayer
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import Pipelines, Restored, RestoreRequest
from cellmend_app.workers import JobHandle, JobRunner

DOING = {"denoise": "Denoising", "deblur": "Deblurring", "upsample": "Upsampling"}


class RestoreService(QObject):
    """Runs restoration models and filters on the open image.

    Signals
    -------
    restored(title)
        A layer was added that the models and filters of this name made.
    """

    restored = pyqtSignal(str)

    def __init__(
        self, document: Document, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines

    def run(self, request: RestoreRequest) -> JobHandle | None:
        """Restore the raw image, step by step; None if there is no image or no step.

        A diameter that is estimated, the document takes over.
        """
        image = self._document.image
        if image is None or not request.steps:
            return None
        job = self._runner.submit(
            "compute",
            lambda report: self._pipelines.restore(image, request, report),
            title=_doing(request),
        )
        self._messages.refused.emit("restore", "")
        self._document.image_changed.connect(job.cancel)  # the result would be dropped
        job.succeeded.connect(lambda result: self._take(request.title, result))
        job.failed.connect(
            lambda error: self._messages.error(error, "restore the image", panel="restore")
        )
        return job

    def _take(self, title: str, result: Restored) -> None:
        layer = RestoredLayer(title, result.image, result.provenance)
        self._document.undo.push(AddRestored(self._document, layer, f"Restore with {title}"))
        self._messages.note(f"Restored with {title}. Measure on the raw image.")
        steps = () if result.provenance is None else result.provenance.history
        for step in steps:
            if "diameter" in step.settings:  # filters have none
                self._document.set_diameter(step.settings["diameter"])
        self.restored.emit(title)


def _doing(request: RestoreRequest) -> str:
    """Return what the status bar says meanwhile."""
    first, *more = request.steps
    if more:
        return "Restoring"
    if isinstance(first, FilterSettings):
        return "Filtering"
    return DOING.get(first.model.split("-")[0], "Restoring")
