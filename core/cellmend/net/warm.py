"""Compile the kernels of the network ahead of their first use: ``python -m cellmend.net.warm``.

As `cellmend.dynamics.warm` does for those that follow flows.
"""

from __future__ import annotations

import numpy as np

from cellmend.net.fused import FusedUNet
from cellmend.net.unet import CPNet


def compile_kernels() -> None:
    """Run a very small network once; at once where its kernels are on disk."""
    net = CPNet(2, 3, (8, 8, 8, 8)).eval()
    FusedUNet(net)(np.zeros((1, 2, 16, 16), np.float32))


if __name__ == "__main__":
    compile_kernels()
