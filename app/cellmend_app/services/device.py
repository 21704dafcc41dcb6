"""Where networks run: what there is, what the person chose, and whether it works."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import CellmendError
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import Pipelines, Tried
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobHandle, JobRunner

AUTO, CPU = "auto", "cpu"
_TITLES = {AUTO: "Automatic", CPU: "CPU"}


class DeviceService(QObject):
    """Has the pipelines run where the person chose, and elsewhere where that cannot be.

    Signals
    -------
    changed()
        Other devices are known, or another is chosen.
    tested(text)
        What a test found.
    """

    changed = pyqtSignal()
    tested = pyqtSignal(str)

    def __init__(
        self, preferences: Preferences, runner: JobRunner, messages: Messages, pipelines: Pipelines
    ) -> None:
        super().__init__(messages)
        self._preferences = preferences
        self._runner = runner
        self._messages = messages
        self._pipelines = pipelines
        self._pipelines.device = self.chosen
        self.found: Mapping[str, str] = {}

    @property
    def chosen(self) -> str:
        """What the person chose: ``auto``, or a device by name."""
        return self._preferences.device

    @property
    def current(self) -> str:
        """Where networks run: as chosen, unless it is known that there is no such device."""
        there = not self.found or self.chosen in (AUTO, *self.found)
        return self.chosen if there else AUTO

    def choose(self, device: str) -> None:
        """Run networks on a device from now on, in this session and the next ones."""
        self._preferences.device = device
        self._use_current()

    def refresh(self) -> JobHandle:
        """Look what devices there are."""
        job = self._runner.submit("compute", lambda report: self._pipelines.devices())
        job.succeeded.connect(self._take)
        job.failed.connect(lambda error: self._messages.error(error, "list the devices"))
        return job

    def test(self) -> JobHandle:
        """Run a small network on the chosen device; where it fails there, go over to the CPU."""
        device = self.chosen
        job = self._runner.submit(
            "compute",
            lambda report: self._pipelines.try_device(device),
            title="Testing the device",
        )
        job.succeeded.connect(self._praise)
        job.failed.connect(lambda error: self._fall_back(device, error))
        return job

    def title(self, device: str) -> str:
        """Return what a person calls a device."""
        if device in _TITLES:
            return _TITLES[device]
        if not self.found:
            return device
        return (
            f"{self.found[device]} ({device})" if device in self.found else f"{device} (not there)"
        )

    def _take(self, found: Mapping[str, str]) -> None:
        self.found = found
        self._use_current()
        if self.current != self.chosen:
            self._messages.note(
                f"There is no device {self.chosen} here: Automatic takes its place."
            )

    def _use_current(self) -> None:
        self._pipelines.device = self.current
        self.changed.emit()

    def _praise(self, tried: Tried) -> None:
        where = self.title(tried.device)
        self.tested.emit(f"{where} works: a small network took {tried.seconds:.2g} s.")

    def _fall_back(self, device: str, error: BaseException) -> None:
        if not isinstance(error, CellmendError):
            self._messages.error(error, "test the device")
        reason = error.message if isinstance(error, CellmendError) else str(error)
        if device == CPU or device != self.chosen:  # there is none to fall back to, or no need
            self.tested.emit(reason)
            return
        text = f"{reason} The CPU takes its place."
        self.choose(CPU)
        self._messages.note(text)
        self.tested.emit(text)
