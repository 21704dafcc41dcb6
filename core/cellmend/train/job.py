"""One call from folders of images to a model that can be used by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellmend.errors import InputError, ModelError
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.params import TrainSettings, make_settings
from cellmend.progress import SILENT, Reporter
from cellmend.registry import ModelCard, ModelEntry, find, user_folder
from cellmend.registry.card import TaskName
from cellmend.registry.files import Model, load_model
from cellmend.registry.store import SUFFIX, checked_name
from cellmend.restore.degrade import TASKS
from cellmend.train.dataset import TrainingSet
from cellmend.train.loop import EpochRecord, Trainer, TrainResult
from cellmend.train.tasks import PAPER_WEIGHTS, LossWeights, RestorationTask, SegmentationTask, Task

Event = dict[str, Any]
OnEvent = Callable[[Event], None]
Folders = Iterable[str | Path]
LICENCE = "as chosen by the person who trained it"


def segmentation(
    data: Folders,
    *,
    name: str,
    validation: Folders | None = None,
    resume: bool = False,
    on_event: OnEvent = lambda event: None,
    report: Reporter = SILENT,
    **options: Any,
) -> ModelEntry:
    """Train a segmentation model on folders of images and masks.

    Parameters
    ----------
    data
        Folders; each image has its masks beside it (see `cellmend.io.pairs`).
    name
        Name of the new model; it is listed as soon as training ends.
    validation
        Folders whose loss is reported after every epoch and never trained on.
    resume
        Go on from the checkpoint of a run of this name that was stopped.
    on_event
        Hears a dict when the run starts, after each epoch, and when it is done.
    report
        Hears of progress and may cancel.
    **options
        Further fields of `TrainSettings`, such as ``start_from`` or ``epochs``.

    Returns
    -------
    ModelEntry
        The new model.

    Raises
    ------
    InputError
        If the name is taken, there are no pairs, or an option is out of bounds.
    TrainingFailed
        If the loss is no longer a number.
    Cancelled
        If `report` says so; `resume` goes on from the last epoch.
    """
    settings = make_settings(TrainSettings, name=name, **options)
    parent = load_model(settings.start_from) if settings.start_from else None
    diam_mean = float(parent.net.diam_mean) if parent else 30.0
    task = SegmentationTask(diam_mean=diam_mean, crop=settings.crop)
    return _train(task, parent, settings, data, validation, resume, on_event, report)


def restoration(
    data: Folders,
    *,
    name: str,
    task: TaskName = "denoise",
    loss: LossWeights | Sequence[float] = PAPER_WEIGHTS,
    segmenter: str = "generalist",
    validation: Folders | None = None,
    resume: bool = False,
    on_event: OnEvent = lambda event: None,
    report: Reporter = SILENT,
    **options: Any,
) -> ModelEntry:
    """Train a restoration model on clean images with masks.

    The losses are those of Stringer & Pachitariu, Nature Methods 2025.

    Parameters
    ----------
    task
        ``denoise``, ``deblur`` or ``upsample``: how images are degraded.
    loss
        Weights of the perceptual, segmentation and reconstruction losses.
    segmenter
        The frozen segmentation model that judges the restored images.
    data, name, validation, resume, on_event, report, **options
        As for `segmentation`, with the same errors.
    """
    if task not in TASKS:
        raise InputError(f"There is no task {task!r}.", hint=f"Use one of {', '.join(TASKS)}.")
    settings = make_settings(TrainSettings, name=name, **options)
    weights = loss if isinstance(loss, LossWeights) else LossWeights(*loss)
    judge = load_model(segmenter)
    chosen = RestorationTask(
        task, judge.net, weights, diam_mean=float(judge.net.diam_mean), crop=settings.crop
    )
    parent = load_model(settings.start_from) if settings.start_from else None
    return _train(chosen, parent, settings, data, validation, resume, on_event, report)


def _train(
    task: Task,
    parent: Model | None,
    settings: TrainSettings,
    data: Folders,
    validation: Folders | None,
    resume: bool,
    on_event: OnEvent,
    report: Reporter,
) -> ModelEntry:
    checked_name(settings.name)
    training = TrainingSet(data, settings.normalize)
    held_out = TrainingSet(validation, settings.normalize) if validation else None
    trainer = Trainer(
        _starting_net(task, parent, settings),
        task,
        training,
        settings,
        validation=held_out,
        run_dir=run_folder(settings.name),
    )
    on_event({"event": "start", "epochs": settings.epochs, "images": len(training)})

    def tell(record: EpochRecord) -> None:
        on_event({"event": "epoch", "epochs": settings.epochs, **record.as_dict()})

    result = trainer.run(report, tell, resume=resume)
    path = user_folder() / f"{settings.name}{SUFFIX}"
    diameter = _median_diameter(training)
    result.net.diam_labels.fill_(diameter)
    card = _card(task, parent, settings, training, result)
    save_weights(path, result.net, card.model_dump(mode="json"))
    on_event({"event": "done", "model": str(path), "name": settings.name})
    return find(settings.name)


def run_folder(name: str) -> Path:
    """Return where the checkpoint of the run called `name` is kept."""
    return user_folder().parent / "training" / name


def _starting_net(task: Task, parent: Model | None, settings: TrainSettings) -> CPNet:
    if parent is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            return CPNet(task.nchan, task.nout, settings.widths)
    if (parent.net.nchan, parent.net.nout) != (task.nchan, task.nout):
        raise ModelError(
            f"The model {parent.name!r} ({parent.card.task}) cannot start a {task.name} model.",
            hint="Choose a model of the same kind.",
        )
    return parent.net


def _median_diameter(training: TrainingSet) -> float:
    """Median over images of the diameter of their cells; empty images do not count."""
    each = [training.load(i).diameter for i in range(len(training))]
    return float(np.median([d for d in each if d > 0]))


def _card(
    task: Task,
    parent: Model | None,
    settings: TrainSettings,
    training: TrainingSet,
    result: TrainResult,
) -> ModelCard:
    names = "\n".join(str(image) for image, _ in training.pairs)
    return ModelCard(
        name=settings.name,
        task=task.name,
        nchan=task.nchan,
        nout=task.nout,
        widths=result.net.widths,
        diam_mean=float(result.net.diam_mean),
        normalize=settings.normalize,
        licence=LICENCE,
        parent=parent.name if parent else None,
        created=datetime.now(UTC).date().isoformat(),
        data_sha256=hashlib.sha256(names.encode()).hexdigest(),
        training={
            "images": len(training),
            "folders": sorted({str(image.parent) for image, _ in training.pairs}),
            "settings": settings.model_dump(mode="json"),
            "record": [entry.as_dict() for entry in result.record],
        },
    )
