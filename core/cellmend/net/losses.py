"""Training losses (Stringer & Pachitariu, Nature Methods 2025)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
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
    correlation: Tensor = _Correlation.apply(features)  # type: ignore[no-untyped-call]
    return correlation


class _Correlation(torch.autograd.Function):
    """Correlation of channels, whose gradient is one matrix product.

    With z the standardised features of P pixels, K = z zᵀ / P the correlation, G the gradient
    by it, S = G + Gᵀ, and a the diagonal of S K, the gradient by the features is
    (S - diag(a (s + t) / s)) z / (P (s + t)), where s is the standard deviation and t a tiny
    number that is added to it: z has a mean of zero, so that no term of the means is left.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        precise = features.to(torch.promote_types(features.dtype, torch.float32))
        flat = precise.permute(0, 2, 3, 1).flatten(1, 2)
        flat = flat - flat.mean(dim=1, keepdim=True)
        deviation = torch.linalg.vector_norm(flat, dim=1, keepdim=True) / flat.shape[1] ** 0.5
        flat /= deviation + _TINY
        correlation = flat.transpose(1, 2) @ flat / flat.shape[1]
        ctx.save_for_backward(flat, deviation[:, 0], correlation)
        ctx.shape, ctx.dtype = tuple(features.shape), features.dtype
        return correlation

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        flat, deviation, correlation = ctx.saved_tensors
        both = gradient + gradient.transpose(1, 2)
        along = (both * correlation).sum(dim=2) * (deviation + _TINY) / (deviation + 1e-30)
        factors = (both - torch.diag_embed(along)) / (deviation + _TINY)[:, :, None]
        by_flat = flat @ (factors / flat.shape[1]).transpose(1, 2)
        by_features: Tensor = by_flat.unflatten(1, ctx.shape[2:]).permute(0, 3, 1, 2)
        return by_features.to(ctx.dtype)


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
