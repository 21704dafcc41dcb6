"""Restoration from pairs of a noisy and a clean image, as CARE does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellmend.net.losses import reconstruction_loss
from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.progress import SILENT, Reporter
from cellmend.registry.card import TaskName
from cellmend.train.loop import Trainer
from cellmend.train.planes import ArraySet
from cellmend.train.protocols import Batch
from cellmend.train.squares import (
    Example,
    Planes,
    new_net,
    random_square,
    stack_examples,
    whole_image,
)

Floats = NDArray[np.float32]

PAIRED_SETTINGS = TrainSettings(
    name="paired", images_per_epoch=64, batch_size=8, crop=128, learning_rate=1e-3, warmup_epochs=0
)
"""Crops, batches, rate and the 100 epochs of the CARE model in Stringer & Pachitariu (2025),
with fewer steps an epoch."""


@dataclass(frozen=True)
class PairedTask:
    """Turn a noisy image into its clean one (CARE: Weigert et al., Nature Methods 2018)."""

    diam_mean: float = 30.0
    crop: int = 128
    name: TaskName = "denoise"
    nchan: int = 1
    nout: int = 1

    def example(self, sample: Planes, rng: np.random.Generator) -> Example:
        """Return (2, crop, crop): noisy and clean."""
        return random_square(sample, self.crop, rng)

    def batch(self, examples: Sequence[Example], device: torch.device) -> Batch:
        """Return two tensors (N, 1, crop, crop)."""
        return stack_examples(examples, device)

    def loss(self, net: CPNet, batch: Batch) -> Tensor:
        """Mean squared error to the clean image."""
        noisy, clean = batch
        return reconstruction_loss(net(noisy).pixels.float(), clean)


def fit_paired(
    pairs: Sequence[tuple[Floats, Floats]],
    *,
    settings: TrainSettings | None = None,
    run_dir: Path | None = None,
    report: Reporter = SILENT,
) -> CPNet:
    """Train a restorer on pairs of a noisy and a clean image.

    Parameters
    ----------
    pairs
        (noisy, clean), both (Y, X) float32, normalised.
    settings
        `PAIRED_SETTINGS` unless given.
    run_dir
        Where checkpoints are kept, and where a run that was stopped goes on from.
    report
        Hears of progress and may cancel.

    Returns
    -------
    CPNet
        One channel in, one out, for `cellmend.net.runner.Runner`.

    Raises
    ------
    InputError
        If there is no pair, or the sizes of one differ.
    """
    chosen = settings or PAIRED_SETTINGS
    task = PairedTask(crop=chosen.crop)
    source = ArraySet([whole_image(*pair) for pair in pairs])
    trainer = Trainer(new_net(task, chosen), task, source, chosen, run_dir=run_dir)
    return trainer.run(report, resume=True).net
