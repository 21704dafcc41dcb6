"""The settings of the next run in a file, as ``cellmend segment --config`` takes it."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.params import (
    AnyStep,
    BlockwiseSettings,
    FilterSettings,
    PipelineSettings,
    RestoreStep,
    SegmentSettings,
)
from cellmend.provenance import Provenance
from cellmend.settings_file import differences, read_settings, write_settings
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import SegmentRequest
from cellmend_app.workers import JobHandle, JobRunner


class SettingsService(QObject):
    """Writes and reads settings in the I/O lane.

    Signals
    -------
    loaded(BlockwiseSettings)
        A file was read; the document has its steps.
    saved(path)
        A file was written.
    """

    loaded = pyqtSignal(object)
    saved = pyqtSignal(object)

    def __init__(self, document: Document, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages

    def save(self, path: Path, request: SegmentRequest) -> JobHandle:
        """Write the settings of a run, and the steps that come before it."""
        settings = self.settings_of(request)
        job = self._runner.submit(
            "io", lambda report: write_settings(settings, path), title="Saving settings"
        )
        job.succeeded.connect(lambda _: self._on_saved(path))
        job.failed.connect(lambda error: self._messages.error(error, "save the settings"))
        return job

    def load(self, path: Path) -> JobHandle:
        """Read settings; nothing changes where the file is not good."""
        job = self._runner.submit(
            "io", lambda report: read_settings(BlockwiseSettings, path), title="Reading settings"
        )
        job.succeeded.connect(self._on_loaded)
        job.failed.connect(lambda error: self._messages.error(error, "load the settings"))
        return job

    def settings_of(self, request: SegmentRequest) -> PipelineSettings:
        """Return all that decides the masks of a run, the steps before it included.

        Those are what made the restored image, where that is segmented; where there is none, what
        is listed.
        """
        chosen = {name: getattr(request.settings, name) for name in SegmentSettings.model_fields}
        layer = self._document.restored
        steps = self._document.steps if layer is None else ()
        if request.on_restored and layer is not None:
            steps = _steps_of(layer.provenance) or self._document.steps
        return PipelineSettings(**chosen, restore=steps)

    def say_what_is_left_out(self, settings: BlockwiseSettings, request: SegmentRequest) -> None:
        """Name the settings of a file that the panel has no field, or another value, for."""
        taken = {name: getattr(request.settings, name) for name in SegmentSettings.model_fields}
        left = list(differences(settings, BlockwiseSettings(**taken, restore=settings.restore)))
        more = f" This window does not use {', '.join(left)}." if left else ""
        steps = " Press Run steps first." if settings.restore else ""
        self._messages.note(f"Loaded the settings.{steps}{more}")

    def _on_saved(self, path: Path) -> None:
        self._messages.note(f"Saved {path.name}.")
        self.saved.emit(path)

    def _on_loaded(self, settings: BlockwiseSettings) -> None:
        self._document.set_steps(settings.restore)
        self.loaded.emit(settings)


def _steps_of(record: Provenance | None) -> tuple[AnyStep, ...]:
    """Return the models and filters that a record tells, as steps."""
    steps: list[AnyStep] = []
    for one in () if record is None else record.history:
        if one.action == "filter":
            steps.append(FilterSettings.model_validate(dict(one.settings)))
        else:
            values = {"model": one.model, "channels": one.settings.get("channels")}
            steps.append(RestoreStep.model_validate(values))
    return tuple(steps)
