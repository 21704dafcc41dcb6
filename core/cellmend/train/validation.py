"""How well a network does on images it is not trained on, at a bounded cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.device import autocast
from cellmend.dynamics import masks_from_flows
from cellmend.dynamics.masks import NETWORK_STEPS
from cellmend.metrics import average_precision
from cellmend.net.scaled import scaled_shape
from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.planes import resize_plane
from cellmend.progress import SILENT, Reporter
from cellmend.train.loader import Loader
from cellmend.train.protocols import Source, Task

Floats = NDArray[np.float32]

SEED_EPOCH = 1_000_000
"""Stands for the epoch in the seeds of validation crops, which never change."""

LOSS_BATCHES = 8
AP_IMAGES = 16
AP_SIDE = 448
"""Pixels at the network's size that are looked at, at most, along each side of an image."""
AP_THRESHOLD = 0.5
STEP_COST = 3
"""Forward passes that a step of training takes as long as."""


@dataclass(frozen=True, eq=False)
class View:
    """The middle of a validation image: (C, Y, X) normalised, masks (Y, X), their diameter."""

    image: Floats
    masks: NDArray[np.uint32]
    diameter: float


@runtime_checkable
class HasViews(Protocol):
    """A source that knows true masks."""

    def views(self, count: int, side: float) -> Iterator[View]:
        """Yield up to `count` views, each of at most `side` diameters."""


@runtime_checkable
class FindsCells(Protocol):
    """A task whose network finds cells, by itself or for a segmentation network."""

    def flows(
        self, net: CPNet, plane: Floats, device: torch.device, rng: np.random.Generator
    ) -> Floats:
        """Return flows and logits (3, Y, X) of a (C, Y, X) plane of cells of `diam_mean`."""


class Validator:
    """Validates the same crops and views after every epoch.

    Where epochs are short it is left out of some, so that it takes no longer than
    training does.

    Parameters
    ----------
    source, task, settings, device
        As of the trainer; the source holds the validation images.
    batches
        Batches of a training epoch.

    Attributes
    ----------
    every
        Epochs from one validation to the next.
    """

    def __init__(
        self,
        source: Source[Any],
        task: Task[Any, Any],
        settings: TrainSettings,
        device: torch.device,
        batches: int,
    ) -> None:
        self._source = source
        self._task = task
        self._device = device
        self._loader = Loader(source, task, settings.batch_size, settings.seed, device)
        self._batches = min(LOSS_BATCHES, math.ceil(len(source) / settings.batch_size))
        self._views: list[View] = []
        self._settings = settings
        self._trained = batches * settings.batch_size
        self.every = 1

    def prepare(self, report: Reporter = SILENT) -> None:
        """Read the images."""
        self._source.prepare(report)
        if isinstance(self._task, FindsCells) and isinstance(self._source, HasViews):
            side = AP_SIDE / self._task.diam_mean
            self._views = list(self._source.views(AP_IMAGES, side))
        self.every = max(1, math.ceil(self._crops() / (STEP_COST * self._trained)))

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether a zero-based epoch is followed by validation; the last one always is."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == epochs

    def judge(self, net: CPNet, report: Reporter = SILENT) -> tuple[float, float | None]:
        """Return the loss, and the mean AP at IoU 0.5 or None."""
        return self._loss(net, report), self._average_precision(net, report)

    def _crops(self) -> float:
        """Return how many crops' worth of pixels a validation looks at."""
        scales = [self._task.diam_mean / view.diameter for view in self._views]
        areas = [v.masks.size * s**2 for v, s in zip(self._views, scales, strict=True)]
        return self._batches * self._settings.batch_size + sum(areas) / self._settings.crop**2

    def _loss(self, net: CPNet, report: Reporter) -> float:
        losses = []
        places = ((SEED_EPOCH, index) for index in range(self._batches))
        with torch.no_grad(), autocast(self._device):
            for batch in self._loader.stream(places):
                report.check()
                losses.append(float(self._task.loss(net, batch)))
        return float(np.mean(losses))

    def _average_precision(self, net: CPNet, report: Reporter) -> float | None:
        if not self._views or not isinstance(self._task, FindsCells):
            return None
        each = []
        for index, view in enumerate(self._views):
            report.check()
            rng = np.random.default_rng([SEED_EPOCH, index])
            found = self._masks(net, self._task, view, rng)
            each.append(average_precision(view.masks, found, [AP_THRESHOLD])[0])
        return float(np.mean(each))

    def _masks(
        self, net: CPNet, task: FindsCells, view: View, rng: np.random.Generator
    ) -> NDArray[np.uint32]:
        """Find cells at the true diameter, back at the resolution of the image."""
        shape = scaled_shape(view.masks.shape, self._task.diam_mean / view.diameter)
        plane = np.stack([resize_plane(channel, shape) for channel in view.image])
        pixels = task.flows(net, plane, self._device, rng)
        flow_y, flow_x, cellprob = (resize_plane(p, view.masks.shape) for p in pixels)
        steps = max(1, round(NETWORK_STEPS * view.diameter / self._task.diam_mean))
        flows = np.stack([flow_y, flow_x])
        return masks_from_flows(flows, cellprob, default_niter=steps).masks
