"""Dask: worker processes on this machine, or a cluster that is there already.

All of them read the image and write what they make of it by its path, so that other machines
need the same folders and models.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cellmend.dynamics.chunks import cores
from cellmend.errors import InputError
from cellmend.progress import SILENT, Reporter
from cellmend.scale.workers import Item, Result, Work

if TYPE_CHECKING:
    from distributed import Client, Future

POLL_SECONDS = 0.1


class DaskWorkers:
    """Gives work to the workers of a Dask cluster.

    Parameters
    ----------
    client
        Connected to the cluster.
    threads
        With which each worker computes; None leaves that to the worker.
    """

    def __init__(self, client: Client, threads: int | None = None) -> None:
        self._client = client
        self._threads = threads

    def map(
        self, work: Work[Item, Result], items: Sequence[Item], report: Reporter
    ) -> list[Result]:
        """Return the results in the order of the items; the first error ends the work."""
        futures = [self.submit(work, item) for item in items]
        try:
            self._wait(futures, report)
        finally:
            self._client.cancel([future for future in futures if not future.done()])
        return [future.result() for future in futures]

    def submit(self, work: Work[Item, Result], item: Item) -> Future[Any]:
        """Have a worker do one thing; return the future of its result."""
        return self._client.submit(_do, work, item, self._threads, pure=False)

    def result(self, future: Future[Any], report: Reporter) -> Any:
        """Wait for the result of something that was submitted, or for its error."""
        self._wait([future], report)
        return future.result()

    def _wait(self, futures: Sequence[Future[Any]], report: Reporter) -> None:
        """Wait for all, or for the first that fails."""
        waiting = list(futures)
        while waiting:
            report.check()
            for future in waiting:
                if future.done():
                    future.result()
            waiting = [future for future in waiting if not future.done()]
            report.step(len(futures) - len(waiting), len(futures))
            time.sleep(POLL_SECONDS if waiting else 0)


@contextmanager
def local_workers(count: int) -> Iterator[DaskWorkers]:
    """Start processes on this machine that share its cores; they end with the context.

    Raises
    ------
    InputError
        If Dask is not installed.
    """
    import_distributed()
    from distributed import Client, LocalCluster

    with (
        _environment_kept(),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield DaskWorkers(client, threads=max(1, cores() // count))


@contextmanager
def cluster_workers(address: str) -> Iterator[DaskWorkers]:
    """Connect to the scheduler of a cluster, such as ``tcp://host:8786``.

    Raises
    ------
    InputError
        If Dask is not installed, or nobody answers there.
    """
    import_distributed()
    from distributed import Client

    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise InputError(
            f"There is no Dask scheduler at {address!r} ({error}).",
            hint="Start one with: dask scheduler",
        ) from error
    with client:
        yield DaskWorkers(client)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Take back what Dask sets here for its processes to find, such as limits of threads."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def import_distributed() -> None:
    """Say what is missing where Dask is.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Work is shared by Dask, which is not installed.",
            hint="Install it with: pip install cellmend[dask]",
        ) from error


def _do(work: Callable[[Any, Reporter], Any], item: Any, threads: int | None) -> Any:
    if threads is not None:
        from cellmend.net.threads import compute_on

        compute_on(threads)
    return work(item, SILENT)
