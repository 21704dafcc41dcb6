"""Twice the channels, the same function: Net2Net (Chen, Goodfellow & Shlens, ICLR 2016).

A network that has learnt all that its size allows can so be trained on as a larger one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cellmend.errors import ModelError
from cellmend.net.unet import CPNet

LEAST_SHARE = 0.2
"""The smaller of the two shares of a weight; unequal ones let the copies learn apart."""
_FROM_STYLE = ".full."
"""Layers that see the style, a unit vector: each of two copies is smaller by the root of 2."""


def widened(net: CPNet, seed: int = 0) -> CPNet:
    """Return a network with twice the channels that gives what `net` gives.

    Each channel is there twice, and each weight is shared between the two copies of the
    channel that it reads, at random, so that training tells them apart.

    Raises
    ------
    ModelError
        If the network has another backbone.
    """
    if net.backbone != "unet":
        raise ModelError(f"A network with the backbone {net.backbone!r} cannot be widened.")
    widths = tuple(2 * width for width in net.widths)
    wide = CPNet(net.nchan, net.nout, widths, float(net.diam_mean))
    random = torch.Generator().manual_seed(seed)
    narrow = net.state_dict()
    wide.load_state_dict(
        {
            name: _doubled(name, narrow[name].cpu(), wanted.shape, random)
            for name, wanted in wide.state_dict().items()
        }
    )
    return wide.train(net.training)


def _doubled(name: str, weight: Tensor, shape: torch.Size, random: torch.Generator) -> Tensor:
    """Repeat outputs and share inputs, as far as they are doubled in `shape`."""
    if weight.shape == shape:
        return weight
    if weight.shape[0] != shape[0]:
        weight = torch.cat([weight, weight])
    if weight.shape == shape:
        return weight
    share = LEAST_SHARE + (1 - 2 * LEAST_SHARE) * torch.rand(weight.shape, generator=random)
    gain = 2**0.5 if _FROM_STYLE in name else 1.0
    return torch.cat([gain * share * weight, gain * (1 - share) * weight], dim=1)
