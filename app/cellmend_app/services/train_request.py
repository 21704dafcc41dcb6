"""What is asked of a training, and how the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Way = Literal["masks", "pairs", "noisy"]
"""What restoring is learnt from: clean images with masks, noisy with clean ones, noisy ones."""


@dataclass(frozen=True)
class FindCells:
    """Learn to find cells from images with masks.

    Parameters
    ----------
    partial
        Some cells have no masks.
    empty
        Images without cells count.
    degrade
        Images are spoilt as for learning this restoration; empty: they are not.
    """

    partial: bool = False
    empty: bool = False
    degrade: str = ""

    def words(self) -> list[str]:
        """Return what the command line says of it."""
        words = ["--partial"] * self.partial + ["--empty"] * self.empty
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
