"""The training loop: one for every task, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cellmend.device import autocast, pick_device
from cellmend.errors import CellmendError
from cellmend.io.atomic import replacing
from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.progress import SILENT, Reporter
from cellmend.train.dataset import TrainingSet
from cellmend.train.tasks import Arrays, Task

CLIP_NORM = 5.0
VALIDATION_EPOCH = 1_000_000
VALIDATION_BATCHES = 8
Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class EpochRecord:
    """One line of the training record."""

    epoch: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    seconds: float
    waited: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass
class TrainResult:
    """The trained network (averaged weights where asked for) and the record of every epoch."""

    net: CPNet
    record: list[EpochRecord] = field(default_factory=list)


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
        Where `checkpoint.pt` is kept; None keeps none.
    """

    def __init__(
        self,
        net: CPNet,
        task: Task,
        training: TrainingSet,
        settings: TrainSettings,
        *,
        validation: TrainingSet | None = None,
        run_dir: Path | None = None,
    ) -> None:
        self.task = task
        self.training = training
        self.validation = validation
        self.settings = settings
        self.run_dir = run_dir
        self.device = pick_device(settings.device)
        self.net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.net).eval() if settings.average_decay else None
        self.optimizer = make_optimizer(self.net, settings)
        self.batches = batches_per_epoch(len(training), settings)
        self.record: list[EpochRecord] = []

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
        Cancelled
            If `report` says so; the last checkpoint stays.
        """
        if resume:
            self._load()
        for epoch in range(len(self.record), self.settings.epochs):
            self._one_epoch(epoch, report)
            on_epoch(self.record[-1])
            self._save()
        return TrainResult((self.average or self.net).eval(), self.record)

    def _one_epoch(self, epoch: int, report: Reporter) -> None:
        started, waited, losses = time.perf_counter(), 0.0, []
        rate = learning_rate(epoch, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.net.train()
        source = self._examples(self.training, epoch, self.batches)
        for index in range(self.batches):
            asked = time.perf_counter()
            batch = next(source)
            waited += time.perf_counter() - asked
            losses.append(self._step(batch))
            report.step(epoch * self.batches + index + 1, self.settings.epochs * self.batches)
            report.check()
        loss = float(np.mean(losses))
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"The loss became {loss} in epoch {epoch + 1}.",
                hint="Lower the learning rate; the last good checkpoint is kept.",
            )
        seconds = time.perf_counter() - started
        self.record.append(
            EpochRecord(epoch + 1, loss, self._validation_loss(), rate, seconds, waited)
        )

    def _step(self, batch: Batch) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device):
            loss = self.task.loss(self.net, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP_NORM)
        self.optimizer.step()
        if self.average is not None:
            update_average(self.average, self.net, self.settings.average_decay)
        return float(loss.detach())

    def _validation_loss(self) -> float | None:
        if self.validation is None:
            return None
        net = (self.average or self.net).eval()
        with torch.no_grad(), autocast(self.device):
            batches = self._examples(self.validation, VALIDATION_EPOCH, VALIDATION_BATCHES)
            return float(np.mean([float(self.task.loss(net, batch)) for batch in batches]))

    def _examples(self, source: TrainingSet, epoch: int, count: int) -> Iterator[Batch]:
        """Yield batches, the next one being made while this one is used.

        Every crop has a generator of its own, seeded by its place, so that the
        order is the same however many threads make them or where a run resumes.
        """
        size = self.settings.batch_size

        def make(batch: int, place: int) -> Arrays:
            rng = np.random.default_rng([self.settings.seed, epoch, batch, place])
            return self.task.example(source.draw(rng), rng)

        with ThreadPoolExecutor(2) as pool:
            pending = [pool.submit(make, 0, place) for place in range(size)]
            for batch in range(count):
                examples = [job.result() for job in pending]
                if batch + 1 < count:
                    pending = [pool.submit(make, batch + 1, place) for place in range(size)]
                yield tuple(self._to_device(parts) for parts in zip(*examples, strict=True))

    def _to_device(self, parts: Arrays) -> Tensor:
        tensor = torch.from_numpy(np.stack(parts))
        return tensor.to(self.device, memory_format=torch.channels_last)

    def _save(self) -> None:
        if self.run_dir is None:
            return
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "record": [entry.as_dict() for entry in self.record],
        }
        self.run_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self.run_dir / "checkpoint.pt") as temporary:
            torch.save(state, temporary)

    def _load(self) -> None:
        path = self.run_dir / "checkpoint.pt" if self.run_dir else None
        if path is None or not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        if self.average is not None and state["average"] is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.record = [EpochRecord(**entry) for entry in state["record"]]


def make_optimizer(net: CPNet, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return AdamW, or SGD with momentum 0.9."""
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            net.parameters(),
            lr=settings.highest_rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
        )
    return torch.optim.AdamW(
        net.parameters(), lr=settings.highest_rate, weight_decay=settings.weight_decay
    )


def batches_per_epoch(images: int, settings: TrainSettings) -> int:
    """Return the number of batches; an epoch is every image once unless set otherwise."""
    return max(1, math.ceil((settings.images_per_epoch or images) / settings.batch_size))


def learning_rate(epoch: int, settings: TrainSettings) -> float:
    """Return the rate of a zero-based epoch: linear warm-up, then cosine or steps.

    The steps halve the rate every 10 epochs over the last 100, or
    over the last half of a shorter run.
    """
    warmup = min(settings.warmup_epochs, settings.epochs // 5)
    if epoch < warmup:
        return settings.highest_rate * (epoch + 1) / (warmup + 1)
    if settings.schedule == "cosine":
        progress = (epoch - warmup) / max(1, settings.epochs - warmup)
        return settings.highest_rate * 0.5 * (1 + math.cos(math.pi * progress))
    last = min(100, settings.epochs // 2)
    halvings = max(0, epoch - (settings.epochs - last)) // max(1, last // 10)
    return settings.highest_rate * float(0.5**halvings)


@torch.no_grad()
def update_average(average: CPNet, net: CPNet, decay: float) -> None:
    """Move the averaged weights towards the current ones; buffers are copied."""
    for kept, new in zip(average.parameters(), net.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
    for buffer, newer in zip(average.buffers(), net.buffers(), strict=True):
        buffer.copy_(newer)
