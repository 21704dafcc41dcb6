"""How strongly an image is degraded: so that half of the cells that were found are lost.

The protocol of Stringer & Pachitariu, Nature Methods 2025.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.normalize import normalize
from cellmend.restore.degrade import Degradation, degrade

Floats = NDArray[np.float32]

BLURRED_PHOTONS = 120.0
"""Photons at the 99th percentile of blurred images."""
STEPS = 6


@dataclass(frozen=True)
class Range:
    """From the gentlest to the severest degradation of one task.

    Attributes
    ----------
    name
        What is varied, and its unit.
    gentlest, severest
        Values; those between are spaced evenly in their logarithm.
    make
        Turns a value into a degradation.
    whole
        Whether only whole numbers make sense.
    """

    name: str
    gentlest: float
    severest: float
    make: Callable[[float], Degradation]
    whole: bool = False

    def value(self, severity: float) -> float:
        """Return the value at a severity between 0 and 1."""
        value = float(self.gentlest * (self.severest / self.gentlest) ** severity)
        return float(round(value)) if self.whole else value


RANGES = {
    "denoise": Range("photons", 80, 0.5, lambda v: Degradation(poisson=v)),
    "deblur": Range("blur, px", 0.5, 10, lambda v: Degradation(blur=v, poisson=BLURRED_PHOTONS)),
    "upsample": Range(
        "factor", 1, 6, lambda v: Degradation(blur=v / 2 if v > 1 else 0, downsample=int(v)), True
    ),
}


@dataclass(frozen=True)
class Chosen:
    """A strength and the score it leaves."""

    value: float
    score: float


def halve(score: Callable[[float], float], clean: float, along: Range) -> Chosen:
    """Find by bisection the value whose score comes closest to half of `clean`.

    Parameters
    ----------
    score
        Average precision of the image degraded with a value of `along`.
    clean
        Average precision of the clean image, above 0.
    along
        Where to search. If the severest value leaves more than half, it is taken.
    """
    tried: dict[float, float] = {}

    def at(severity: float) -> float:
        value = along.value(severity)
        if value not in tried:
            tried[value] = score(value)
        return tried[value]

    target = clean / 2
    if at(1.0) < target:
        low, high = 0.0, 1.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if at(middle) > target else (low, middle)
    best = min(tried, key=lambda value: abs(tried[value] - target))
    return Chosen(best, tried[best])


def noise_source(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one image's noise: the same alone as among others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True, eq=False)
class Degraded:
    """A degraded image and what a method may know of it.

    Attributes
    ----------
    image
        (Y, X) float32, 0 at its 1st and 1 at its 99th percentile.
    task
        What was done to it.
    how
        How strongly.
    diameter
        Of its cells in pixels.
    kept
        Where pixels were dropped, those that were kept; else the image.
    """

    image: Floats
    task: str
    how: Degradation
    diameter: float
    kept: Floats


def degraded_image(
    clean: Floats, task: str, value: float, diameter: float, rng: np.random.Generator
) -> Degraded:
    """Degrade a clean plane as the task's `Range` says for `value`."""
    how = RANGES[task].make(value)
    image = degrade(clean, how, rng)
    kept = image
    if how.downsample > 1:
        blurred = degrade(clean, Degradation(blur=how.blur), rng)
        kept = normalize(blurred[:: how.downsample, :: how.downsample])
    return Degraded(image, task, how, diameter, kept)
