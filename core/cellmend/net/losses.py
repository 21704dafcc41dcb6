"""Training losses (Stringer & Pachitariu, Nature Methods 2025)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FLOW_SCALE = 5.0
_TINY = 1e-6


def segmentation_loss(output: Tensor, target: Tensor) -> Tensor:
    """Half the mean squared error of 5 x flow, plus the cross-entropy of the probability.

    Parameters
    ----------
    output
        (N, 3, Y, X): dY, dX, logit.
    target
        (N, 3, Y, X): unit flow dY, dX, and 1 inside cells, 0 outside, -1 where nothing is
        known: such pixels add nothing, so that an image with few known ones weighs less.
    """
    known = (target[:, 2:] >= 0).to(output.dtype)
    flow = 0.5 * functional.mse_loss(output[:, :2] * known, FLOW_SCALE * target[:, :2] * known)
    inside = target[:, 2].clamp(min=0)
    return flow + functional.binary_cross_entropy_with_logits(
        output[:, 2], inside, weight=known[:, 0]
    )


def channel_correlation(features: Tensor) -> Tensor:
    """Correlate the channels of (N, C, Y, X) features over the image: (N, C, C)."""
    flat = features.float().flatten(2)
    flat = flat - flat.mean(dim=2, keepdim=True)
    flat = flat / (flat.square().mean(dim=2, keepdim=True).sqrt() + _TINY)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def perceptual_loss(restored: list[Tensor], clean: list[Tensor]) -> Tensor:
    """Sum over levels of the squared difference between channel correlations.

    Each level is divided by the variance of its clean correlation matrix, so
    that the levels weigh alike.

    Parameters
    ----------
    restored, clean
        Features of each down block of the frozen segmentation network, each
        (N, C, Y, X), on the restored and on the clean image.
    """
    total = torch.zeros(())
    for ours, theirs in zip(restored, clean, strict=True):
        wanted = channel_correlation(theirs.detach())
        error = (channel_correlation(ours) - wanted).square().mean(dim=(1, 2))
        total = total.to(error.device) + (error / (wanted.var(dim=(1, 2)) + _TINY)).mean()
    return total


def reconstruction_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error between two (N, 1, Y, X) images."""
    return functional.mse_loss(restored, clean)
