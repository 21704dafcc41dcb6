"""What a network is trained to do; the one loop knows only `Task`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellmend.net.losses import perceptual_loss, reconstruction_loss, segmentation_loss
from cellmend.net.unet import CPNet, NetOutput
from cellmend.registry.card import TaskName
from cellmend.restore.degrade import degrade, random_degradation
from cellmend.train import augment
from cellmend.train.dataset import Sample

Arrays = tuple[NDArray[np.float32], ...]

NOISE_CROP = 340
NOISE_SCALES = (0.5, 2.0)


class Task(Protocol):
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

    def example(self, sample: Sample, rng: np.random.Generator) -> Arrays:
        """Return the float32 arrays of one crop, the network's input first."""

    def loss(self, net: CPNet, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a batch made of such examples."""


@dataclass(frozen=True)
class SegmentationTask:
    """Predict flows and cell probability (Stringer et al., Nature Methods 2021)."""

    diam_mean: float = 30.0
    crop: int = 224
    name: TaskName = "segmentation"
    nchan: int = 2
    nout: int = 3

    def example(self, sample: Sample, rng: np.random.Generator) -> Arrays:
        """Return image (2, crop, crop) and target (3, crop, crop)."""
        scale = augment.random_scale(rng) * self.diam_mean / sample.diameter
        geometry = augment.turn(sample.target.shape[1:], scale, self.crop, rng)
        image = np.zeros((2, self.crop, self.crop), np.float32)
        image[: len(sample.image)] = geometry.image(sample.image)
        return image, geometry.target(sample.target)

    def loss(self, net: CPNet, batch: tuple[Tensor, ...]) -> Tensor:
        """Segmentation loss of (image, target)."""
        image, target = batch
        return segmentation_loss(net(image).pixels.float(), target)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the perceptual, segmentation and reconstruction losses."""

    perceptual: float = 1.0
    segmentation: float = 1.5
    reconstruction: float = 0.0

    @property
    def needs_segmenter(self) -> bool:
        """Whether the frozen segmentation network takes part."""
        return self.perceptual > 0 or self.segmentation > 0


PAPER_WEIGHTS = LossWeights()


@dataclass(frozen=True)
class RestorationTask:
    """Restore a degraded image so that a frozen network segments it well."""

    name: TaskName
    segmenter: CPNet
    weights: LossWeights = PAPER_WEIGHTS
    diam_mean: float = 30.0
    crop: int = 224
    nchan: int = 1
    nout: int = 1

    def __post_init__(self) -> None:
        self.segmenter.eval().requires_grad_(False)

    def example(self, sample: Sample, rng: np.random.Generator) -> Arrays:
        """Return degraded (1, crop, crop), clean (1, crop, crop), target (3, crop, crop).

        The image is resized by 0.5-2 around `diam_mean` and cut to 340 px
        before it is degraded, so that noise comes at many scales; then it is
        turned and cut like an image to segment.
        """
        natural = self.diam_mean / sample.diameter
        scale = float(rng.uniform(*NOISE_SCALES))
        first = augment.crop(sample.target.shape[1:], natural * scale, NOISE_CROP, rng)
        rescale = augment.random_scale(rng) / scale
        second = augment.turn((NOISE_CROP, NOISE_CROP), rescale, self.crop, rng)

        clean = first.image(sample.image[:1])
        how = random_degradation(self.name, self.diam_mean * scale, rng)
        degraded = degrade(clean[0], how, rng, normalized=True)[None]
        return (
            second.image(degraded),
            second.image(clean),
            first.then(second).target(sample.target),
        )

    def loss(self, net: CPNet, batch: tuple[Tensor, ...]) -> Tensor:
        """Weighted sum of the three losses of (degraded, clean, target)."""
        degraded, clean, target = batch
        restored = net(degraded).pixels
        total = torch.zeros((), device=restored.device)
        if self.weights.reconstruction:
            total = total + self.weights.reconstruction * reconstruction_loss(restored, clean)
        if self.weights.needs_segmenter:
            seen = self._segment(restored)
        if self.weights.segmentation:
            total = total + self.weights.segmentation * segmentation_loss(
                seen.pixels.float(), target
            )
        if self.weights.perceptual:
            with torch.no_grad():
                wanted = self.segmenter.downsample(_two_channels(clean))
            total = total + self.weights.perceptual * perceptual_loss(seen.features, wanted)
        return total

    def _segment(self, image: Tensor) -> NetOutput:
        output: NetOutput = self.segmenter(_two_channels(image))
        return output


def _two_channels(image: Tensor) -> Tensor:
    """Add the empty nuclear channel to (N, 1, Y, X)."""
    return torch.cat([image, torch.zeros_like(image)], dim=1)
