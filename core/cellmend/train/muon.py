"""Muon: steps for convolutions whose directions all have the same length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
BETAS = (0.9, 0.999)
EPSILON = 1e-8
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that drives singular values towards 1: a x + b x^3 + c x^5."""
ROUNDS = 5
STEP_SIZE = 0.2
"""Root mean square of a step at a rate of 1: about that of AdamW, so that both take the
same rates."""
FEWEST_CHANNELS = 4
"""Layers that read the image or give the result have fewer, and are moved as by AdamW."""


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for weights between hidden layers, AdamW for all others.

    The momentum of a weight, taken as a matrix with one row per output channel, is
    replaced by the nearest matrix whose singular values are all alike: what few
    crops ask for moves a network as much as what all do. Steps are scaled as by Liu
    et al. (2025).

    Parameters
    ----------
    net
        The network whose weights are moved.
    rate, decay
        Learning rate and decoupled weight decay, as for AdamW.
    """

    def __init__(self, net: nn.Module, rate: float, decay: float) -> None:
        hidden: list[Tensor] = []
        others: list[Tensor] = []
        for weight in net.parameters():
            (hidden if is_hidden(weight) else others).append(weight)
        groups = [{"params": hidden, "hidden": True}, {"params": others, "hidden": False}]
        super().__init__(groups, {"lr": rate, "weight_decay": decay, "steps": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move the weights by their gradients; there is no closure."""
        for group in self.param_groups:
            group["steps"] += 1
            direction = self._orthogonal if group["hidden"] else self._as_adam
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.sub_(group["lr"] * direction(weight, group["steps"]))

    def _orthogonal(self, weight: Tensor, steps: int) -> Tensor:
        gradient = weight.grad
        assert gradient is not None
        momentum = self._kept(weight, "momentum").lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(momentum, MOMENTUM).flatten(1)
        scale: float = STEP_SIZE * max(matrix.shape) ** 0.5
        return orthogonalized(matrix).mul_(scale).view(weight.shape)

    def _as_adam(self, weight: Tensor, steps: int) -> Tensor:
        gradient = weight.grad
        assert gradient is not None
        mean = self._kept(weight, "mean").lerp_(gradient, 1 - BETAS[0])
        square = self._kept(weight, "square").lerp_(gradient.square(), 1 - BETAS[1])
        spread = (square / (1 - BETAS[1] ** steps)).sqrt_().add_(EPSILON)
        return mean.div(1 - BETAS[0] ** steps).div_(spread)

    def _kept(self, weight: Tensor, name: str) -> Tensor:
        state = self.state[weight]
        if name not in state:
            state[name] = torch.zeros_like(weight)
        kept: Tensor = state[name]
        return kept


def is_hidden(weight: Tensor) -> bool:
    """Whether a weight leads from one hidden layer to another."""
    return weight.ndim > 1 and min(weight.shape[:2]) >= FEWEST_CHANNELS


def orthogonalized(matrix: Tensor) -> Tensor:
    """Bring all singular values of an (M, N) matrix close to 1, between about 0.7 and 1.2.

    By the Newton-Schulz iteration with `COEFFICIENTS`; no decomposition is computed.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    wide: Tensor = matrix.T if tall else matrix
    wide = wide / (wide.norm() + EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T.contiguous() if tall else wide
