"""Denoising from noisy images alone: Noise2Void and Noise2Self.

Both hide some pixels from the network and compare what it says of them with what they
were. Noise that is independent from pixel to pixel cannot be foretold from around, so
that what is learnt is the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
Method = Literal["noise2void", "noise2self"]

VOID_BOX = 8
"""Noise2Void hides one pixel of each box of this side: 64 of 64 x 64, as in its paper."""
VOID_REACH = 2
"""The stand-in of a hidden pixel is one of the 5 x 5 around it."""
SELF_GRID = 4
"""Noise2Self hides every fourth pixel along y and x."""
BLIND_RATE = 3e-3
"""Learning rate of both. Those of their papers (4e-4 and 5e-4) are for networks of other kinds:
with them this one makes an image hardly better in 100 steps; from 1e-2 on some runs failed."""
_AROUND = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]], np.float32) / 6

BLIND_SETTINGS = {
    "noise2void": TrainSettings(
        name="noise2void",
        images_per_epoch=32,
        batch_size=32,
        crop=64,
        learning_rate=BLIND_RATE,
        warmup_epochs=0,
    ),
    "noise2self": TrainSettings(
        name="noise2self",
        images_per_epoch=8,
        batch_size=8,
        crop=128,
        learning_rate=BLIND_RATE,
        warmup_epochs=0,
    ),
}
"""Crops and the 100 steps with which Stringer & Pachitariu (2025) train on one image;
Noise2Void with a quarter of their batches of 128."""


@dataclass(frozen=True)
class BlindTask:
    """Foretell hidden pixels from those around.

    Noise2Void (Krull et al., CVPR 2019) hides scattered pixels behind a neighbour's
    value, Noise2Self (Batson & Royer, ICML 2019) a grid behind the mean of its neighbours.
    """

    method: Method = "noise2void"
    diam_mean: float = 30.0
    crop: int = 64
    name: TaskName = "denoise"
    nchan: int = 1
    nout: int = 1

    def example(self, sample: Planes, rng: np.random.Generator) -> Example:
        """Return (3, crop, crop): the image with pixels hidden, as it was, and where."""
        noisy = random_square(sample, self.crop, rng)[0]
        hide = hide_scattered if self.method == "noise2void" else hide_grid
        hidden, where = hide(noisy, rng)
        return np.stack([hidden, noisy, where])

    def batch(self, examples: Sequence[Example], device: torch.device) -> Batch:
        """Return three tensors (N, 1, crop, crop)."""
        return stack_examples(examples, device)

    def loss(self, net: CPNet, batch: Batch) -> Tensor:
        """Mean squared error at the hidden pixels."""
        seen, noisy, where = batch
        error: Tensor = (net(seen).pixels.float() - noisy).square()
        return (error * where).sum() / where.sum()


def hide_scattered(noisy: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Put a neighbour's value in place of one random pixel of each box (Noise2Void)."""
    height, width = noisy.shape
    rows, columns = (np.arange(0, length, VOID_BOX) for length in noisy.shape)
    shape = (len(rows), len(columns))
    y = np.minimum(rows[:, None] + rng.integers(VOID_BOX, size=shape), height - 1)
    x = np.minimum(columns + rng.integers(VOID_BOX, size=shape), width - 1)
    # Any of the 24 pixels around but for the one in the middle.
    side = 2 * VOID_REACH + 1
    choice = rng.integers(side**2 - 1, size=shape)
    choice += choice >= side**2 // 2
    from_y = _reflected(y + choice // side - VOID_REACH, height)
    from_x = _reflected(x + choice % side - VOID_REACH, width)
    hidden, where = noisy.copy(), np.zeros_like(noisy)
    hidden[y, x] = noisy[from_y, from_x]
    where[y, x] = 1
    return hidden, where


def hide_grid(noisy: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Put the mean of the neighbours in place of every fourth pixel (Noise2Self)."""
    y, x = rng.integers(SELF_GRID, size=2)
    where = np.zeros_like(noisy)
    where[y::SELF_GRID, x::SELF_GRID] = 1
    around = cv2.filter2D(noisy, -1, _AROUND, borderType=cv2.BORDER_REFLECT_101)
    return np.where(where > 0, around, noisy), where


def fit_blind(
    images: Sequence[Floats],
    *,
    method: Method,
    settings: TrainSettings | None = None,
    report: Reporter = SILENT,
) -> CPNet:
    """Train a denoiser on nothing but noisy images.

    Parameters
    ----------
    images
        (Y, X) float32, normalised.
    method
        ``noise2void`` or ``noise2self``.
    settings
        `BLIND_SETTINGS` of the method unless given.
    report
        Hears of progress and may cancel.

    Returns
    -------
    CPNet
        One channel in, one out, for `cellmend.net.runner.Runner`.

    Raises
    ------
    InputError
        If there is no image.
    """
    chosen = settings or BLIND_SETTINGS[method]
    task = BlindTask(method, crop=chosen.crop)
    source = ArraySet([whole_image(image) for image in images])
    return Trainer(new_net(task, chosen), task, source, chosen).run(report).net


def _reflected(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Bring an index that is just outside back in."""
    inside = np.abs(index)
    return np.where(inside >= length, 2 * (length - 1) - inside, inside)
