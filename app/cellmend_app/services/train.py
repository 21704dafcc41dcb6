"""Train a model in a child process.

The child is `cellmend train ... --json`: it can be stopped at once, and people go on
segmenting while it runs. What it says is turned into signals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend_app.services.child import Child

Way = Literal["masks", "pairs", "noisy"]
"""What restoring is learnt from: clean images with masks, noisy with clean ones, noisy ones."""


@dataclass(frozen=True)
class FindCells:
    """Learn to find cells from images with masks.

    Parameters
    ----------
    partial
        Some cells have no masks.
    degrade
        Images are spoilt as for learning this restoration; empty: they are not.
    """

    partial: bool = False
    degrade: str = ""

    def words(self) -> list[str]:
        """Return what the command line says of it."""
        words = ["--partial"] if self.partial else []
        return [*words, "--degrade", self.degrade] if self.degrade else words


@dataclass(frozen=True)
class Restore:
    """Learn to restore images.

    Parameters
    ----------
    way
        What is learnt from.
    task
        ``denoise``, ``deblur`` or ``upsample``; from noisy images alone only the first.
    segmenter
        The model that judges what is restored; with masks only.
    method
        How noisy images alone are learnt from.
    diameter
        Of the cells in pixels; masks tell it themselves.
    """

    way: Way
    task: str = "denoise"
    segmenter: str = "generalist"
    method: str = "noise2void"
    diameter: float = 30.0

    def words(self) -> list[str]:
        """Return what the command line says of it."""
        if self.way == "masks":
            return ["--task", self.task, "--segmenter", self.segmenter]
        words = ["--diameter", f"{self.diameter:g}"]
        if self.way == "pairs":
            return [*words, "--method", "paired", "--task", self.task]
        return [*words, "--method", self.method]


@dataclass(frozen=True)
class TrainRequest:
    """What to train on and how.

    Parameters
    ----------
    data
        Folders, or images with masks or a ``_seg.npy`` beside them.
    name
        The name of the new model.
    start_from
        The model to start from: a name or a file; empty: from scratch.
    epochs, learning_rate, images_per_epoch, crop, batch_size, tone
        Training settings; None leaves one to the library.
    aim
        What is learnt.
    device
        Where to train, as the command line names it.
    resume
        Go on from the last epoch of a run of this name.
    """

    data: tuple[Path, ...]
    name: str
    start_from: str
    epochs: int
    learning_rate: float | None = None
    images_per_epoch: int | None = None
    crop: int | None = None
    batch_size: int | None = None
    tone: float | None = None
    aim: FindCells | Restore = FindCells()
    device: str = "auto"
    resume: bool = False

    def arguments(self) -> list[str]:
        """Return the command line after ``cellmend``."""
        kind = "segmentation" if isinstance(self.aim, FindCells) else "restoration"
        words = ["train", kind, *map(str, self.data), "--name", self.name, *self.aim.words()]
        values = {
            "--from": self.start_from or None,
            "--epochs": self.epochs,
            "--learning-rate": self.learning_rate,
            "--images-per-epoch": self.images_per_epoch,
            "--crop": self.crop,
            "--batch-size": self.batch_size,
            "--tone": self.tone,
            "--device": self.device,
        }
        for switch, value in values.items():
            words += [] if value is None else [switch, str(value)]
        return [*words, *(["--resume"] if self.resume else []), "--json"]


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
    a model as it is.

    Signals
    -------
    started(images, epochs)
        The images were read and training begins.
    advanced(Epoch)
        An epoch ended.
    succeeded(name), failed(reason), cancelled()
        How it ended; exactly one of them.
    """

    started = pyqtSignal(int, int)
    advanced = pyqtSignal(object)
    succeeded = pyqtSignal(str)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
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
    def unfinished(self) -> tuple[TrainRequest, int] | None:
        """What was asked of a run that was stopped or failed, and how many epochs it has done.

        None if there is no such run, or it had not done any.
        """
        if self.running or self._request is None or not self._epochs:
            return None
        return self._request, self._epochs

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
        self._launch(request)

    def go_on(self) -> None:
        """Go on with the unfinished run."""
        if self.unfinished is not None:
            request, _ = self.unfinished
            self._launch(replace(request, resume=True))

    def keep(self) -> None:
        """Make a model of what the unfinished run has learnt."""
        if self.unfinished is not None:
            request, epochs = self.unfinished
            self._launch(replace(request, resume=True, epochs=epochs))

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
            self.succeeded.emit(self._name)
        elif self._cancelling:
            self.cancelled.emit()
        else:
            self.failed.emit(self._reason or complaint)
