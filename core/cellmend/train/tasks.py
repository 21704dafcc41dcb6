"""Finding cells, and restoring images so that they are found: the tasks with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellmend.net.losses import perceptual_loss, reconstruction_loss, segmentation_loss
from cellmend.net.predict import predict
from cellmend.net.runner import Runner
from cellmend.net.unet import CPNet, NetOutput
from cellmend.params import TileSettings
from cellmend.registry.card import TaskName
from cellmend.restore.degrade import degrade, random_degradation
from cellmend.train.dataset import Sample
from cellmend.train.protocols import Batch
from cellmend.train.render import Crop, degraded_crop, plain_crop, render
from cellmend.train.tone import random_tone

Floats = NDArray[np.float32]
TILES = TileSettings()


@dataclass(frozen=True)
class SegmentationTask:
    """Predict flows and cell probability (Stringer et al., Nature Methods 2021).

    Attributes
    ----------
    diam_mean
        Diameter in pixels that cells are brought to.
    crop
        Side of the crops in pixels.
    degradation
        Degrade the images as for training the restoration task of this name.
    tone
        Share of the crops whose light is changed.
    """

    diam_mean: float = 30.0
    crop: int = 224
    degradation: str | None = None
    tone: float = 0.0
    name: TaskName = "segmentation"
    nchan: int = 2
    nout: int = 3

    def example(self, sample: Sample, rng: np.random.Generator) -> Crop:
        """Draw a crop around `diam_mean`."""
        natural = self.diam_mean / sample.diameter
        if self.degradation is None:
            crop = plain_crop(sample.image, sample.target, natural, self.crop, rng)
        else:
            how = (self.degradation, self.diam_mean)
            crop = degraded_crop(sample.image, sample.target, natural, self.crop, how, rng)
        return with_tone(crop, self.tone, rng)

    def batch(self, examples: Sequence[Crop], device: torch.device) -> Batch:
        """Return images (N, nchan, crop, crop) and targets (N, 3, crop, crop)."""
        seen, _, target = render(examples, self.nchan, device)
        return seen, target

    def loss(self, net: CPNet, batch: Batch) -> Tensor:
        """Segmentation loss of (image, target)."""
        image, target = batch
        return segmentation_loss(net(image).pixels.float(), target)

    def flows(
        self, net: CPNet, plane: Floats, device: torch.device, rng: np.random.Generator
    ) -> Floats:
        """Return flows and logits (3, Y, X) of a (C, Y, X) plane, degraded where the task is."""
        seen = two_planes(plane)
        if self.degradation is not None:
            how = random_degradation(self.degradation, self.diam_mean, rng)
            seen[0] = degrade(seen[0], how, rng, normalized=True)
        return predict(Runner(net, device), seen[: self.nchan], TILES).pixels


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
    """Restore a degraded image so that a frozen network segments it well.

    Attributes
    ----------
    name
        ``denoise``, ``deblur`` or ``upsample``.
    segmenter
        The frozen network, on the device of training.
    weights
        Of the losses.
    diam_mean
        Diameter in pixels that cells are brought to: the segmenter's.
    crop
        Side of the crops in pixels.
    tone
        Share of the crops whose light is changed, before they are degraded.
    """

    name: TaskName
    segmenter: CPNet
    weights: LossWeights = PAPER_WEIGHTS
    diam_mean: float = 30.0
    crop: int = 224
    tone: float = 0.0
    nchan: int = 1
    nout: int = 1

    def __post_init__(self) -> None:
        self.segmenter.eval().requires_grad_(False)

    def example(self, sample: Sample, rng: np.random.Generator) -> Crop:
        """Draw a crop around `diam_mean` and how it is degraded."""
        natural, how = self.diam_mean / sample.diameter, (self.name, self.diam_mean)
        crop = degraded_crop(sample.image, sample.target, natural, self.crop, how, rng)
        return with_tone(crop, self.tone, rng)

    def batch(self, examples: Sequence[Crop], device: torch.device) -> Batch:
        """Return degraded and clean (N, 1, crop, crop), and targets (N, 3, crop, crop)."""
        return render(examples, self.nchan, device)

    def loss(self, net: CPNet, batch: Batch) -> Tensor:
        """Weighted sum of the three losses of (degraded, clean, target)."""
        degraded, clean, target = batch
        restored = net(degraded).pixels
        total = torch.zeros((), device=restored.device)
        if self.weights.reconstruction:
            total = total + self.weights.reconstruction * reconstruction_loss(
                restored.float(), clean
            )
        if self.weights.needs_segmenter:
            seen = self._segment(restored)
        if self.weights.segmentation:
            total = total + self.weights.segmentation * segmentation_loss(
                seen.pixels.float(), target
            )
        if self.weights.perceptual:
            with torch.no_grad():
                wanted = self.segmenter.downsample(self._channels(clean))
            total = total + self.weights.perceptual * perceptual_loss(seen.features, wanted)
        return total

    def flows(
        self, net: CPNet, plane: Floats, device: torch.device, rng: np.random.Generator
    ) -> Floats:
        """Degrade and restore a (C, Y, X) plane; return what the segmenter finds (3, Y, X)."""
        how = random_degradation(self.name, self.diam_mean, rng)
        degraded = degrade(plane[0], how, rng, normalized=True)
        restored = predict(Runner(net, device), degraded[None], TILES).pixels
        seen = two_planes(restored)[: self.segmenter.nchan]
        return predict(Runner(self.segmenter, device), seen, TILES).pixels[:3]

    def _segment(self, image: Tensor) -> NetOutput:
        output: NetOutput = self.segmenter(self._channels(image))
        return output

    def _channels(self, image: Tensor) -> Tensor:
        """Add the empty nuclear channel to (N, 1, Y, X), where the segmenter takes one."""
        if self.segmenter.nchan == 1:
            return image
        return torch.cat([image, torch.zeros_like(image)], dim=1)


def with_tone(crop: Crop, share: float, rng: np.random.Generator) -> Crop:
    """Change the light of each channel of a crop, of a `share` of all crops."""
    if not share or rng.random() >= share:
        return crop
    return replace(crop, tones=tuple(random_tone(rng) for _ in crop.image))


def two_planes(plane: Floats) -> Floats:
    """Return a copy (2, Y, X) of a (1 or 2, Y, X) plane, with zeros for the nuclear channel."""
    both = np.zeros((2, *plane.shape[1:]), np.float32)
    both[: len(plane)] = plane[:2]
    return both
