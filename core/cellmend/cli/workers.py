"""``--workers`` and ``--scheduler``: several processes or machines share the work."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cellmend.errors import InputError
from cellmend.progress import Reporter

if TYPE_CHECKING:
    from distributed import Future

    from cellmend.scale.dask_workers import DaskWorkers

Result = TypeVar("Result")


def add_worker_switches(parser: argparse.ArgumentParser) -> None:
    """Add the switches that say who works."""
    group = parser.add_argument_group("several workers (need the extra 'dask')")
    who = group.add_mutually_exclusive_group()
    who.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes of this machine that share the files, and the blocks of large images",
    )
    who.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of a Dask cluster, such as tcp://host:8786; they need the same "
        "folders and models",
    )


def workers_of(args: argparse.Namespace) -> AbstractContextManager[DaskWorkers | None]:
    """Start or find the workers that are asked for; None where this process works alone.

    Raises
    ------
    InputError
        If their number is no number of workers, Dask is missing, or nobody answers.
    """
    if args.workers < 1:
        raise InputError(f"--workers {args.workers}: there must be one at least.")
    if args.dry_run or (args.workers == 1 and args.scheduler is None):
        return _nobody()
    from cellmend.scale.dask_workers import cluster_workers, local_workers

    return cluster_workers(args.scheduler) if args.scheduler else local_workers(args.workers)


@contextmanager
def _nobody() -> Iterator[None]:
    yield None


class Sent(Generic[Result]):
    """Files that were given to workers, all of them at once.

    Parameters
    ----------
    workers
        Who does it.
    work
        What is done with a file.
    files
        The files.
    """

    def __init__(
        self,
        workers: DaskWorkers,
        work: Callable[[Path, Reporter], Result],
        files: Sequence[Path],
    ) -> None:
        self._workers = workers
        self._futures: dict[Path, Future[Result]] = {
            file: workers.submit(work, file) for file in files
        }

    def get(self, file: Path, report: Reporter) -> Result:
        """Wait for the result of a file, or for its error."""
        result: Result = self._workers.result(self._futures.pop(file), report)
        return result
