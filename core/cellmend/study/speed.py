"""How fast and how lean the library is, and beside it Cellpose 3 where it is at hand.

Both programs do the same work on the same inputs and weights, each in processes of
its own, in turns; of the seconds the median counts. What they give is compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError, InputError
from cellmend.progress import SILENT, Reporter
from cellmend.study import plots
from cellmend.study.outcome import Outcome, write_outcome
from cellmend.study.page import Page
from cellmend.study.settings import SpeedStudySettings
from cellmend.study.speed_inputs import make_inputs
from cellmend.study.tables import Table

Array = NDArray[Any]
MIB = 2**20
OURS = [sys.executable, "-m", "cellmend.study.speed_ours"]
RUN_FILE = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
"""Runs a script without putting its folder in the way of the peer's own imports."""


@dataclass(frozen=True)
class Work:
    """A row of the table.

    Attributes
    ----------
    name
        Of the task in `speed_ours` and `speed_peer`.
    title
        For a person.
    target
        How many times as fast as the peer it should be.
    agreement
        What `agree` tells, and the function that compares both results.
    """

    name: str
    title: str
    target: float
    measure: str
    agree: Callable[[Array, Array], float]


def cosine(ours: Array, theirs: Array) -> float:
    """Return the mean cosine between two flow fields, where both have a length."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.sqrt((ours**2).sum(0) * (theirs**2).sum(0))
    return float(((ours * theirs).sum(0) / np.maximum(lengths, 1e-9))[lengths > 0.5].mean())


def same_cells(ours: Array, theirs: Array) -> float:
    """Return the average precision at IoU 0.9 of one label image against the other."""
    from cellmend.metrics import average_precision

    return float(average_precision(theirs.astype(np.uint32), ours.astype(np.uint32), (0.9,))[0])


def largest_difference(ours: Array, theirs: Array) -> float:
    """Return the largest difference, relative to the largest value."""
    scale = max(float(np.abs(theirs).max()), 1e-9)
    return float(np.abs(ours.astype(np.float64) - theirs).max()) / scale


WORKS = (
    Work("flows", "flows from masks", 15, "cosine", cosine),
    Work("masks", "masks from flows", 15, "AP@0.9", same_cells),
    Work("forward", "network, tiles of 224 px", 3, "largest difference", largest_difference),
    Work("segment", "segment 1024 x 1024", 4, "AP@0.9", same_cells),
    Work("denoise_segment", "denoise and segment 1024 x 1024", 4, "AP@0.9", same_cells),
    Work("precision", "average precision", 10, "largest difference", largest_difference),
    Work("outlines", "outlines", 10, "largest difference", largest_difference),
    Work("rois", "ImageJ ROI export", 10, "largest difference", largest_difference),
    Work("train", "training step, segmentation", 3, "largest difference", largest_difference),
    Work(
        "train_restoration", "training step, restoration", 3, "largest difference",
        largest_difference,
    ),
)  # fmt: skip


@dataclass
class Side:
    """One program at one piece of work."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return float(np.median(self.seconds)) if self.seconds else float("nan")


class Worker:
    """A process that does one task whenever it is told to."""

    def __init__(self, command: list[str], folder: Path, side: str) -> None:
        self._process = subprocess.Popen(
            [*command, str(folder), side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
        )

    def time(self, task: str) -> tuple[float, int]:
        """Do a task; return its seconds and the peak memory of the process in bytes.

        Raises
        ------
        CellmendError
            If the process ended instead.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(task + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self._process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                return answer["seconds"], answer["bytes"]
        raise CellmendError(f"The process that does {task!r} ended without an answer.")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def chosen_works(names: Sequence[str]) -> list[Work]:
    """Return the pieces of work with these names, all where there is none.

    Raises
    ------
    InputError
        If a name is unknown; the message lists the known ones.
    """
    known = [work.name for work in WORKS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"--works: there is no work called {', '.join(map(repr, unknown))}.",
            hint=f"There are: {', '.join(known)}.",
        )
    return [work for work in WORKS if not names or work.name in names]


def study(folder: Path, settings: SpeedStudySettings, report: Reporter = SILENT) -> Outcome:
    """Time every piece of work and write tables and a page into `folder`.

    Raises
    ------
    InputError
        If the peer's interpreter is not there, or a piece of work is unknown.
    Cancelled
        If `report` says so; asked between runs.
    """
    commands = {"ours": OURS}
    if settings.peer is not None:
        if not settings.peer.is_file():
            raise InputError(f"{settings.peer}: there is no such interpreter.")
        script = str(Path(__file__).with_name("speed_peer.py"))
        commands["peer"] = [str(settings.peer.absolute()), "-c", RUN_FILE, script]
    works = chosen_works(settings.works)
    rows, failures = [], []
    with tempfile.TemporaryDirectory() as place:
        inputs = Path(place)
        make_inputs(inputs, side=settings.side, tiles=settings.batch_size, seed=settings.seed)
        for index, work in enumerate(works):
            report.step(index, len(works), work.title)
            sides, failed = _time(work, commands, inputs, settings.runs, report)
            rows.append(_row(work, sides, inputs))
            failures += failed
    return _write(folder, settings, rows, failures)


def _time(
    work: Work, commands: dict[str, list[str]], inputs: Path, runs: int, report: Reporter
) -> tuple[dict[str, Side], list[str]]:
    """Time one piece of work by all programs in turns, each in a process of its own."""
    workers = {side: Worker(command, inputs, side) for side, command in commands.items()}
    sides = {side: Side() for side in commands}
    failures: dict[str, str] = {}
    try:
        for _ in range(runs):
            for side, worker in workers.items():
                report.check()
                if side in failures:
                    continue
                try:
                    seconds, sides[side].peak = worker.time(work.name)
                    sides[side].seconds.append(seconds)
                except CellmendError as error:
                    failures[side] = f"{side}: {error}"
    finally:
        for worker in workers.values():
            worker.close()
    return sides, list(failures.values())


def _row(work: Work, sides: dict[str, Side], inputs: Path) -> tuple[Any, ...]:
    ours, peer = sides["ours"], sides.get("peer", Side())
    results = [inputs / f"{work.name}_{side}.npy" for side in ("ours", "peer")]
    agreement = None
    if all(path.exists() for path in results):
        agreement = work.agree(*(np.load(path) for path in results))
    return (
        work.title,
        ours.median,
        peer.median,
        peer.median / ours.median,
        work.target,
        work.measure,
        agreement,
        ours.peak // MIB,
        peer.peak // MIB or None,
        ours.peak / peer.peak if peer.peak else None,
    )


COLUMNS = (
    "work", "ours s", "peer s", "times as fast", "target", "agreement", "value",
    "ours peak MiB", "peer peak MiB", "memory share",
)  # fmt: skip


def _write(
    folder: Path, settings: SpeedStudySettings, rows: list[Any], failures: list[str]
) -> Outcome:
    note = (
        f"Medians of {settings.runs} runs in turns, after one that is not counted; label images of "
        f"{settings.side} px, batches of {settings.batch_size} tiles. Memory is the peak of a "
        "process that does nothing else, interpreter and libraries included."
    )
    table = Table("Speed", COLUMNS, tuple(rows), note)
    page = Page("Speed")
    page.table(table)
    ratios = {row[0]: (row[3], row[4]) for row in rows if np.isfinite(row[3])}
    if ratios:
        page.plot(plots.ratios(ratios), "Times as fast as Cellpose 3; a line marks the target.")
    page.failures(failures)
    values = settings.model_dump(mode="json")
    return write_outcome("speed", folder, values, ([table], []), failures, page)
