"""A network on a device, run the quickest way that the device offers."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.device import autocast, has_fast_bfloat16, translated_errors
from cellmend.net.fused import FusedUNet
from cellmend.net.unet import CPNet

Floats = NDArray[np.float32]

FUSED_COPIES = 6
"""Copies of the widest activations that the fused network holds at its peak.

The peak of the process's memory rose by 6.0 of them for eight tiles of 224 pixels, and by
6.4 at half width.
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

    def __call__(self, batch: Floats) -> tuple[Floats, Floats]:
        """Run on (N, nchan, Y, X): pixels (N, nout, Y, X) and style (N, S).

        Raises
        ------
        MemoryLimitError
            If the batch does not fit the device.
        """
        with translated_errors():
            return self._fused(batch) if self._fused else self._torch(batch)

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
        if self.device.type != "cpu" or has_fast_bfloat16(self.device):
            return None
        return FusedUNet(self.net)

    def _torch(self, batch: Floats) -> tuple[Floats, Floats]:
        with torch.inference_mode(), autocast(self.device):
            tensor = torch.from_numpy(batch).to(self.device, memory_format=torch.channels_last)
            output = self.net(tensor)
            return output.pixels.float().cpu().numpy(), output.style.float().cpu().numpy()
