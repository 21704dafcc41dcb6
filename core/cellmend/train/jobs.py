"""What is about to be trained: the task, its settings and images, from folders people name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from cellmend.device import pick_device
from cellmend.errors import InputError, ModelError
from cellmend.io.noisy import Files, noisy_clean_files, noisy_files
from cellmend.params import TrainSettings
from cellmend.registry.card import TaskName
from cellmend.registry.files import Model, load_model
from cellmend.restore.degrade import TASKS
from cellmend.train.blind import BlindTask, Method
from cellmend.train.dataset import TrainingSet
from cellmend.train.paired import PairedTask
from cellmend.train.planes import FileSet
from cellmend.train.protocols import Task
from cellmend.train.tasks import PAPER_WEIGHTS, LossWeights, RestorationTask, SegmentationTask

Places = Iterable[str | Path]


@dataclass(frozen=True)
class Job:
    """A run that can start: what, from where, on which images.

    Attributes
    ----------
    task, settings
        What is learnt and how.
    training, validation
        The images, and those that the person held out.
    parent
        The model that it starts from; None: from scratch.
    notes
        What else the card of the model says of its training.
    """

    task: Task[Any, Any]
    settings: TrainSettings
    training: TrainingSet | FileSet
    validation: TrainingSet | FileSet | None = None
    parent: Model | None = None
    notes: dict[str, Any] = field(default_factory=dict)


def segmentation(
    data: Places,
    settings: TrainSettings,
    *,
    validation: Places | None = None,
    degrade: str | None = None,
) -> Job:
    """Prepare what `cellmend.train.segmentation` does; the parameters are explained there."""
    if degrade is not None:
        _check_degradation(degrade)
    parent = _parent(settings)
    task = SegmentationTask(
        diam_mean=float(parent.net.diam_mean) if parent else 30.0,
        crop=settings.crop,
        degradation=degrade,
        tone=settings.tone,
    )
    notes = {"degradation": degrade} if degrade else {}
    return Job(task, settings, *_pairs(data, validation, settings), parent, notes)


def restoration(
    data: Places,
    settings: TrainSettings,
    *,
    validation: Places | None = None,
    task: TaskName = "denoise",
    loss: LossWeights | Sequence[float] = PAPER_WEIGHTS,
    segmenter: str = "generalist",
) -> Job:
    """Prepare what `cellmend.train.restoration` does; the parameters are explained there."""
    _check_degradation(task)
    weights = loss if isinstance(loss, LossWeights) else LossWeights(*loss)
    judge = load_model(segmenter)
    if judge.card.restores:
        raise ModelError(f"The model {judge.name!r} restores images, it cannot judge them.")
    frozen = judge.net.to(pick_device(settings.device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    chosen = RestorationTask(
        task, frozen, weights, float(frozen.diam_mean), settings.crop, settings.tone
    )
    notes = {"segmenter": judge.name, "segmenter_sha256": judge.sha256, "loss": vars(weights)}
    return Job(chosen, settings, *_pairs(data, validation, settings), _parent(settings), notes)


def blind(
    data: Places,
    settings: TrainSettings,
    *,
    validation: Places | None = None,
    method: Method = "noise2void",
    diameter: float = 30.0,
) -> Job:
    """Prepare what `cellmend.train.blind` does; the parameters are explained there."""
    task = BlindTask(method, diam_mean=diameter, crop=settings.crop)
    sets = _file_sets(noisy_files, data, validation, settings)
    return Job(task, settings, *sets, _parent(settings), {"method": method})


def paired(
    data: Places,
    settings: TrainSettings,
    *,
    validation: Places | None = None,
    task: TaskName = "denoise",
    diameter: float = 30.0,
) -> Job:
    """Prepare what `cellmend.train.paired` does; the parameters are explained there."""
    _check_degradation(task)
    chosen = PairedTask(diam_mean=diameter, crop=settings.crop, name=task)
    sets = _file_sets(noisy_clean_files, data, validation, settings)
    return Job(chosen, settings, *sets, _parent(settings), {"method": "paired"})


def _check_degradation(task: str) -> None:
    if task not in TASKS:
        raise InputError(f"There is no task {task!r}.", hint=f"Use one of {', '.join(TASKS)}.")


def _parent(settings: TrainSettings) -> Model | None:
    return load_model(settings.start_from) if settings.start_from else None


def _pairs(
    data: Places, validation: Places | None, settings: TrainSettings
) -> tuple[TrainingSet, TrainingSet | None]:
    """Return the pairs to train on and those held out by the person."""
    training = TrainingSet(
        data,
        settings.normalize,
        channels=settings.channels,
        weights=settings.sampling_weights,
        partial=settings.partial,
        empty=settings.empty,
    )
    if validation is None:
        return training, None
    return training, TrainingSet(
        validation,
        settings.normalize,
        channels=settings.channels,
        partial=settings.partial,
        empty=settings.empty,
    )


def _file_sets(
    find_files: Callable[[Places], list[Files]],
    data: Places,
    validation: Places | None,
    settings: TrainSettings,
) -> tuple[FileSet, FileSet | None]:
    """Return the images without masks to train on and those held out by the person."""
    training = FileSet(find_files(data), settings.normalize)
    return training, FileSet(find_files(validation), settings.normalize) if validation else None
