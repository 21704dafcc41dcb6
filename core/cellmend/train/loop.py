"""The training loop: one for every task, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellmend.device import autocast, pick_device, restore_torch_threads, translated_errors
from cellmend.errors import CellmendError, InputError
from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.progress import SILENT, Reporter
from cellmend.train.checkpoint import RunFolder
from cellmend.train.loader import Loader
from cellmend.train.protocols import Batch, Source, Task
from cellmend.train.schedule import (
    batches_per_epoch,
    learning_rate,
    make_optimizer,
    update_average,
)
from cellmend.train.validation import Validator

MAY_CHANGE = {"name", "device", "epochs", "patience"}
"""Settings that a resumed run may have otherwise than the run it goes on with."""


@dataclass(frozen=True)
class EpochRecord:
    """One line of the training record.

    Attributes
    ----------
    epoch
        Counted from 1.
    loss, validation_loss
        Mean over the crops; None where nothing was validated.
    validation_ap
        AP at IoU 0.5 over the validation images, at their true diameters; None
        where the task finds no cells.
    best
        Whether no epoch before did better on the validation images.
    learning_rate
        Of the optimiser.
    seconds
        Of the epoch, validation included.
    images_per_second
        Crops trained on per second, validation left out.
    data_wait_share
        Share of that time in which computing waited for crops.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    validation_ap: float | None
    best: bool
    learning_rate: float
    seconds: float
    images_per_second: float
    data_wait_share: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    def beats(self, other: EpochRecord) -> bool:
        """Whether this epoch did better: by AP, then by loss, of the validation images."""
        return self._standing() > other._standing()

    def _standing(self) -> tuple[float, float]:
        loss = math.inf if self.validation_loss is None else self.validation_loss
        return self.validation_ap or 0.0, -loss


