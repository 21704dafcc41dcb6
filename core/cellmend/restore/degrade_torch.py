"""The degradations of `cellmend.restore.degrade`, many images at once on an accelerator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cellmend.restore.degrade import Degradation

PERCENTILES = (0.01, 0.99)
REACH = 4.0
"""Standard deviations that a Gaussian is computed to, as OpenCV does."""


def degrade_batch(
    images: Tensor, hows: Sequence[Degradation], generator: torch.Generator | None = None
) -> Tensor:
    """Return degraded copies of normalised images, scaled to 0 and 1 at their percentiles.

    Parameters
    ----------
    images
        (N, Y, X) float32 on any device.
    hows
        What is done to each.
    generator
        Source of the noise, on the device of the images.
    """
    images = _blur(images, torch.tensor([how.blur for how in hows], device=images.device))
    images = _subsample(images, [how.downsample for how in hows])
    scale = torch.tensor([how.poisson for how in hows], device=images.device)[:, None, None]
    noisy = torch.poisson(images.clamp(min=0) * scale, generator=generator)
    return normalize_batch(torch.where(scale > 0, noisy, images))


def normalize_batch(images: Tensor) -> Tensor:
    """Scale each of (N, Y, X) to 0 at its 1st and 1 at its 99th percentile.

    Where these are equal, the extremes take their place; a constant image becomes 0.
    """
    ordered = images.flatten(1).sort(dim=1).values
    low, high = (_quantile(ordered, q) for q in PERCENTILES)
    flat = high <= low
    low = torch.where(flat, ordered[:, 0], low)[:, None, None]
    high = torch.where(flat, ordered[:, -1], high)[:, None, None]
    scaled = (images - low) / torch.where(high > low, high - low, 1)
    return torch.where(high > low, scaled, 0)


def _quantile(ordered: Tensor, q: float) -> Tensor:
    """Interpolate between the two nearest of (N, P) ordered values, as numpy does."""
    place = q * (ordered.shape[1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)


def _blur(images: Tensor, widths: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own, in pixels; 0 leaves it."""
    reach = min(int(torch.ceil(REACH * widths.max())), min(images.shape[1:]) - 1)
    if reach == 0:
        return images
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    # An image that is not blurred gets the narrowest Gaussian: all weight in the middle.
    kernels = torch.exp(-0.5 * (offsets / widths[:, None].clamp(min=1e-3)) ** 2)
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    many = functional.pad(images[None], (reach, reach, reach, reach), mode="reflect")
    many = functional.conv2d(many, kernels[:, None, :, None], groups=len(images))
    return functional.conv2d(many, kernels[:, None, None, :], groups=len(images))[0]


def _subsample(images: Tensor, factors: Sequence[int]) -> Tensor:
    """Keep every k-th pixel of each image, where it is, and interpolate between them."""
    if all(factor == 1 for factor in factors):
        return images
    parts = [_interpolated(image, k) for image, k in zip(images, factors, strict=True)]
    return torch.stack(parts)


def _interpolated(image: Tensor, factor: int) -> Tensor:
    """Return (Y, X) with all but every k-th pixel interpolated; beyond the last, repeated."""
    kept = image[None, None, ::factor, ::factor]
    height, width = ((side - 1) * factor + 1 for side in kept.shape[2:])
    filled = functional.interpolate(kept, (height, width), mode="bilinear", align_corners=True)
    missing = (0, image.shape[1] - width, 0, image.shape[0] - height)
    return functional.pad(filled, missing, mode="replicate")[0, 0]
