"""Batch normalisation, ReLU and convolution as one differentiable step on the CPU.

For training in float32: forwards and backwards run the kernels of `winograd`,
`winograd_gradient`, `pointwise` and `normalization`. What lies between the input and the
output is computed again in the backward pass instead of kept, so that a step holds half
of what torch's layers hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from cellmend.net.matmul import Floats
from cellmend.net.normalization import (
    Doubles,
    Moments,
    backward_affine,
    backward_relu,
    moments,
)
from cellmend.net.pointwise import conv1, pointwise_weights
from cellmend.net.threads import as_many_threads_as_torch
from cellmend.net.winograd import conv3, winograd_weights
from cellmend.net.winograd_gradient import turned_weights, weight_gradient

GROUP = 8
"""Channels are filled up with zeros to a multiple of this."""


def has_kernels(x: Tensor) -> bool:
    """Tell whether `norm_conv` takes this input: float32 on the CPU, without autocast.

    Where torch records what a network does, it must see its own layers.
    """
    return (
        not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and x.numel() > x.shape[1]  # torch refuses to normalise a single pixel in training
    )


def norm_conv(
    x: Tensor,
    layers: nn.Sequential,
    *,
    skip: Tensor | None = None,
    shift: Tensor | None = None,
    residual: Tensor | None = None,
) -> Tensor:
    """Return ``layers(x [+ skip] [+ shift]) [+ residual]``.

    Parameters
    ----------
    x, skip
        (N, C, Y, X), channels last, or else they are copied.
    layers
        BatchNorm, ReLU and a convolution with padding of 3x3 or 1x1, or BatchNorm and one of
        1x1; running statistics move in training mode. 1x1 takes neither skip, shift nor
        residual.
    shift
        (N, C).
    residual
        (N, K, Y, X).
    """
    norm: Any = layers[0]
    conv: Any = layers[-1]
    outputs, inputs = conv.weight.shape[:2]
    more, wider = -outputs % GROUP, -inputs % GROUP
    result: Tensor = _NormConv.apply(  # type: ignore[no-untyped-call]
        _Layer(norm, len(layers) == 3),
        _filled(x, wider), _filled(skip, wider),
        None if shift is None else functional.pad(shift, (0, wider)),
        functional.pad(norm.weight, (0, wider)), functional.pad(norm.bias, (0, wider)),
        functional.pad(conv.weight, (0, 0, 0, 0, 0, wider, 0, more)),
        functional.pad(conv.bias, (0, more)), _filled(residual, more),
    )  # fmt: skip
    return result[:, :outputs] if more else result


def _filled(x: Any, extra: int) -> Any:
    """Append channels of zeros to (N, C, Y, X)."""
    return functional.pad(x, (0, 0, 0, 0, 0, extra)) if x is not None and extra else x


@dataclass(frozen=True)
class _Layer:
    """What is no tensor of the graph."""

    norm: nn.BatchNorm2d
    relu: bool


class _Normalization:
    """Scale and shift that batch normalisation comes to, and its gradient.

    Attributes
    ----------
    scale, shift
        (C,) and (N, C): ``norm(u + style) = scale * u + shift``.
    """

    def __init__(
        self,
        norm: nn.BatchNorm2d,
        seen: Moments | None,
        style: Doubles,
        gamma: Floats,
        beta: Floats,
    ) -> None:
        self._seen, self._style = seen, style
        if seen is None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            self._mean = _lengthened(norm.running_mean.double().numpy(), len(gamma))
            variance = _lengthened(norm.running_var.double().numpy(), len(gamma))
        else:
            means = seen.mean + style
            self._mean = means.mean(axis=0)
            variance = (seen.variance + np.square(means - self._mean)).mean(axis=0)
            _move_statistics(norm, self._mean, variance, len(style) * seen.pixels)
        self._inverse = 1 / np.sqrt(variance + norm.eps)
        self._gain = gamma * self._inverse
        self._center = self._mean - style
        self.scale = self._gain.astype(np.float32)
        self.shift = (beta - self._gain * self._center).astype(np.float32)

    def backward(
        self, gradient: Floats, x: Floats, skip: Floats | None, relu: bool
    ) -> list[Tensor]:
        """Turn the gradient by the activation into that by x and the skip, in place.

        Returns the gradients by the style, gamma and beta.
        """
        scale, shift = self.scale, self.shift
        if not relu:  # then all counts
            scale, shift = np.zeros_like(scale), np.ones_like(shift)
        center = self._center.astype(np.float32)
        sums, products = backward_relu(gradient, x, skip, scale, shift, center)
        by_beta = sums.sum(axis=0)
        by_gamma = self._inverse * products.sum(axis=0)
        along, constant = np.zeros_like(by_gamma), np.zeros_like(sums)
        by_style = self._gain * sums
        if self._seen is not None:
            pixels = self._seen.pixels
            count = len(sums) * pixels
            along = -self._gain * self._inverse * by_gamma / count
            constant = -self._gain * by_beta / count - along * self._center
            by_style += pixels * (along * self._seen.mean + constant)
        factors = (self.scale, along.astype(np.float32), constant.astype(np.float32))
        backward_affine(gradient, x, skip, factors)
        return [torch.from_numpy(found).float() for found in (by_style, by_gamma, by_beta)]

    def backward_fixed(
        self, gradient: Floats, x: Floats, skip: Floats | None, relu: bool
    ) -> Tensor | None:
        """Do what `backward` does where the normalisation is fixed, but for the scale.

        Returns the gradient by the style.
        """
        if not relu:
            return None
        anywhere = self.shift  # the centre of the products, which no one asks for here
        sums, _ = backward_relu(gradient, x, skip, self.scale, self.shift, anywhere)
        return torch.from_numpy(sums).float()


class _NormConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: _Layer, *tensors: Tensor | None) -> Tensor:
        images = x, skip, _ = [_last(tensors[i]) for i in (0, 1, 7)]
        style, gamma, beta, weight, bias = (_values(tensor) for tensor in tensors[2:7])
        if style is None:
            style = np.zeros((len(x), x.shape[3]))
        with as_many_threads_as_torch():
            seen = moments(x, skip) if layer.norm.training else None
            by = _Normalization(layer.norm, seen, style, gamma, beta)
            out = _forward(images, weight, bias, by, layer.relu)
        ctx.layer, ctx.by = layer, by
        ctx.save_for_backward(tensors[0], tensors[1], tensors[5])
        return _first(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        x, skip = (_last(tensor) for tensor in ctx.saved_tensors[:2])
        weight, flowing = _values(ctx.saved_tensors[2]), _last(gradient)
        by, layer, relu = ctx.by, ctx.layer, ctx.layer.relu
        needed = ctx.needs_input_grad
        by_x = by_skip = by_style = by_gamma = by_beta = by_weight = by_bias = None
        with as_many_threads_as_torch():
            if needed[6]:
                kernel = weight.shape[2]
                by_weight = _weight_gradient(x, skip, flowing, by, (kernel, relu))
            if any(needed[1:6]) and (layer.norm.training or any(needed[4:6])):
                made = _input_gradient(flowing, weight)
                by_style, by_gamma, by_beta = by.backward(made, x, skip, relu)
                by_x = by_skip = _first(made)
            elif any(needed[1:4]):  # the scale of a frozen network goes into the weights
                made = _input_gradient(flowing, weight * by.scale[:, None, None])
                by_style = by.backward_fixed(made, x, skip, relu)
                by_x = by_skip = _first(made)
        if needed[7]:
            by_bias = torch.from_numpy(flowing).flatten(0, 2).sum(0)
        found = (by_x, by_skip, by_style, by_gamma, by_beta, by_weight, by_bias, gradient)
        wanted = zip(found, needed[1:], strict=True)
        return (None, *(one if need else None for one, need in wanted))


def _forward(
    images: list[Any], weight: Floats, bias: Floats, by: _Normalization, relu: bool
) -> Floats:
    x, skip, residual = images
    if weight.shape[2] == 3:
        return conv3(
            x, winograd_weights(weight), bias, by.scale, by.shift,
            skip=skip, residual=residual,
        )  # fmt: skip
    weight, scale, shift = weight[:, :, 0, 0], by.scale, by.shift[0]
    if relu:
        return conv1(x, pointwise_weights(weight), bias, scale, shift)
    return conv1(x, pointwise_weights(weight * scale), bias + weight @ shift)


def _input_gradient(gradient: Floats, weight: Floats) -> Floats:
    nothing = np.zeros(weight.shape[1], np.float32)
    if weight.shape[2] == 3:
        return conv3(gradient, turned_weights(weight), nothing)
    return conv1(gradient, pointwise_weights(weight[:, :, 0, 0].T), nothing)


def _weight_gradient(
    x: Floats,
    skip: Floats | None,
    gradient: Floats,
    by: _Normalization,
    kind: tuple[int, bool],
) -> Tensor:
    kernel, relu = kind
    if kernel == 3:
        return torch.from_numpy(weight_gradient(x, gradient, by.scale, by.shift, skip=skip))
    before, after = (torch.from_numpy(values).flatten(0, 2) for values in (x, gradient))
    scale, shift = torch.from_numpy(by.scale), torch.from_numpy(by.shift[0])
    if relu:
        made = after.T @ torch.addcmul(shift, scale, before).relu_()
    else:
        made = after.T @ before * scale + torch.outer(after.sum(0), shift)
    return made[:, :, None, None]


def _move_statistics(norm: nn.BatchNorm2d, mean: Doubles, variance: Doubles, count: int) -> None:
    """Move the running statistics as torch does: by the unbiased variance."""
    assert norm.momentum is not None
    for running, value in (
        (norm.running_mean, mean),
        (norm.running_var, variance * count / (count - 1)),
    ):
        assert running is not None
        new = torch.from_numpy(value[: len(running)])
        running.copy_(running.double().lerp(new, norm.momentum))
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)


def _lengthened(values: NDArray[Any], length: int) -> Doubles:
    """Append zeros."""
    return np.pad(values, (0, length - len(values)))


def _last(tensor: Tensor | None) -> Any:
    """Return (N, C, Y, X) as (N, Y, X, C), without copying where it is channels last."""
    if tensor is None:
        return None
    return tensor.detach().permute(0, 2, 3, 1).contiguous().numpy()


def _first(array: Floats) -> Tensor:
    """Return (N, Y, X, C) as (N, C, Y, X)."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def _values(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().numpy()
