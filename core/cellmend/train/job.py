"""One call from folders of images to a model that can be used by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cellmend.errors import InputError, ModelError
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.net.widen import widened
from cellmend.params import TrainSettings, make_settings
from cellmend.progress import SILENT, Reporter
from cellmend.registry import ModelCard, ModelEntry, find, user_folder
from cellmend.registry.card import TaskName
from cellmend.registry.store import SUFFIX, checked_name, run_folder
from cellmend.train import jobs
from cellmend.train.blind import Method
from cellmend.train.curves import write_curves
from cellmend.train.dataset import TrainingSet
from cellmend.train.jobs import Job, Places
from cellmend.train.loop import EpochRecord, Trainer, TrainResult
from cellmend.train.planes import FileSet
from cellmend.train.squares import new_net
from cellmend.train.tasks import PAPER_WEIGHTS, LossWeights

Event = dict[str, Any]
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


LISTENERS = Listeners()
"""Nobody listens."""


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
    settings = make_settings(TrainSettings, name=name, **options)
    job = jobs.segmentation(data, settings, validation=validation, degrade=degrade)
    return train(job, Listeners(on_event, report, resume))


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
    settings = make_settings(TrainSettings, name=name, **options)
    job = jobs.restoration(
        data, settings, validation=validation, task=task, loss=loss, segmenter=segmenter
    )
    return train(job, Listeners(on_event, report, resume))


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
    job = jobs.blind(data, settings, validation=validation, method=method, diameter=diameter)
    return train(job, Listeners(on_event, report, resume))


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
    settings = make_settings(TrainSettings, name=name, **options)
    job = jobs.paired(data, settings, validation=validation, task=task, diameter=diameter)
    return train(job, Listeners(on_event, report, resume))


def train(job: Job, listeners: Listeners = LISTENERS) -> ModelEntry:
    """Do a job, and list its model among the person's own.

    Raises
    ------
    InputError, FileFormatError, TrainingFailed, Cancelled
        As `segmentation` does.
    """
    settings = job.settings
    checked_name(settings.name)
    net = _starting_net(job)
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
    save_weights(path, result.net, _card(job, training, result).model_dump(mode="json"))
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


def _starting_net(job: Job) -> CPNet:
    task, parent, settings = job.task, job.parent, job.settings
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


def _card(job: Job, training: TrainingSet | FileSet, result: TrainResult) -> ModelCard:
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
        parent=job.parent.name if job.parent else None,
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
