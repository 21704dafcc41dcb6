"""Batches made ahead of their use, so that computing does not wait for data."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import torch

from cellmend.train.protocols import Batch, Source, Task

THREADS = 2
AHEAD = 4
"""Batches that are ready or being made while one is used."""


class Loader:
    """Makes batches in background threads.

    Every crop has a generator of its own, seeded by its place, so that the data
    are the same however many threads make them and wherever a run resumes.

    Attributes
    ----------
    waited
        Seconds that whoever takes batches has waited for them.
    """

    def __init__(
        self,
        source: Source[Any],
        task: Task[Any, Any],
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.waited = 0.0
        self._source = source
        self._task = task
        self._batch_size = batch_size
        self._seed = seed
        self._device = device

    def make(self, epoch: int, index: int) -> Batch:
        """Return batch `index` of an epoch."""
        examples = []
        for place in range(self._batch_size):
            rng = np.random.default_rng([self._seed, epoch, index, place])
            examples.append(self._task.example(self._source.draw(rng), rng))
        return self._task.batch(examples, self._device)

    def stream(self, places: Iterable[tuple[int, int]]) -> Iterator[Batch]:
        """Yield the batches at these places, (epoch, index) each, in order."""
        left = iter(places)
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="cellmend-data")
        try:
            pending: deque[Future[Batch]] = deque(
                pool.submit(self.make, *place) for place in islice(left, AHEAD)
            )
            while pending:
                asked = time.perf_counter()
                batch = pending.popleft().result()
                self.waited += time.perf_counter() - asked
                if (place := next(left, None)) is not None:
                    pending.append(pool.submit(self.make, *place))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)
