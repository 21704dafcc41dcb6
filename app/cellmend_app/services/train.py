"""Retrain a model on corrected images, in a child process.

The child is `cellmend train segmentation ... --json`: it can be stopped at
once, and people go on segmenting while it runs. It prints one JSON object per
line; this module turns the lines into signals.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, pyqtSignal

import cellmend

KILL_AFTER_MS = 2000
"""How long a cancelled child may take to end by itself."""


@dataclass(frozen=True)
class TrainRequest:
    """What to train on and how.

    Parameters
    ----------
    images
        Images with masks or a ``_seg.npy`` beside them.
    name
        The name of the new model.
    start_from
        The model to start from: a name or a file.
    epochs, learning_rate
        Training settings; a learning rate of None leaves it to the library.
    partial
        Whether there are cells without masks.
    device
        Where to train, as the command line names it.
    """

    images: tuple[Path, ...]
    name: str
    start_from: str
    epochs: int
    learning_rate: float | None = None
    partial: bool = False
    device: str = "auto"

    def arguments(self) -> list[str]:
        """Return the command line after ``cellmend``."""
        words = ["train", "segmentation", *map(str, self.images)]
        words += ["--name", self.name, "--from", self.start_from, "--epochs", str(self.epochs)]
        if self.learning_rate is not None:
            words += ["--learning-rate", repr(self.learning_rate)]
        if self.partial:
            words.append("--partial")
        return [*words, "--device", self.device, "--json"]


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
        self._process: QProcess | None = None
        self._name = ""
        self._reason = ""
        self._done = False
        self._cancelling = False

    @property
    def running(self) -> bool:
        """Whether a training process is at work."""
        return self._process is not None

    def start(self, request: TrainRequest) -> None:
        """Start training; only one at a time.

        Raises
        ------
        RuntimeError
            If one is at work.
        """
        if self.running:
            raise RuntimeError("A training is at work already.")
        self._name, self._reason = request.name, ""
        self._done = self._cancelling = False
        process = QProcess(self)
        process.setProcessEnvironment(_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._end)
        process.errorOccurred.connect(self._on_error)
        self._process = process
        program, *first = command()
        process.start(program, [*first, *request.arguments()])

    def cancel(self) -> None:
        """Stop the training: ask first, then insist."""
        process = self._process
        if process is None:
            return
        self._cancelling = True
        process.terminate()
        QTimer.singleShot(KILL_AFTER_MS, lambda: self._kill(process))

    def shutdown(self) -> None:
        """Stop the training and wait until the child is gone."""
        process = self._process
        if process is None:
            return
        self.blockSignals(True)
        process.terminate()
        if not process.waitForFinished(KILL_AFTER_MS):
            process.kill()
            process.waitForFinished()

    def _kill(self, process: QProcess) -> None:
        if self._process is process:
            process.kill()

    def _read(self) -> None:
        process = self._process
        while process is not None and process.canReadLine():
            line = process.readLine().data().decode("utf-8", "replace").strip()
            if line.startswith("{"):
                self._handle(json.loads(line))

    def _handle(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "start":
            self.started.emit(int(event["images"]), int(event["epochs"]))
        elif kind == "epoch":
            validation = event.get("validation_loss")
            precision = event.get("validation_ap")
            self.advanced.emit(
                Epoch(
                    number=int(event["epoch"]),
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

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(-1)

    def _end(self, code: int, _status: object = None) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._process = process
        self._read()
        self._process = None
        complaint = process.readAllStandardError().data().decode("utf-8", "replace").strip()
        process.deleteLater()
        if self._done and code == 0:
            self.succeeded.emit(self._name)
        elif self._cancelling:
            self.cancelled.emit()
        else:
            last = complaint.splitlines()[-1] if complaint else f"it ended with status {code}."
            self.failed.emit(self._reason or last)


def command() -> Sequence[str]:
    """Return the words that start the command line of this same installation."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "cellmend.cli"]


def _environment() -> QProcessEnvironment:
    """Return our environment, with the library found where we found it."""
    environment = QProcessEnvironment.systemEnvironment()
    home = str(Path(cellmend.__file__).resolve().parents[1])
    known = environment.value("PYTHONPATH")
    environment.insert("PYTHONPATH", os.pathsep.join(filter(None, [home, known])))
    environment.insert("PYTHONUNBUFFERED", "1")
    return environment
