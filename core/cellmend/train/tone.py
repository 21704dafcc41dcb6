"""Random changes of light: the same cells as another exposure or microscope may show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

LOG_GAMMA = 0.6
LOG_CONTRAST = 0.3
HAZE = (0.1, 0.6)
HAZE_SPREAD = (12.0, 60.0)
HAZE_GAIN = 1.3
UNEVENNESS = 0.35
GRIDS = (2, 5)


@dataclass(frozen=True, eq=False)
class Tone:
    """What happens to the light of one channel, in this order.

    Attributes
    ----------
    gamma
        Exponent of the brightness.
    haze
        Share of light that comes from out of focus.
    spread
        How far that light is spread, in pixels of the crop.
    unevenness
        (K, K) logarithm of the illumination, smooth in between; None where it is even.
    contrast
        Factor on everything.
    """

    gamma: float = 1.0
    haze: float = 0.0
    spread: float = HAZE_SPREAD[0]
    unevenness: NDArray[np.float32] | None = None
    contrast: float = 1.0


def random_tone(rng: np.random.Generator) -> Tone:
    """Draw a tone: every second one has a gamma, about every third haze or uneven light."""
    gamma = np.exp(rng.uniform(-LOG_GAMMA, LOG_GAMMA)) if rng.random() < 0.5 else 1.0
    haze = rng.uniform(*HAZE) if rng.random() < 0.3 else 0.0
    side = int(rng.integers(*GRIDS))
    grid = rng.normal(0, UNEVENNESS, (side, side)).astype(np.float32)
    return Tone(
        gamma=float(gamma),
        haze=float(haze),
        spread=float(rng.uniform(*HAZE_SPREAD)),
        unevenness=grid if rng.random() < 0.4 else None,
        contrast=float(np.exp(rng.uniform(-LOG_CONTRAST, LOG_CONTRAST))),
    )


def change_tones(planes: Tensor, tones: Sequence[Tone]) -> Tensor:
    """Change normalised planes (C, Y, X), each as its tone says; those without one stay."""
    changed = [change_tone(plane, tone) for plane, tone in zip(planes, tones, strict=False)]
    return torch.stack([*changed, *planes[len(changed) :]])


def change_tone(plane: Tensor, tone: Tone) -> Tensor:
    """Change one normalised plane (Y, X); an empty one stays empty."""
    shape = list(plane.shape)
    if tone.gamma != 1:
        plane = plane.sign() * plane.abs().pow(tone.gamma)
    if tone.haze:
        coarse = [max(1, round(length / tone.spread)) for length in shape]
        haze = _resize(interpolate(plane[None, None], coarse, mode="area"), shape)
        plane = (1 - tone.haze) * plane + HAZE_GAIN * tone.haze * haze
    if tone.unevenness is not None:
        grid = torch.from_numpy(tone.unevenness).to(plane.device)
        plane = plane * _resize(grid[None, None], shape).exp()
    return plane * tone.contrast


def _resize(planes: Tensor, shape: list[int]) -> Tensor:
    """Return the plane (Y, X) of (1, 1, ...) made smoothly larger."""
    return interpolate(planes, shape, mode="bicubic", align_corners=False)[0, 0]
