"""The residual U-Net with a style vector (Stringer et al., Nature Methods 2021)."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from cellmend.net.blocks import Decoder, Encoder, NormReluConv
from cellmend.params import BackboneName

DEFAULT_WIDTHS = (32, 64, 128, 256)


class NetOutput(NamedTuple):
    """What one pass gives.

    Attributes
    ----------
    pixels
        (N, nout, Y, X): dY, dX (5 x unit flow) and cell-probability logit, or
        the restored image.
    style
        (N, widths[-1]) unit vector.
    features
        Features of each down block, full resolution first.
    """

    pixels: Tensor
    style: Tensor
    features: list[Tensor]


class CPNet(nn.Module):
    """Residual U-Net in the layout of Cellpose 1-3 weight files.

    Parameters
    ----------
    nchan
        Input channels: 2 to segment, 1 to restore.
    nout
        Output channels: 3 to segment, 1 to restore.
    widths
        Channels of the four levels.
    diam_mean
        Diameter in pixels of the cells the network was trained on.
    """

    backbone: ClassVar[BackboneName] = "unet"

    def __init__(
        self,
        nchan: int = 2,
        nout: int = 3,
        widths: tuple[int, ...] = DEFAULT_WIDTHS,
        diam_mean: float = 30.0,
    ) -> None:
        super().__init__()
        self.nchan = nchan
        self.nout = nout
        self.widths = tuple(widths)
        self.downsample: Any
        self.upsample: Any
        self.output: Any
        self.downsample, self.upsample, self.output = self._parts()
        self.diam_mean: Tensor
        self.diam_labels: Tensor
        self.register_buffer("diam_mean", torch.full((1,), float(diam_mean)))
        self.register_buffer("diam_labels", torch.full((1,), float(diam_mean)))

    def _parts(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Make encoder, decoder and output; another backbone has others."""
        widths = self.widths
        return (
            Encoder((self.nchan, *widths)),
            Decoder((*widths, widths[-1]), widths[-1]),
            NormReluConv(widths[0], self.nout, kernel=1),
        )

    def forward(self, x: Tensor, style: Tensor | None = None) -> NetOutput:
        """Run the network on (N, nchan, Y, X) normalised images; `style` replaces their own."""
        features = self.downsample(x)
        if style is None:
            style = style_of(features[-1])
        return NetOutput(self.output(self.upsample(style, features)), style, features)


def style_of(features: Tensor) -> Tensor:
    """Average (N, C, Y, X) over the image and divide by the L2 norm: (N, C)."""
    style = features.mean(dim=(-2, -1))
    return torch.nn.functional.normalize(style, dim=1)
