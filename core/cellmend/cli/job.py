"""Doing the same with many files: whole or block by block, here or on workers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cellmend.cli.ahead import Ahead
from cellmend.cli.batch import Batch, Plan
from cellmend.cli.workers import Sent, workers_of
from cellmend.device import pick_device
from cellmend.progress import Reporter

if TYPE_CHECKING:
    from cellmend.scale.workers import Workers

Made = TypeVar("Made")


class Job(Protocol[Made]):
    """What a command does with files; it can be sent to a worker."""

    def __call__(self, source: Path, report: Reporter) -> Mapping[str, Any]:
        """Do a whole image and write what is made of it; return what is told of it."""

    def ahead(self, files: Sequence[Path]) -> Ahead[Made]:
        """Return what does whole images."""

    def saved(self, source: Path, made: Made) -> Mapping[str, Any]:
        """Write what was made of a whole image; return what is told of it."""

    def in_blocks(
        self, source: Path, workers: Workers | None, report: Reporter
    ) -> Mapping[str, Any]:
        """Do an image block by block and write what is made of it; return what is told of it."""


def run_job(
    job: Job[Made],
    batch: Batch,
    args: argparse.Namespace,
    plan: Plan,
    in_blocks: Callable[[Path], bool],
) -> int:
    """Do all inputs; return the exit status.

    Parameters
    ----------
    job
        What is done.
    batch
        Keeps the results.
    args
        The parsed command line: the inputs, and who works.
    plan
        Tells what is written for a file.
    in_blocks
        Tells whether a file is done in blocks.
    """
    if not args.dry_run:
        pick_device(args.device or "auto")  # before anything else, it may not be there
    sources = batch.collect(args.input)
    pending = [] if args.dry_run else batch.pending(sources, plan)
    large = {source for source in pending if in_blocks(source)}
    whole = [source for source in pending if source not in large]
    with workers_of(args) as workers:
        sent = Sent(workers, job, whole) if workers else None
        results = job.ahead([] if sent else whole)

        def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
            if source in large:
                return job.in_blocks(source, workers, report)
            if sent is not None:
                return sent.get(source, report)
            return job.saved(source, results.get(source, report))

        batch.run(sources, plan, work)
    return batch.finish()
