"""Compile the kernels of the network ahead of their first use: ``python -m cellmend.net.warm``.

As `cellmend.dynamics.warm` does for those that follow flows.
"""

from __future__ import annotations

import numpy as np
import torch

from cellmend.net.fused import FusedUNet
from cellmend.net.unet import CPNet


def compile_kernels() -> None:
    """Run and train a very small network once; at once where its kernels are on disk."""
    net = CPNet(2, 3, (8, 8, 8, 8))
    FusedUNet(net.eval())(np.zeros((1, 2, 16, 16), np.float32))
    net.train()(torch.zeros(1, 2, 16, 16)).pixels.sum().backward()


if __name__ == "__main__":
    compile_kernels()
