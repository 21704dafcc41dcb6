"""Checks before any pixel is decoded: is there a file, and can its image fit in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from cellmend.errors import FileFormatError

_UNKNOWN_MEMORY = 16 << 30


def memory_limit() -> int:
    """Return the most bytes that one image may claim: three quarters of the machine's memory."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        installed = _UNKNOWN_MEMORY
    return installed * 3 // 4


def check_file(path: Path) -> None:
    """Raise `FileFormatError` unless `path` is a file with something in it."""
    try:
        if not path.exists():
            raise FileFormatError(path, "there is no such file.")
        if path.is_dir():
            raise FileFormatError(path, "it is a folder, not an image.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise FileFormatError(path, f"it cannot be opened ({error.strerror}).") from error
    if empty:
        raise FileFormatError(path, "the file is empty (0 bytes).")


def check_size(path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
    """Raise `FileFormatError` for an image without pixels or one that cannot fit in memory."""
    if prod(shape) == 0:
        raise FileFormatError(path, f"the image has no pixels: its shape is {tuple(shape)}.")
    claimed = prod(shape) * np.dtype(dtype).itemsize
    if claimed > memory_limit():
        raise FileFormatError(
            path,
            f"it claims an image of shape {tuple(shape)}, {claimed / 2**30:,.0f} GiB,"
            f" more than this machine's memory can hold.",
            hint="If the size is right, convert it to OME-Zarr; otherwise the file is damaged.",
        )
