"""Look whether there is something to train on, before anything begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import CellmendError, InputError
from cellmend.io.noisy import noisy_clean_files, noisy_files
from cellmend.io.pairs import find_pairs, training_pairs
from cellmend_app.services.train_request import Way
from cellmend_app.workers import JobHandle, JobRunner

Folders = tuple[Path, ...]


@dataclass(frozen=True)
class TrainingData:
    """What folders hold for one way to learn.

    Parameters
    ----------
    images
        How many images, or pairs, there are to train on.
    text
        The same in words.
    problem
        What is wrong, and how files must be named; empty if nothing is.
    """

    images: int = 0
    text: str = ""
    problem: str = ""


class DataService(QObject):
    """Lists folders in the I/O lane; of several questions the last one is answered.

    Signals
    -------
    looked(TrainingData)
        What the folders hold.
    """

    looked = pyqtSignal(object)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._job: JobHandle | None = None

    def look(self, way: Way, folders: Folders) -> None:
        """Find out what `folders` hold to learn from in this way."""
        if self._job is not None:
            self._job.cancel()
        self._job = self._runner.submit("io", lambda report: look(way, folders))
        self._job.succeeded.connect(self.looked)
        self._job.failed.connect(lambda error: self.looked.emit(TrainingData(problem=str(error))))


def look(way: Way, folders: Folders) -> TrainingData:
    """Return what `folders` hold to learn from in this way; what is wrong is told in words."""
    try:
        for folder in folders:
            if not folder.is_dir():
                raise InputError(f"{folder} is no folder, or it is gone.")
        return _LOOK[way](folders)
    except CellmendError as error:
        return TrainingData(problem=str(error))


def _masks(folders: Folders) -> TrainingData:
    pairs = find_pairs(folders)
    if not pairs.found:
        training_pairs(folders)  # says what is missing
    images, without = len(pairs.found), len(pairs.without_masks)
    left_out = f"; left out: {without} without" if without else ""
    return TrainingData(images, f"{counted(images, 'image')} with masks{left_out}.")


def _pairs(folders: Folders) -> TrainingData:
    pairs = len(noisy_clean_files(folders))
    return TrainingData(pairs, f"{counted(pairs, 'pair')} of a noisy and a clean image.")


def _noisy(folders: Folders) -> TrainingData:
    images = len(noisy_files(folders))
    return TrainingData(images, f"{counted(images, 'image')}.")


_LOOK = {"masks": _masks, "pairs": _pairs, "noisy": _noisy}


def counted(number: int, noun: str) -> str:
    """Return ``1 image`` or ``2 images``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
