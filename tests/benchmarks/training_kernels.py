"""Where the time of a training step on the CPU goes, kernel by kernel.

    NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/training_kernels.py [--steps N]

A step of the full-width network on four tiles of 224 pixels is timed, and within it every
kernel. The matrix products inside the 3x3 convolutions and their gradients by the weights are
timed by themselves, for each level of the network, and taken in proportion to these; the rest
of the convolutions is Winograd's transforms and what is fused with them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from cellmend.net import differentiable
from cellmend.net.matmul import add_outer, matmul
from cellmend.net.unet import CPNet
from cellmend.net.winograd import APART, POINTS, SIDE, conv3, winograd_weights
from cellmend.net.winograd_gradient import weight_gradient
from cellmend.train.tasks import SegmentationTask

Array = NDArray[np.float64]

LEVELS = ((32, 224), (64, 112), (128, 56), (256, 28))
"""Channels and sides of the network's levels, which cost about the same each."""
KERNELS = (
    "conv3", "weight_gradient", "conv1", "moments", "backward_relu", "backward_affine",
    "winograd_weights", "turned_weights",
)  # fmt: skip
TILES = 96
"""Patches that are multiplied at a time."""


@njit
def products(v, weights, m, channels, repeats):  # pragma: no cover
    """Multiply patches by weights, as a convolution does."""
    plane = TILES * channels + APART
    for _ in range(repeats):
        for point in range(POINTS):
            at = point * channels**2
            matmul(v, point * plane, TILES, channels, weights, at, m, point * plane, channels)


@njit
def outer_products(v, m, sums, channels, repeats):  # pragma: no cover
    """Multiply patches by squares, as the gradient by the weights does."""
    plane = TILES * channels + APART
    for _ in range(repeats):
        for point in range(POINTS):
            at, to = point * plane, point * channels**2
            add_outer(v, at, channels, m, at, channels, TILES, TILES, sums, to)


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median time of some work, after a first that is not counted."""
    work()
    found = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return median(found)


def times_at(channels: int, side: int) -> Array:
    """Time products and the whole of a convolution, then of its gradient by the weights."""
    rng = np.random.default_rng(0)
    x, gradient = rng.random((2, 4, side, side, channels), np.float32)
    weights = winograd_weights(rng.random((channels, channels, 3, 3)))
    bias, shift = np.zeros(channels, np.float32), np.zeros((4, channels), np.float32)
    v, m = rng.random((2, POINTS * (TILES * channels + APART)), np.float32)
    sums = np.zeros(POINTS * channels**2, np.float32)
    groups = 4 * (side // SIDE) ** 2 / TILES
    repeats = max(1, round(groups))
    return np.array(
        [
            seconds(lambda: products(v, weights, m, channels, repeats)) * groups / repeats,
            seconds(lambda: conv3(x, weights, bias, bias, shift)),
            seconds(lambda: outer_products(v, m, sums, channels, repeats)) * groups / repeats,
            seconds(lambda: weight_gradient(x, gradient, bias, shift)),
        ]
    )


def watched(spent: Counter[str], name: str) -> None:
    """Add the time of a kernel to `spent` whenever a step calls it."""
    kernel = getattr(differentiable, name)

    def timed(*args, **options):
        begin = time.perf_counter()
        result = kernel(*args, **options)
        spent[name] += time.perf_counter() - begin
        return result

    setattr(differentiable, name, timed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    steps = parser.parse_args().steps
    spent: Counter[str] = Counter()
    for name in KERNELS:
        watched(spent, name)
    torch.manual_seed(0)
    net = CPNet().to(memory_format=torch.channels_last).train()
    batch = torch.rand(4, 2, 224, 224), torch.rand(4, 3, 224, 224).round()

    def step() -> None:
        net.zero_grad()
        SegmentationTask().loss(net, batch).backward()

    step()
    spent.clear()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    whole = time.perf_counter() - begin
    times = sum(times_at(channels, side) for channels, side in LEVELS)
    multiplied = spent["conv3"] * times[0] / times[1]
    multiplied += spent["weight_gradient"] * times[2] / times[3]
    print(f"a step takes {whole / steps:.2f} s, of which")
    for name, part in spent.most_common():
        print(f"{name:18s} {100 * part / whole:5.1f} %")
    print(f"products inside conv3 and weight_gradient: {100 * multiplied / whole:.1f} %")


if __name__ == "__main__":
    main()
