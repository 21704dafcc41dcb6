"""Which images stay on the disk and are read where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

MAPPED_FROM = 64 << 20
"""Bytes from which pixels that lie in a file as they are, are mapped instead of read."""


def worth_mapping(shape: Sequence[int], dtype: np.dtype[np.generic]) -> bool:
    """Say whether an array is large, and in the byte order that the machine computes with."""
    return dtype.isnative and prod(shape) * dtype.itemsize >= MAPPED_FROM
