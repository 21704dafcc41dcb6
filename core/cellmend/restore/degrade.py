"""Make a clean image worse: blur, subsampling and Poisson noise.

The distributions are those of Stringer & Pachitariu, Nature Methods 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.normalize import normalize

Floats = NDArray[np.float32]

NOISE_SHARE = 0.8
GAMMA_SHAPE = 4.0
MIN_NOISE_SCALE = 1.0
NOISE_RATE = {"denoise": 0.7, "deblur": 0.1, "upsample": 0.01}
BLUR_PER_DIAMETER = {"denoise": 0.0, "deblur": 1 / 3, "upsample": 1 / 6}
TASKS = tuple(NOISE_RATE)


@dataclass(frozen=True)
class Degradation:
    """What is done to an image, in this order.

    Attributes
    ----------
    blur
        Standard deviation of a Gaussian in pixels; 0 for none.
    downsample
        Keep every n-th pixel, then interpolate between them; 1 for none.
    poisson
        Photons at the 99th percentile; 0 for no noise.
    """

    blur: float = 0.0
    downsample: int = 1
    poisson: float = 0.0


def degrade(
    plane: NDArray[np.generic],
    how: Degradation,
    rng: np.random.Generator,
    *,
    normalized: bool = False,
) -> Floats:
    """Return a degraded copy of one (Y, X) plane.

    The plane is scaled to 0 at its 1st and 1 at its 99th percentile before
    and after, as the networks see it; `normalized` says that it already is.

    Parameters
    ----------
    plane
        One channel, any dtype.
    how
        Strength of each step.
    rng
        Source of the noise.
    """
    import cv2

    image: NDArray[Any] = np.asarray(plane, np.float32) if normalized else normalize(plane)
    if how.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), how.blur, borderType=cv2.BORDER_REFLECT_101)
    if how.downsample > 1:
        kept = image[:: how.downsample, :: how.downsample]
        image = interpolate_kept(kept, how.downsample, image.shape)
    if how.poisson > 0:
        image = rng.poisson(np.maximum(image, 0) * how.poisson).astype(np.float32)
    return normalize(image)


def interpolate_kept(
    kept: Floats, factor: int, shape: tuple[int, ...], *, cubic: bool = False
) -> Floats:
    """Fill in the pixels between those that were kept, which stay where they were.

    Resizing as `cv2.resize` does would move the image by half a factor: cells would lie
    beside their masks, by an amount that no network can see.

    Parameters
    ----------
    kept
        (Y, X) float32: every `factor`-th row and column, from the first.
    factor
        Above 1.
    shape
        (Y, X) of the image they were kept of.
    cubic
        Interpolate by cubic splines, not bilinearly.
    """
    from scipy import ndimage

    filled: Floats = ndimage.affine_transform(
        kept, [1 / factor] * 2, output_shape=shape, order=3 if cubic else 1, mode="nearest"
    )
    return filled


def random_degradation(task: str, diameter: float, rng: np.random.Generator) -> Degradation:
    """Draw the strengths used in training one task.

    Parameters
    ----------
    task
        ``denoise``, ``deblur`` or ``upsample``.
    diameter
        Diameter of the cells in pixels of the image that will be degraded.
    """
    poisson = 0.0
    if rng.random() < NOISE_SHARE:
        poisson = max(MIN_NOISE_SCALE, rng.gamma(GAMMA_SHAPE, 1 / NOISE_RATE[task]))
    blur, factor = 0.0, 1
    if task != "denoise" and rng.random() < NOISE_SHARE:
        relative = float(np.clip(rng.exponential(0.5), 0.1, 1.0))
        blur = relative * diameter * BLUR_PER_DIAMETER[task]
    if task == "upsample" and rng.random() < NOISE_SHARE:
        factor = int(rng.integers(2, 8))
    return Degradation(blur=blur, downsample=factor, poisson=poisson)
