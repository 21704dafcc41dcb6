"""The residual U-Net for inference on the CPU, made of the kernels in `winograd` and `pointwise`.

It gives what `CPNet` gives, up to rounding, and keeps only what later layers need.
Batch normalisation becomes a scale and a shift that the convolution applies as it
reads its input; in a shortcut, which has no ReLU, it goes into the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.net.blocks import StyledConv
from cellmend.net.matmul import Floats
from cellmend.net.pointwise import conv1, max_pool, pointwise_weights
from cellmend.net.threads import ONE_AT_A_TIME
from cellmend.net.unet import CPNet
from cellmend.net.winograd import conv3, winograd_weights

GROUP = 8
"""Channels are filled up with zeros to a multiple of this."""


class FusedUNet:
    """Runs a trained network; later changes of its weights are not seen.

    Parameters
    ----------
    net
        In eval mode, on the CPU.
    """

    def __init__(self, net: CPNet) -> None:
        self._nchan, self._nout, self._n_style = net.nchan, net.nout, net.widths[-1]
        self._down = [_Down(block) for block in net.downsample.down]
        self._up = [_Up(block) for block in net.upsample.up][::-1]
        self._output = _Pointwise(net.output, activated=True)

    def __call__(
        self,
        batch: Floats,
        style: Floats | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[Floats, Floats]:
        """Run on (N, nchan, Y, X): pixels (N, nout, Y, X) and style (N, widths[-1]).

        A `style` that is given takes the place of the batch's own. `check` is called between
        blocks, and may raise.
        """
        with ONE_AT_A_TIME:
            features = self._encode(batch, check)
            x = features[-1]
            if style is None:
                style = x.mean(axis=(1, 2), dtype=np.float32)[:, : self._n_style]
                style /= np.maximum(np.linalg.norm(style, axis=1, keepdims=True), 1e-12)
            for up in self._up:
                check()
                x = up(x, features, style)
            pixels = self._output(x)[..., : self._nout].transpose(0, 3, 1, 2)
            return np.ascontiguousarray(pixels), style

    def deepest(self, batch: Floats, check: Callable[[], None] = lambda: None) -> Floats:
        """Return the deepest features (N, widths[-1], y, x) of (N, nchan, Y, X)."""
        with ONE_AT_A_TIME:
            return self._encode(batch, check)[-1][..., : self._n_style].transpose(0, 3, 1, 2)

    def _encode(self, batch: Floats, check: Callable[[], None]) -> list[Floats]:
        """Return the features of every level (N, y, x, channels), full resolution first."""
        x = np.zeros((len(batch), *batch.shape[2:], _filled(self._nchan)), np.float32)
        x[..., : self._nchan] = batch.transpose(0, 2, 3, 1)
        features: list[Floats] = []
        for down in self._down:
            check()
            x = down(max_pool(features[-1]) if features else x)
            features.append(x)
        return features


class _Down:
    """`DownBlock`, fused."""

    def __init__(self, block: Any) -> None:
        self._convs = [_Conv(part) for part in block.conv]
        self._proj = _Pointwise(block.proj)

    def __call__(self, x: Floats) -> Floats:
        c0, c1, c2, c3 = self._convs
        x = c1(c0(x), residual=self._proj(x), in_place=True)
        return c3(c2(x), residual=x, in_place=True)


class _Up:
    """`UpBlock`, fused; takes the skip from the features, doubles what is smaller than it."""

    def __init__(self, block: Any) -> None:
        self._convs = [_Conv(part) for part in block.conv]
        self._proj = _Pointwise(block.proj)

    def __call__(self, x: Floats, features: list[Floats], style: Floats) -> Floats:
        c0, c1, c2, c3 = self._convs
        first = c0(x, double=x.shape[1] != features[-1].shape[1])
        x = c1(first, style, skip=features.pop(), residual=self._proj(x))
        del first  # each is as large as all that the block still needs
        return c3(c2(x, style), style, residual=x, in_place=True)


class _Conv:
    """Normalisation, ReLU and 3x3 convolution, the input shifted by a map of the style."""

    def __init__(self, part: Any) -> None:
        norm, _, conv = part.conv if isinstance(part, StyledConv) else part
        self._weights = winograd_weights(_fill(_values(conv.weight), 0, 1))
        self._bias = _fill(_values(conv.bias), 0)
        self._scale, self._shift = (_fill(values, 0) for values in _scale_and_shift(norm))
        self._full: tuple[Floats, Floats] | None = None
        if isinstance(part, StyledConv):
            full: Any = part.full
            self._full = _fill(_values(full.weight), 0).T.copy(), _fill(_values(full.bias), 0)

    def __call__(self, x: Floats, style: Floats | None = None, **options: Any) -> Floats:
        shift = np.repeat(self._shift[None], len(x), axis=0)
        if self._full is not None:
            assert style is not None
            weight, bias = self._full
            # One by one: BLAS rounds differently for another number of rows, and what is found
            # in a tile must not depend on the tiles that share its batch.
            shift += self._scale * (np.stack([one @ weight for one in style]) + bias)
        return conv3(x, self._weights, self._bias, self._scale, shift, **options)


class _Pointwise:
    """Normalisation and 1x1 convolution, with ReLU between them where `activated`."""

    def __init__(self, part: Any, activated: bool = False) -> None:
        norm, conv = part[0], part[-1]
        weight, bias = _values(conv.weight)[:, :, 0, 0], _values(conv.bias)
        scale, shift = _scale_and_shift(norm)
        self._before: list[Floats] = []
        if activated:
            self._before = [_fill(scale, 0), _fill(shift, 0)]
        else:
            bias = bias + weight @ shift
            weight = weight * scale
        self._weights = pointwise_weights(_fill(weight, 0, 1))
        self._bias = _fill(bias, 0)

    def __call__(self, x: Floats) -> Floats:
        return conv1(x, self._weights, self._bias, *self._before)


def _scale_and_shift(norm: Any) -> tuple[Floats, Floats]:
    """Return the scale and shift that batch normalisation comes to, in eval mode."""
    variance, mean = _values(norm.running_var), _values(norm.running_mean)
    scale = _values(norm.weight) / np.sqrt(variance + norm.eps)
    return scale, _values(norm.bias) - mean * scale


def _values(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy())


def _filled(channels: int) -> int:
    return -(-channels // GROUP) * GROUP


def _fill(values: NDArray[np.float32], *axes: int) -> Floats:
    """Append zeros along `axes` up to a multiple of `GROUP`."""
    extra = [
        (0, _filled(length) - length if axis in axes else 0)
        for axis, length in enumerate(values.shape)
    ]
    return np.pad(values, extra)
