"""Running one compiled kernel on many spans of work, on all cores, cancellable.

The kernels are compiled without numba's own threading: with its default layer two Python
threads that enter parallel kernels at once abort the process. They release the GIL instead,
and plain threads run them side by side, which any number of callers may do.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from cellmend.progress import SILENT, Reporter

StopFlag = NDArray[np.bool_]

CHECK_SECONDS = 0.1
CHUNKS_PER_CORE = 8


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def even_spans(weights: NDArray[np.generic], least: float = 0.0) -> list[tuple[int, int]]:
    """Cut ``range(len(weights))`` into spans of about the same total weight.

    A span weighs at least `least`, so that small work is not cut at all.
    """
    total = np.cumsum(weights, dtype=np.float64)
    if total.size == 0 or total[-1] <= 0:
        return [(0, total.size)] if total.size else []
    count = cores() * CHUNKS_PER_CORE
    if least > 0:
        count = max(1, min(count, int(total[-1] / least)))
    cuts = np.searchsorted(total, np.linspace(0, total[-1], count + 1)[1:-1], side="right")
    edges = np.unique(np.concatenate([[0], cuts, [total.size]]))
    return [(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def run_chunks(
    kernel: Callable[[int, int, StopFlag], object],
    spans: Iterable[tuple[int, int]],
    report: Reporter = SILENT,
) -> None:
    """Call ``kernel(start, stop, stop_flag)`` for every span and wait for all of them.

    Raises
    ------
    Cancelled
        If `report` says so; kernels that look at the flag stop early.
    """
    stop = np.zeros(1, np.bool_)
    report.check()
    with ThreadPoolExecutor(cores(), thread_name_prefix="cellmend-kernel") as pool:
        pending = {pool.submit(kernel, start, end, stop) for start, end in spans}
        try:
            while pending:
                done, pending = wait(pending, CHECK_SECONDS, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                report.check()
        except BaseException:
            stop[0] = True
            for future in pending:
                future.cancel()
            raise
