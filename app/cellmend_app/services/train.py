"""Train a model in a child process.

The child is `cellmend train ... --json`: it can be stopped at once, and people go on
segmenting while it runs. What it says is turned into signals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend_app.services.child import Child
from cellmend_app.services.train_request import TrainRequest
from cellmend_app.services.unfinished import Unfinished, UnfinishedFile
from cellmend_app.workers import JobRunner


@dataclass(frozen=True)
class Epoch:
    """One epoch of training: counted from 1; losses; the seconds it took; AP@0.5 if validated."""

    number: int
    of: int
    loss: float
    validation_loss: float | None
    seconds: float
    validation_ap: float | None = None


class TrainService(QObject):
    """Drives one training process.

    The library keeps the state of a run after each epoch: what was stopped can go on, or become
    a model as it is, also when the program was closed in between.

    Signals
    -------
    recalled()
        A training of an earlier time can go on.
    started(images, epochs)
        The images were read and training begins.
    advanced(Epoch)
        An epoch ended.
    succeeded(name), failed(reason), cancelled()
        How it ended; exactly one of them.
    """

    recalled = pyqtSignal()
    started = pyqtSignal(int, int)
    advanced = pyqtSignal(object)
    succeeded = pyqtSignal(str)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()

    def __init__(
        self, runner: JobRunner, file: UnfinishedFile, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._file = file
        self._child = Child(self)
        self._child.said.connect(self._handle)
        self._child.ended.connect(self._end)
        self._request: TrainRequest | None = None
        self._epochs = 0
        self._name = ""
        self._reason = ""
        self._done = False
        self._cancelling = False

    @property
    def running(self) -> bool:
        """Whether a training process is at work."""
        return self._child.running

    @property
    def unfinished(self) -> Unfinished | None:
        """The run that was stopped or failed; None if there is none, or it had done no epoch."""
        if self.running or self._request is None or not self._epochs:
            return None
        return Unfinished(self._request, self._epochs)

    def recall(self) -> None:
        """Look for a training that was stopped when the program was open before."""
        job = self._runner.submit("io", lambda report: self._file.load())
        job.succeeded.connect(self._on_loaded)

    def start(self, request: TrainRequest) -> None:
        """Start training; only one at a time.

        Raises
        ------
        RuntimeError
            If one is at work.
        """
        if self.running:
            raise RuntimeError("A training is at work already.")
        self._request, self._epochs = request, 0
        self._forget()
        self._launch(request)

    def go_on(self) -> None:
        """Go on with the unfinished run."""
        if (done := self.unfinished) is not None:
            self._launch(replace(done.request, resume=True))

    def keep(self) -> None:
        """Make a model of what the unfinished run has learnt."""
        if (done := self.unfinished) is not None:
            self._launch(replace(done.request, resume=True, epochs=done.epochs))

    def _launch(self, request: TrainRequest) -> None:
        self._name, self._reason = request.name, ""
        self._done = self._cancelling = False
        self._child.start(request.arguments())

    def cancel(self) -> None:
        """Stop the training: ask first, then insist."""
        if self.running:
            self._cancelling = True
            self._child.stop()

    def shutdown(self) -> None:
        """Stop the training and wait until the child is gone."""
        self._child.shutdown()

    def _handle(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "start":
            self.started.emit(int(event["images"]), int(event["epochs"]))
        elif kind == "epoch":
            self._epochs = int(event["epoch"])
            self._remember()
            validation = event.get("validation_loss")
            precision = event.get("validation_ap")
            self.advanced.emit(
                Epoch(
                    number=self._epochs,
                    of=int(event["epochs"]),
                    loss=float(event["loss"]),
                    validation_loss=None if validation is None else float(validation),
                    seconds=float(event["seconds"]),
                    validation_ap=None if precision is None else float(precision),
                )
            )
        elif kind == "done":
            self._done = True
            self._name = str(event["name"])
        elif kind == "error":
            self._reason = str(event["message"])

    def _end(self, code: int, complaint: str) -> None:
        if self._done and code == 0:
            self._request = None
            self._forget()
            self.succeeded.emit(self._name)
        elif self._cancelling:
            self.cancelled.emit()
        else:
            self.failed.emit(self._reason or complaint)

    def _on_loaded(self, found: Unfinished | None) -> None:
        if found is not None and self._request is None:
            self._request, self._epochs = found.request, found.epochs
            self.recalled.emit()

    def _remember(self) -> None:
        if self._request is not None:
            kept = Unfinished(self._request, self._epochs)
            self._runner.submit("io", lambda report: self._file.keep(kept))

    def _forget(self) -> None:
        self._runner.submit("io", lambda report: self._file.forget())
