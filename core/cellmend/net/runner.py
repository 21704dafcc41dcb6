"""A network on a device, run the quickest way that the device offers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellmend.device import autocast, has_fast_bfloat16, translated_errors
from cellmend.net.fused import FusedUNet
from cellmend.net.unet import CPNet

Floats = NDArray[np.float32]

PIXELS_PER_THREAD = 2 * 224**2
"""Pixels of tiles that the fused network takes at a time, for each thread.

More do not stay in the caches: on two threads, eight tiles of 224 pixels at a time took 1.3
times as long as four at full width, and on one thread 1.3 times as long as two.
"""
FUSED_COPIES = 5
"""Copies of the widest activations that the fused network holds at its peak.

The peak of the process's memory rose by 3.9 of them for eight tiles of 224 pixels at a time,
by 4.3 for four, and by 4.3 for eight at half width.
"""
TORCH_COPIES = 12
"""The same for torch: 11.9 in float32 on a CPU, and 11.6 at half width."""


class Runner:
    """Maps batches of tiles to outputs and styles.

    On a CPU the residual U-Net is run by the kernels of `cellmend.net.winograd`, which
    take a third of the time of torch in float32; where bfloat16 is computed in hardware,
    and on other devices, torch runs it channels last.

    Parameters
    ----------
    net
        In eval mode and on `device`; it must not be trained afterwards.
    device
        Where to run.
    """

    def __init__(self, net: CPNet, device: torch.device) -> None:
        self.net = net
        self.device = device
        self.nout = net.nout

    def __call__(
        self,
        batch: Floats,
        style: Floats | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[Floats, Floats]:
        """Run on (N, nchan, Y, X): pixels (N, nout, Y, X) and style (N, S).

        Parameters
        ----------
        batch
            Tiles of normalised images.
        style
            (N, S), in place of the tiles' own.
        check
            Called from time to time, and may raise.

        Raises
        ------
        MemoryLimitError
            If the batch does not fit the device.
        """
        with translated_errors():
            if not self._fused:
                return self._torch(batch, style)
            pixels, styles = [], []
            count = max(1, _pixels_at_once() // math.prod(batch.shape[2:]))
            for begin in range(0, len(batch), count):
                some = slice(begin, begin + count)
                found = self._fused(batch[some], None if style is None else style[some], check)
                pixels.append(found[0])
                styles.append(found[1])
            return np.concatenate(pixels), np.concatenate(styles)

    def deepest(self, batch: Floats, check: Callable[[], None] = lambda: None) -> Floats:
        """Return the features (N, S, y, x), of which a style is the mean; see `__call__`."""
        with translated_errors():
            if self._fused:
                return self._fused.deepest(batch, check)
            with torch.inference_mode(), autocast(self.device):
                return _array(self.net.downsample(self._tensor(batch))[-1])

    @cached_property
    def on_cpu(self) -> Runner:
        """The same network on the CPU."""
        return Runner(self.net.to("cpu"), torch.device("cpu"))

    def bytes_needed(self, pixels: int) -> int:
        """Estimate the memory that tiles of `pixels` pixels together take at the peak."""
        copies = FUSED_COPIES if self._fused else TORCH_COPIES
        return 4 * copies * self.net.widths[0] * pixels

    @cached_property
    def _fused(self) -> FusedUNet | None:
        residual = self.net.backbone == CPNet.backbone
        if not residual or self.device.type != "cpu" or has_fast_bfloat16(self.device):
            return None
        return FusedUNet(self.net)

    def _torch(self, batch: Floats, style: Floats | None) -> tuple[Floats, Floats]:
        with torch.inference_mode(), autocast(self.device):
            given = None if style is None else torch.from_numpy(style).to(self.device)
            output = self.net(self._tensor(batch), given)
            return _array(output.pixels), _array(output.style)

    def _tensor(self, batch: Floats) -> Tensor:
        return torch.from_numpy(batch).to(self.device, memory_format=torch.channels_last)


def _pixels_at_once() -> int:
    return PIXELS_PER_THREAD * numba.get_num_threads()


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.float().cpu().numpy())
