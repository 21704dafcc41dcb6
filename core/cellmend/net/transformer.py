"""A transformer backbone: the encoder of SegFormer and a decoder with attention across scales.

The encoder follows the Mix Transformer (Xie et al., NeurIPS 2021): patches overlap,
attention looks at keys of lower resolution, and a depthwise convolution inside the
feed-forward part takes the place of positional codes, so that tiles may have any size. A
stem at full resolution is added, since cells are only 30 pixels wide. The decoder weighs the
channels of every scale by what the style says of the image, as channel attention does
(Fan et al., IEEE Access 2020, from pooled features).
"""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellmend.net.blocks import NormReluConv
from cellmend.net.unet import CPNet
from cellmend.params import BackboneName

STRIDES = (4, 2, 2)
"""How much smaller each stage is than the one before; together 16, as tiles are cut."""
LEVELS = 1 + len(STRIDES)
REDUCTIONS = (4, 2, 1)
"""How much smaller the keys of a stage are than its queries."""
DEPTH = 2
"""Blocks of a stage."""
HEAD = 16
"""Channels of an attention head, about."""
EXPANSION = 4
"""How much wider the feed-forward part is."""


class TransformerNet(CPNet):
    """A network with the inputs, outputs and style of `CPNet`, made of attention.

    `widths` are the channels of the stem and of the three stages.
    """

    backbone: ClassVar[BackboneName] = "transformer"

    def _parts(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        first = self.widths[0]
        return (
            MixTransformer((self.nchan, *self.widths)),
            AttentionDecoder(self.widths),
            NormReluConv(first, self.nout, kernel=1),
        )


class MixTransformer(nn.Module):
    """A convolutional stem and three stages of overlapping patches and attention."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        nchan, first, *_ = widths
        self.stem = nn.Sequential(nn.Conv2d(nchan, first, 3, padding=1), NormReluConv(first, first))
        self.stages = nn.ModuleList(
            Stage(n_in, n_out, stride, reduction)
            for (n_in, n_out), stride, reduction in zip(
                itertools.pairwise(widths[1:]), STRIDES, REDUCTIONS, strict=True
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of the stem and of every stage, full resolution first."""
        features = [self.stem(x)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features


class Stage(nn.Module):
    """Cuts overlapping patches, then lets them attend to each other."""

    def __init__(self, n_in: int, n_out: int, stride: int, reduction: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(n_in, n_out, 2 * stride - 1, stride, padding=stride - 1)
        self.blocks = nn.Sequential(*(Block(n_out, reduction) for _ in range(DEPTH)))
        self.norm = ChannelNorm(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in, Y, X) to (N, n_out, Y / stride, X / stride)."""
        out: Tensor = self.norm(self.blocks(self.embed(x)))
        return out


class Block(nn.Module):
    """Attention and a feed-forward part, each added to what it sees."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.attend = nn.Sequential(ChannelNorm(channels), Attention(channels, reduction))
        self.feed = nn.Sequential(
            ChannelNorm(channels),
            nn.Conv2d(channels, wide, 1),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide),
            nn.GELU(),
            nn.Conv2d(wide, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, Y, X) to the same shape."""
        x = x + self.attend(x)
        out: Tensor = x + self.feed(x)
        return out


class Attention(nn.Module):
    """Self-attention with keys and values at lower resolution."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.heads = max(n for n in range(1, max(1, channels // HEAD) + 1) if channels % n == 0)
        self.query = nn.Conv2d(channels, channels, 1)
        self.reduce = nn.Conv2d(channels, channels, reduction, reduction)
        self.key_value = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, Y, X) to the same shape."""
        key, value = self.key_value(self.reduce(x)).chunk(2, dim=1)
        query, key, value = (self._tokens(part) for part in (self.query(x), key, value))
        seen = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(seen.transpose(2, 3).reshape(x.shape))
        return out

    def _tokens(self, x: Tensor) -> Tensor:
        """Split (N, C, Y, X) into (N, heads, Y * X, C / heads)."""
        count, channels = x.shape[:2]
        tokens = x.reshape(count, self.heads, channels // self.heads, -1)
        return tokens.transpose(2, 3)


class AttentionDecoder(nn.Module):
    """Brings the deepest features back to full resolution, scale by scale."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.fuse = nn.ModuleList(
            Fuse(n_deep, n_skip, widths[-1])
            for n_skip, n_deep in reversed(list(itertools.pairwise(widths)))
        )

    def forward(self, style: Tensor, features: list[Tensor]) -> Tensor:
        """Return (N, widths[0], Y, X) features at full resolution."""
        x = features[-1]
        for fuse, skip in zip(self.fuse, features[-2::-1], strict=True):
            x = fuse(x, skip, style)
        return x


class Fuse(nn.Module):
    """Joins two scales, their channels weighted by attention."""

    def __init__(self, n_deep: int, n_skip: int, n_style: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(n_style, n_deep + n_skip)
        self.conv = nn.Sequential(
            NormReluConv(n_deep + n_skip, n_skip), NormReluConv(n_skip, n_skip)
        )

    def forward(self, deep: Tensor, skip: Tensor, style: Tensor) -> Tensor:
        """Return (N, n_skip, Y, X) of `skip` (N, n_skip, Y, X) and smaller, deeper features."""
        deep = functional.interpolate(deep, size=skip.shape[-2:], mode="bilinear")
        weights = torch.sigmoid(self.weigh(style))[:, :, None, None]
        out: Tensor = self.conv(torch.cat([deep, skip], dim=1) * weights)
        return out


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (N, C, Y, X)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
