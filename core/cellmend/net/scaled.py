"""The size at which a network sees an image, as far as the memory holds it."""

from __future__ import annotations

from math import prod

from cellmend.device import free_memory
from cellmend.errors import MemoryLimitError
from cellmend.io.limits import memory_limit

BYTES_PER_PIXEL = 32
"""What a pixel takes while a network looks at it, without the network: two channels seen, three
told, and as much again while they are scaled and blended."""
ALWAYS_FITS = 1 << 24
"""Pixels for which the memory is not asked."""


def scaled_shape(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    """Return (Y, X) scaled by `factor`, at least one pixel each.

    Raises
    ------
    MemoryLimitError
        If a plane of that size does not fit in the memory.
    """
    height, width = (length * factor for length in shape[-2:])
    check_enlarged((height, width), "Give the diameter of the cells in pixels of the image.")
    return max(1, round(height)), max(1, round(width))


def check_enlarged(shape: tuple[float, ...], hint: str) -> None:
    """Raise `MemoryLimitError`, with `hint`, if an image enlarged to `shape` is too large."""
    pixels = prod(shape)
    if pixels <= ALWAYS_FITS:
        return
    import torch

    free = free_memory(torch.device("cpu")) or memory_limit()
    if pixels * BYTES_PER_PIXEL > free:
        size = " x ".join(f"{length:,.0f}" for length in shape)
        raise MemoryLimitError(
            f"The image would be enlarged to {size} pixels, more than the memory holds.", hint=hint
        )