@dataclass
class TrainResult:
    """The trained network and the record of every epoch.

    The network is that of the epoch which did best on the validation images;
    without any, that of the last. Where averaging was asked for, its weights
    are the averaged ones.
    """

    net: CPNet
    record: list[EpochRecord] = field(default_factory=list)

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the best validation, counted from 1; None without validation."""
        return next((entry.epoch for entry in reversed(self.record) if entry.best), None)


class TrainingFailed(CellmendError):
    """Training cannot go on; the last good checkpoint is kept."""


class Trainer:
    """Fits one network to one task.

    Parameters
    ----------
    net
        The network to train, in place.
    task
        What to minimise.
    training, validation
        Images; validation may be None.
    settings
        Everything else.
    run_dir
        Where `checkpoint.pt` and `best.pt` are kept; None keeps none.
    """

    def __init__(
        self,
        net: CPNet,
        task: Task[Any, Any],
        training: Source[Any],
        settings: TrainSettings,
        *,
        validation: Source[Any] | None = None,
        run_dir: Path | None = None,
    ) -> None:
        self.task = task
        self.training = training
        self.settings = settings
        self.device = pick_device(settings.device)
        self.net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.net).eval() if settings.average_decay else None
        self.optimizer = make_optimizer(self.net, settings)
        self.batches = batches_per_epoch(len(training), settings)
        self.validator = (
            Validator(validation, task, settings, self.device, self.batches) if validation else None
        )
        self.record: list[EpochRecord] = []
        self._folder = RunFolder(run_dir)

    def run(
        self,
        report: Reporter = SILENT,
        on_epoch: Callable[[EpochRecord], None] = lambda record: None,
        *,
        resume: bool = False,
    ) -> TrainResult:
        """Train for the epochs that are left; `on_epoch` hears of each.

        Raises
        ------
        TrainingFailed
            If the loss is no longer a number.
        InputError
            If the run that is resumed had other settings or images.
        MemoryLimitError
            If a batch does not fit the device.
        Cancelled
            If `report` says so; the last checkpoint stays.
        """
        self.training.prepare(report)
        if self.validator:
            self.validator.prepare(report)
        if resume:
            self._load()
        else:
            self._folder.begin()
        loader = Loader(
            self.training, self.task, self.settings.batch_size, self.settings.seed, self.device
        )
        first = len(self.record)
        places = (
            (epoch, index)
            for epoch in range(first, self.settings.epochs)
            for index in range(self.batches)
        )
        stream = loader.stream(places)
        try:
            with translated_errors():
                for epoch in range(first, self.settings.epochs):
                    if stalled(self.record, self.settings.patience):
                        break
                    self._one_epoch(epoch, stream, loader, report)
                    self._save()
                    on_epoch(self.record[-1])
        finally:
            stream.close()  # type: ignore[attr-defined]
        return self._result()

    def _one_epoch(
        self, epoch: int, stream: Iterator[Batch], loader: Loader, report: Reporter
    ) -> None:
        started, waited, losses = time.perf_counter(), loader.waited, []
        rate = learning_rate(epoch, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        restore_torch_threads()  # so that a resumed run adds up in the same order
        self.net.train()
        for index in range(self.batches):
            losses.append(self._step(next(stream), epoch))
            report.step(epoch * self.batches + index + 1, self.settings.epochs * self.batches)
            report.check()
        trained = time.perf_counter() - started
        loss, ap = self._validate(epoch, report)
        entry = EpochRecord(
            epoch=epoch + 1,
            loss=float(np.mean(losses)),
            validation_loss=loss,
            validation_ap=ap,
            best=False,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
            images_per_second=self.batches * self.settings.batch_size / trained,
            data_wait_share=(loader.waited - waited) / trained,
        )
        self.record.append(_marked(entry, self.record))

    def _step(self, batch: Batch, epoch: int) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device):
            loss = self.task.loss(self.net, batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._failure(value, batch, epoch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            update_average(self.average, self.net, self.settings.average_decay)
        return value

    def _failure(self, value: float, batch: Batch, epoch: int) -> TrainingFailed:
        """Say why the loss is no number: the images, the weights, or neither."""
        if not all(bool(part.isfinite().all()) for part in batch):
            cause, hint = "a training image holds values that are not numbers", "Look at the images"
        elif not all(bool(weight.isfinite().all()) for weight in self.net.parameters()):
            cause, hint = "the steps were too large for the weights", "Lower the learning rate"
        else:
            cause, hint = "the numbers grew beyond what fits", "Lower the learning rate"
        return TrainingFailed(
            f"The loss became {value} in epoch {epoch + 1}: {cause}.",
            hint=f"{hint}; the last good checkpoint is kept.",
        )

    def _validate(self, epoch: int, report: Reporter) -> tuple[float | None, float | None]:
        if self.validator is None or not self.validator.due(epoch, self.settings.epochs):
            return None, None
        return self.validator.judge((self.average or self.net).eval(), report)

    def _save(self) -> None:
        """Keep the best weights first: a run killed in between makes this epoch again."""
        if self.record[-1].best:
            self._folder.save_best(self.average or self.net)
        self._folder.save(
            {
                "net": self.net.state_dict(),
                "average": self.average.state_dict() if self.average is not None else None,
                "optimizer": self.optimizer.state_dict(),
                "record": [entry.as_dict() for entry in self.record],
                "settings": self._identity(),
            }
        )

    def _load(self) -> None:
        state = self._folder.load(self.device)
        if state is None:
            return
        self._check_same(state["settings"])
        self.net.load_state_dict(state["net"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.record = [EpochRecord(**entry) for entry in state["record"]]

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same for a resumed run to equal an uninterrupted one."""
        settings = self.settings.model_dump(mode="json", exclude=MAY_CHANGE)
        return {**settings, "task": self.task.name, "images": len(self.training)}

    def _as_settings(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of a run; what an earlier version could not set has its default."""
        known = {key: before[key] for key in before.keys() & TrainSettings.model_fields.keys()}
        settings = TrainSettings(name=self.settings.name, **known)
        return settings.model_dump(mode="json", exclude=MAY_CHANGE)

    def _check_same(self, before: dict[str, Any]) -> None:
        now = self._identity()
        before = {**before, **self._as_settings(before)}
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                raise InputError(
                    f"The run to resume had {key} {before.get(key)}, this one has {now.get(key)}.",
                    hint="Use what it had, or train anew without resuming.",
                )

    def _result(self) -> TrainResult:
        net = (self.average or self.net).eval()
        if any(entry.best for entry in self.record):
            self._folder.restore_best(net)
        return TrainResult(net, self.record)


def stalled(record: list[EpochRecord], patience: int | None) -> bool:
    """Tell whether the last `patience` epochs brought nothing on the validation images."""
    best = next((entry.epoch for entry in reversed(record) if entry.best), None)
    return patience is not None and best is not None and record[-1].epoch - best >= patience


def _marked(entry: EpochRecord, before: list[EpochRecord]) -> EpochRecord:
    """Mark an epoch that did better than all before."""
    best = next((old for old in reversed(before) if old.best), None)
    validated = entry.validation_loss is not None
    return EpochRecord(
        **(entry.as_dict() | {"best": validated and (best is None or entry.beats(best))})
    )
