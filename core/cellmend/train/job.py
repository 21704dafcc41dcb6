"""One call from folders of images to a model that can be used by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellmend.device import pick_device
from cellmend.errors import InputError, ModelError
from cellmend.io.noisy import Files, noisy_clean_files, noisy_files
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.net.widen import widened
from cellmend.params import TrainSettings, make_settings
from cellmend.progress import SILENT, Reporter
from cellmend.registry import ModelCard, ModelEntry, find, user_folder
from cellmend.registry.card import TaskName
from cellmend.registry.files import Model, load_model
from cellmend.registry.store import SUFFIX, checked_name
from cellmend.restore.degrade import TASKS
from cellmend.train.blind import BlindTask, Method
from cellmend.train.curves import write_curves
from cellmend.train.dataset import TrainingSet
from cellmend.train.loop import EpochRecord, Trainer, TrainResult
from cellmend.train.paired import PairedTask
from cellmend.train.planes import FileSet
from cellmend.train.protocols import Task
from cellmend.train.squares import new_net
from cellmend.train.tasks import PAPER_WEIGHTS, LossWeights, RestorationTask, SegmentationTask

Event = dict[str, Any]
Places = Iterable[str | Path]
LICENCE = "as chosen by the person who trained it"


@dataclass(frozen=True)
class Listeners:
    """Who hears of a run.

    Attributes
    ----------
    on_event
        Hears a dict when the run starts, after each epoch, and when it is done; see
        the page on training of the user guide for its fields.
    report
        Hears of progress and may cancel.
    resume
        Go on from the checkpoint of a run of this name that was stopped.
    """

    on_event: Callable[[Event], None] = lambda event: None
    report: Reporter = SILENT
    resume: bool = False


@dataclass(frozen=True)
class Job:
    """A run that is about to start: what, from where, on which images."""

    task: Task[Any, Any]
    settings: TrainSettings
    training: TrainingSet | FileSet
    validation: TrainingSet | FileSet | None
    listeners: Listeners
    notes: dict[str, Any] = field(default_factory=dict)


def segmentation(
    data: Places,
    *,
    name: str,
    degrade: str | None = None,
    validation: Places | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    report: Reporter = SILENT,
    resume: bool = False,
    **options: Any,
) -> ModelEntry:
    """Train a segmentation model on folders of images and masks.

    Parameters
    ----------
    data
        Folders; each image has its masks beside it (see `cellmend.io.pairs`).
    name
        Name of the new model; it is listed as soon as training ends.
    degrade
        ``denoise``, ``deblur`` or ``upsample``: degrade the images as for training
        that restoration, so that the model finds cells in bad images by itself.
    validation
        Folders that are never trained on: the loss and the AP on them are reported,
        and the weights of the best epoch are kept. If left out, a share of the images
        is held out (see `TrainSettings`).
    on_event, report, resume
        See `Listeners`.
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
    FileFormatError
        If a pair cannot be used; it is named with the reason.
    TrainingFailed
        If the loss is no longer a number.
    Cancelled
        If `report` says so; `resume` goes on from the last epoch.
    """
    if degrade is not None:
        _check_degradation(degrade)
    settings = make_settings(TrainSettings, name=name, **options)
    parent = _parent(settings)
    task = SegmentationTask(
        diam_mean=float(parent.net.diam_mean) if parent else 30.0,
        crop=settings.crop,
        degradation=degrade,
    )
    job = Job(
        task,
        settings,
        *_pairs(data, validation, settings),
        Listeners(on_event, report, resume),
        {"degradation": degrade} if degrade else {},
    )
    return _train(job, parent)


def restoration(
    data: Places,
    *,
    name: str,
    task: TaskName = "denoise",
    loss: LossWeights | Sequence[float] = PAPER_WEIGHTS,
    segmenter: str = "generalist",
    validation: Places | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    report: Reporter = SILENT,
    resume: bool = False,
    **options: Any,
) -> ModelEntry:
    """Train a restoration model on clean images with masks.

    The losses are those of Stringer & Pachitariu, Nature Methods 2025. With the
    generalist as segmenter and images of many kinds it is a one-click model; with
    ``nuclei`` and images of nuclei a specialist, which works at that model's diameter.

    Parameters
    ----------
    task
        ``denoise``, ``deblur`` or ``upsample``: how images are degraded.
    loss
        Weights of the perceptual, segmentation and reconstruction losses.
    segmenter
        The frozen segmentation model that judges the restored images.
    data, name, validation, on_event, report, resume, **options
        As for `segmentation`, with the same errors.
    """
    _check_degradation(task)
    settings = make_settings(TrainSettings, name=name, **options)
    weights = loss if isinstance(loss, LossWeights) else LossWeights(*loss)
    judge = load_model(segmenter)
    if judge.card.restores:
        raise ModelError(f"The model {judge.name!r} restores images, it cannot judge them.")
    frozen = judge.net.to(pick_device(settings.device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    chosen = RestorationTask(task, frozen, weights, float(frozen.diam_mean), settings.crop)
    job = Job(
        chosen,
        settings,
        *_pairs(data, validation, settings),
        Listeners(on_event, report, resume),
        {"segmenter": judge.name, "segmenter_sha256": judge.sha256, "loss": vars(weights)},
    )
    return _train(job, _parent(settings))


def blind(
    data: Places,
    *,
    name: str,
    method: Method = "noise2void",
    diameter: float = 30.0,
    validation: Places | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    report: Reporter = SILENT,
    resume: bool = False,
    **options: Any,
) -> ModelEntry:
    """Train a denoiser on noisy images alone, without masks or clean images.

    Parameters
    ----------
    data
        Folders or files of noisy images.
    method
        ``noise2void`` or ``noise2self``.
    diameter
        Of the cells in these images, in pixels: where the model is used at another one,
        images are resized.
    name, validation, on_event, report, resume, **options
        As for `segmentation`, with the same errors.
    """
    settings = make_settings(TrainSettings, name=name, **options)
    task = BlindTask(method, diam_mean=diameter, crop=settings.crop)
    listeners = Listeners(on_event, report, resume)
    sets = _file_sets(noisy_files, data, validation, settings)
    job = Job(task, settings, *sets, listeners, {"method": method})
    return _train(job, _parent(settings))


def paired(
    data: Places,
    *,
    name: str,
    task: TaskName = "denoise",
    diameter: float = 30.0,
    validation: Places | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    report: Reporter = SILENT,
    resume: bool = False,
    **options: Any,
) -> ModelEntry:
    """Train a restoration model on pairs of a noisy and a clean image of the same field.

    Parameters
    ----------
    data
        Folders with ``<stem>_noisy.*`` beside ``<stem>_clean.*``.
    task
        What the model is listed for.
    diameter
        Of the cells in these images, in pixels, as for `blind`.
    name, validation, on_event, report, resume, **options
        As for `segmentation`, with the same errors.
    """
    _check_degradation(task)
    settings = make_settings(TrainSettings, name=name, **options)
    chosen = PairedTask(diam_mean=diameter, crop=settings.crop, name=task)
    listeners = Listeners(on_event, report, resume)
    sets = _file_sets(noisy_clean_files, data, validation, settings)
    job = Job(chosen, settings, *sets, listeners, {"method": "paired"})
    return _train(job, _parent(settings))


def run_folder(name: str) -> Path:
    """Return where the checkpoint of the run called `name` is kept."""
    return user_folder().parent / "training" / name


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
    )
    if validation is None:
        return training, None
    return training, TrainingSet(
        validation, settings.normalize, channels=settings.channels, partial=settings.partial
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


def _train(job: Job, parent: Model | None) -> ModelEntry:
    settings, listeners = job.settings, job.listeners
    checked_name(settings.name)
    net = _starting_net(job.task, parent, settings)
    job.training.prepare(listeners.report)
    training, held_out = _held_out(job)
    folder = run_folder(settings.name)
    trainer = Trainer(net, job.task, training, settings, validation=held_out, run_dir=folder)
    listeners.on_event(
        {
            "event": "start",
            "epochs": settings.epochs,
            "images": len(training),
            "validation_images": len(held_out) if held_out else 0,
            "device": str(trainer.device),
        }
    )

    def tell(record: EpochRecord) -> None:
        left = _seconds_left(trainer.record, settings.epochs)
        about = {"event": "epoch", "epochs": settings.epochs, "eta_seconds": left}
        listeners.on_event({**about, **record.as_dict()})

    result = trainer.run(listeners.report, tell, resume=listeners.resume)
    path = user_folder() / f"{settings.name}{SUFFIX}"
    if isinstance(training, TrainingSet):
        result.net.diam_labels.fill_(training.diameter)
    write_curves(result.record, path)
    save_weights(path, result.net, _card(job, parent, training, result).model_dump(mode="json"))
    listeners.on_event(
        {
            "event": "done",
            "model": str(path),
            "name": settings.name,
            "best_epoch": result.best_epoch,
        }
    )
    return find(settings.name)


def _held_out(job: Job) -> tuple[TrainingSet | FileSet, TrainingSet | FileSet | None]:
    """Hold a share of the images out where the person named none."""
    share = job.settings.validation_share
    if job.validation is not None or not share:
        return job.training, job.validation
    return job.training.split(share, np.random.default_rng(job.settings.seed))


def _seconds_left(record: Sequence[EpochRecord], epochs: int) -> float:
    recent = [entry.seconds for entry in record[-5:]]
    return float(np.mean(recent)) * (epochs - len(record))


def _starting_net(task: Task[Any, Any], parent: Model | None, settings: TrainSettings) -> CPNet:
    if parent is None:
        if settings.widen:
            raise InputError("There is no model to widen.", hint="Name one to start from.")
        return new_net(task, settings)
    if (parent.net.nchan, parent.net.nout) != (task.nchan, task.nout):
        raise ModelError(
            f"The model {parent.name!r} ({parent.card.task}) cannot start a {task.name} model.",
            hint="Choose a model of the same kind.",
        )
    parent.net.diam_mean.fill_(task.diam_mean)
    return widened(parent.net, settings.seed) if settings.widen else parent.net


def _card(
    job: Job, parent: Model | None, training: TrainingSet | FileSet, result: TrainResult
) -> ModelCard:
    settings, task = job.settings, job.task
    return ModelCard(
        name=settings.name,
        task=task.name,
        nchan=task.nchan,
        nout=task.nout,
        backbone=result.net.backbone,
        widths=result.net.widths,
        diam_mean=float(result.net.diam_mean),
        # The dark frame is of the camera that was trained on.
        normalize=settings.normalize.model_copy(update={"dark_frame": None}),
        licence=LICENCE,
        parent=parent.name if parent else None,
        created=datetime.now(UTC).date().isoformat(),
        data_sha256=hashlib.sha256("\n".join(map(str, training.images)).encode()).hexdigest(),
        training={
            "images": len(training),
            "folders": sorted({str(image.parent) for image in training.images}),
            "settings": settings.model_dump(mode="json"),
            "best_epoch": result.best_epoch,
            "record": [entry.as_dict() for entry in result.record],
            **job.notes,
        },
    )
