"""Crops described on the host, rendered by OpenCV or, on an accelerator, by torch.

All random choices but the photons are made when a crop is described, so both
ways follow the same distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellmend.restore.degrade import Degradation, degrade, random_degradation
from cellmend.train import augment
from cellmend.train.augment import Geometry
from cellmend.train.tone import Tone, change_tones

NOISE_CROP = 340
NOISE_SCALES = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop that is yet to be made.

    Attributes
    ----------
    image, target
        (C, Y, X) and (3, Y, X): the part of the image around it.
    first
        From that part to the crop, or to what is degraded.
    degradation
        What is done to the first channel then, if anything.
    second
        From what was degraded to the crop.
    seed
        Of the photons.
    tones
        How the light of the channels is changed, before anything is degraded; none: not at all.
    """

    image: NDArray[np.float16]
    target: NDArray[np.float16]
    first: Geometry
    degradation: Degradation | None = None
    second: Geometry | None = None
    seed: int = 0
    tones: tuple[Tone, ...] = ()


def plain_crop(
    image: NDArray[np.float16],
    target: NDArray[np.float16],
    natural: float,
    size: int,
    rng: np.random.Generator,
) -> Crop:
    """Describe a turned, flipped and scaled crop; `natural` brings cells to the network's size."""
    scale = augment.random_scale(rng) * natural
    geometry = augment.turn(target.shape[1:], scale, size, rng)
    return Crop(*geometry.cut(image, target))


def degraded_crop(
    image: NDArray[np.float16],
    target: NDArray[np.float16],
    natural: float,
    size: int,
    degradation: tuple[str, float],
    rng: np.random.Generator,
) -> Crop:
    """Describe a crop that is degraded at 0.5-2 times the network's size, then turned and cut.

    So noise comes at many scales (Stringer & Pachitariu, Nature Methods 2025).

    Parameters
    ----------
    degradation
        The task, and the diameter in pixels of cells at the network's size.
    """
    task, diameter = degradation
    scale = float(NOISE_SCALES[0] * (NOISE_SCALES[1] / NOISE_SCALES[0]) ** rng.random())
    first = augment.crop(target.shape[1:], natural * scale, NOISE_CROP, rng)
    rescale = augment.random_scale(rng) / scale
    second = augment.turn((NOISE_CROP, NOISE_CROP), rescale, size, rng)
    how = random_degradation(task, diameter * scale, rng)
    return Crop(*first.cut(image, target), how, second, int(rng.integers(2**31)))


def render(
    crops: Sequence[Crop], channels: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Make crops into tensors on the device.

    Returns
    -------
    seen, clean
        (N, channels, size, size) float32; where an image has fewer channels they are zeros.
    target
        (N, 3, size, size) float32: unit flow dY, dX, and 1 inside cells, -1 where nothing is
        known.
    """
    if device.type == "cuda":
        from cellmend.train.render_torch import render_on_device

        return render_on_device(crops, channels, device)
    made = [render_one(crop, channels) for crop in crops]
    seen, clean, target = (_stacked(parts, device) for parts in zip(*made, strict=True))
    return seen, clean, target


def render_one(
    crop: Crop, channels: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Make one crop with OpenCV: seen, clean and target as of `render`, without N."""
    clean = crop.first.image(_with_channels(crop.image, channels))
    if crop.tones:
        clean = change_tones(torch.from_numpy(clean), crop.tones).numpy()
    if crop.second is None or crop.degradation is None:
        return clean, clean, crop.first.target(crop.target)
    rng = np.random.default_rng(crop.seed)
    seen = clean.copy()
    seen[0] = degrade(clean[0], crop.degradation, rng, normalized=True)
    whole = crop.first.then(crop.second)
    return crop.second.image(seen), crop.second.image(clean), whole.target(crop.target)


def _with_channels(image: NDArray[np.float16], channels: int) -> NDArray[np.float16]:
    if len(image) >= channels:
        return image[:channels]
    empty = np.zeros((channels - len(image), *image.shape[1:]), image.dtype)
    return np.concatenate([image, empty])


def _stacked(parts: Sequence[NDArray[np.float32]], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(parts)).to(device, memory_format=torch.channels_last)
