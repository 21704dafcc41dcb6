"""Who may run the kernels, and on how many threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from numba import config, get_num_threads, set_num_threads

from cellmend.device import restore_torch_threads

ONE_AT_A_TIME = threading.Lock()
"""Some of numba's threading layers abort the process when two threads run parallel kernels."""


@contextmanager
def as_many_threads_as_torch() -> Iterator[None]:
    """Run kernels alone, on torch's number of threads or numba's where that is smaller."""
    _launch()
    with ONE_AT_A_TIME:
        before = get_num_threads()
        set_num_threads(min(torch.get_num_threads(), before))
        try:
            yield
        finally:
            set_num_threads(before)


def compute_on(threads: int) -> None:
    """Have torch and the kernels use so many threads when called from this one."""
    _launch()
    torch.set_num_threads(threads)
    set_num_threads(min(threads, config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


@cache
def _launch() -> None:
    """Start numba's threads, which changes torch's number in the thread that is the first to."""
    get_num_threads()
    restore_torch_threads()
