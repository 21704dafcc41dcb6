"""Compile the kernels ahead of their first use: ``python -m cellmend.dynamics.warm``.

numba compiles each kernel when it is first called, which takes many seconds,
and keeps the result on disk. Doing so at installation spares the first image
the wait.
"""

from __future__ import annotations

import numpy as np

from cellmend.dynamics.flows import masks_to_flows
from cellmend.dynamics.masks import masks_from_flows


def compile_kernels() -> None:
    """Run every kernel of planes once, on one small cell; at once where they are on disk."""
    masks = np.zeros((32, 32), np.uint32)
    masks[8:24, 8:24] = 1
    flows = 5 * masks_to_flows(masks)
    masks_from_flows(flows, np.where(masks > 0, 5, -5).astype(np.float32))


if __name__ == "__main__":
    compile_kernels()
