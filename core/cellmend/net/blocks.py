"""Pre-activation blocks of the residual U-Net (Stringer et al., Nature Methods 2021).

The attribute names are those of the weight files that Cellpose 1-3 write, so
that such a file loads key for key.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from cellmend.net.differentiable import has_kernels, norm_conv

BN_EPS = 1e-5
BN_MOMENTUM = 0.05


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return the batch normalisation that every block uses."""
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


class NormReluConv(nn.Sequential):
    """BatchNorm, ReLU, then a convolution that keeps the size."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 3) -> None:
        conv = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)
        super().__init__(batch_norm(n_in), nn.ReLU(inplace=True), conv)

    def forward(
        self,
        x: Tensor,
        skip: Tensor | None = None,
        shift: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """Map ``x [+ skip] [+ shift]`` (N, n_in, Y, X) to (N, n_out, Y, X), add the residual.

        The shift is (N, n_in).
        """
        if has_kernels(x):
            return norm_conv(x, self, skip=skip, shift=shift, residual=residual)
        x = x if skip is None else x + skip
        x = x if shift is None else x + shift[:, :, None, None]
        out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return out if residual is None else residual + out


class Shortcut(nn.Sequential):
    """BatchNorm and a 1x1 convolution."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(batch_norm(n_in), nn.Conv2d(n_in, n_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in, Y, X) to (N, n_out, Y, X)."""
        if has_kernels(x):
            return norm_conv(x, self)
        out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return out


class StyledConv(nn.Module):
    """A convolution whose input is shifted per channel by a linear map of the style."""

    def __init__(self, n_in: int, n_out: int, n_style: int) -> None:
        super().__init__()
        self.conv = NormReluConv(n_in, n_out)
        self.full = nn.Linear(n_style, n_in)

    def forward(
        self,
        style: Tensor,
        x: Tensor,
        skip: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """Convolve ``x [+ skip] + linear(style)``, add the residual; x is (N, C, Y, X)."""
        out: Tensor = self.conv(x, skip, self.full(style), residual)
        return out


class DownBlock(nn.Module):
    """Four convolutions in two residual pairs."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential()
        for i in range(4):
            self.conv.add_module(f"conv_{i}", NormReluConv(n_in if i == 0 else n_out, n_out))
        self.proj = Shortcut(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, n_in, Y, X) to (N, n_out, Y, X)."""
        c0, c1, c2, c3 = self.conv
        x = c1(c0(x), residual=self.proj(x))
        out: Tensor = c3(c2(x), residual=x)
        return out


class UpBlock(nn.Module):
    """Four convolutions in two residual pairs; the last three see the style."""

    def __init__(self, n_in: int, n_out: int, n_style: int) -> None:
        super().__init__()
        self.conv = nn.Sequential()
        self.conv.add_module("conv_0", NormReluConv(n_in, n_out))
        for i in range(1, 4):
            self.conv.add_module(f"conv_{i}", StyledConv(n_out, n_out, n_style))
        self.proj = Shortcut(n_in, n_out)

    def forward(self, x: Tensor, skip: Tensor, style: Tensor) -> Tensor:
        """Map (N, n_in, Y, X) and a skip of (N, n_out, Y, X) to (N, n_out, Y, X)."""
        c0, c1, c2, c3 = self.conv
        x = c1(style, c0(x), skip, self.proj(x))
        out: Tensor = c3(style, c2(style, x), residual=x)
        return out


class Encoder(nn.Module):
    """Down blocks with 2x2 max-pooling between them."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.Sequential()
        for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            self.down.add_module(f"res_down_{i}", DownBlock(n_in, n_out))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, full resolution first."""
        features: list[Tensor] = []
        for block in self.down:
            x = block(nn.functional.max_pool2d(features[-1], 2) if features else x)
            features.append(x)
        return features


class Decoder(nn.Module):
    """Up blocks, deepest first, with nearest-neighbour doubling between them."""

    def __init__(self, widths: tuple[int, ...], n_style: int) -> None:
        super().__init__()
        self.up = nn.Sequential()
        for i, (n_out, n_in) in enumerate(itertools.pairwise(widths)):
            self.up.add_module(f"res_up_{i}", UpBlock(n_in, n_out, n_style))

    def forward(self, style: Tensor, features: list[Tensor]) -> Tensor:
        """Return (N, widths[0], Y, X) features at full resolution."""
        blocks = list(self.up)
        x = blocks[-1](features[-1], features[-1], style)
        for block, skip in zip(blocks[-2::-1], features[-2::-1], strict=True):
            x = block(nn.functional.interpolate(x, scale_factor=2, mode="nearest"), skip, style)
        return x  # type: ignore[no-any-return]
