"""What the one training loop asks of its data and of its task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from cellmend.net.unet import CPNet
from cellmend.progress import SILENT, Reporter
from cellmend.registry.card import TaskName

Batch = tuple[Tensor, ...]

SampleT = TypeVar("SampleT")
SampleOut = TypeVar("SampleOut", covariant=True)
SampleIn = TypeVar("SampleIn", contravariant=True)
ExampleT = TypeVar("ExampleT")


class Source(Protocol[SampleOut]):
    """Where samples come from."""

    def __len__(self) -> int:
        """Return the number of images."""

    def prepare(self, report: Reporter = SILENT) -> None:
        """Do the slow part of reading once, ahead; later calls return at once."""

    def draw(self, rng: np.random.Generator) -> SampleOut:
        """Return a random sample; called from several threads."""


class Task(Protocol[SampleIn, ExampleT]):
    """One kind of training: how a crop is made, and what is minimised."""

    @property
    def name(self) -> TaskName:
        """What the model is for, as its card says."""

    @property
    def nchan(self) -> int:
        """Channels that the network takes."""

    @property
    def nout(self) -> int:
        """Channels that the network gives."""

    @property
    def diam_mean(self) -> float:
        """Diameter in pixels of the cells that the network will know."""

    def example(self, sample: SampleIn, rng: np.random.Generator) -> ExampleT:
        """Draw one crop; in a background thread."""

    def batch(self, examples: Sequence[ExampleT], device: torch.device) -> Batch:
        """Turn crops into tensors on the device, the network's input first; in that thread."""

    def loss(self, net: CPNet, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
