"""Mend the open image: the result becomes a layer beside the raw one."""

from __future__ import annotations

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.image import Image
from cellmend.params import RestoreSettings
from cellmend_app.commands import AddRestored
from cellmend_app.document import Document, RestoredLayer
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import Pipelines, Restored
from cellmend_app.workers import JobHandle, JobRunner

DOING = {"denoise": "Denoising", "deblur": "Deblurring", "upsample": "Upsampling"}


class RestoreService(QObject):
    """Runs restoration models on the open image.

    Signals
    -------
    restored(name)
        A layer made by the model `name` was added.
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

    def run(self, settings: RestoreSettings, *, estimate: bool = False) -> JobHandle | None:
        """Restore the raw image with the model that `settings` name; None if none is open.

        With `estimate` the diameter of the settings gives way to one that is
        estimated, which the document takes over.
        """
        image = self._document.image
        if image is None:
            return None
        title = DOING.get(settings.model.split("-")[0], "Restoring")
        job = self._runner.submit(
            "compute",
            lambda report: self._pipelines.restore(image, settings, report, estimate=estimate),
            title=title,
        )
        self._messages.refused.emit("restore", "")
        job.succeeded.connect(lambda result: self._take(image, settings.model, result))
        job.failed.connect(
            lambda error: self._messages.error(error, "restore the image", panel="restore")
        )
        return job

    def _take(self, image: Image, model: str, result: Restored) -> None:
        if self._document.image is not image:
            self._messages.note("The restored image was dropped: another image is open now.")
            return
        layer = RestoredLayer(model, result.image, result.provenance)
        self._document.undo.push(AddRestored(self._document, layer, f"Restore with {model}"))
        self._messages.note(f"Restored with {model}. Measure on the raw image.")
        if result.provenance is not None:
            self._document.set_diameter(result.provenance.settings["diameter"])
        self.restored.emit(model)
