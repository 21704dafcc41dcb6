"""Do the same to many files: a bad one is named with its reason, the rest are done."""

from __future__ import annotations

import json
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import ALL_SCENES
from cellmend.cli.terminal import TerminalReporter
from cellmend.errors import CellmendError, FileFormatError, InputError, system_reason
from cellmend.io import scenes
from cellmend.io.folder import FileList, list_images
from cellmend.io.formats import scene_names
from cellmend.progress import Reporter
from cellmend.provenance import cellmend_version

Find = Callable[[Iterable[str]], FileList]
Plan = Callable[[Path], list[Path]]
Work = Callable[[Path, list[Path], Reporter], Mapping[str, Any]]


@dataclass(frozen=True)
class FileResult:
    """What became of one input: ``done``, ``skipped``, ``planned`` or ``failed``."""

    source: str
    status: str
    outputs: tuple[Path, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values: dict[str, Any] = {"input": self.source, "status": self.status}
        if self.reason:
            values["reason"] = self.reason
        return {**values, "outputs": [str(path) for path in self.outputs], **self.details}

    def as_text(self) -> str:
        """Return one line for a person."""
        if self.status == "failed":
            return f"{self.source}: {self.reason}"
        told = ", ".join(f"{name} {_short(value)}" for name, value in self.details.items())
        written = " ".join(str(path) for path in self.outputs)
        parts = [f"{self.source}: {self.status}", told and f"({told})", written and f"-> {written}"]
        return " ".join(part for part in parts if part)


class Batch:
    """The results of a command on its inputs, told as they come.

    Parameters
    ----------
    args
        The parsed command line: ``command``, ``json``, ``dry_run``, ``skip_existing``.
    settings
        What the report says of how the work was done.
    """

    def __init__(self, args: Namespace, settings: Mapping[str, Any]) -> None:
        self._args = args
        self._settings = settings
        self._results: list[FileResult] = []
        self._claims: dict[Path, Path] = {}

    def add(self, result: FileResult) -> None:
        """Keep a result and tell it."""
        self._results.append(result)
        if result.status == "failed":
            print(f"cellmend {self._args.command}: {result.as_text()}", file=sys.stderr)
        elif not self._args.json:
            print(result.as_text(), flush=True)

    def collect(self, inputs: Iterable[str], find: Find = list_images) -> list[Path]:
        """Return the files that the inputs name, each once; bad inputs become failures."""
        found = find(inputs)
        for problem in found.problems:
            source = str(problem.path)
            self.add(FileResult(source, "failed", reason=_reason(problem, source)))
        return [one for file in found.files for one in self._scenes(file)]

    def pending(self, sources: list[Path], plan: Plan) -> list[Path]:
        """Return the sources that `run` works on: not skipped, with results of their own."""
        originals = _places(sources)
        return [source for source in sources if self._is_due(source, plan(source), originals)]

    def run(self, sources: list[Path], plan: Plan, work: Work | None) -> None:
        """Do the work on each source; skip what is there, and only plan where work is None."""
        originals = _places(sources)
        for index, source in enumerate(sources):
            title = f"[{index + 1}/{len(sources)}] {source.name}"
            try:
                outputs = plan(source)
                self._claim(source, outputs, originals)
                with TerminalReporter(title) as report:
                    result = self._one(source, outputs, work, report)
            except Exception as error:
                if not isinstance(error, CellmendError | OSError):
                    traceback.print_exc()
                reason = _reason(error, str(source))
                result = FileResult(str(source), "failed", reason=reason)
            self.add(result)

    def finish(self, **totals: object) -> int:
        """Print the report where it was asked for; return the exit status."""
        counts = {
            status: sum(result.status == status for result in self._results)
            for status in ("done", "planned", "skipped", "failed")
        }
        if self._args.json:
            report = {
                "command": self._args.command,
                "version": cellmend_version(),
                "settings": self._settings,
                "files": [result.as_dict() for result in self._results],
                **counts,
                **totals,
            }
            print(json.dumps(report, default=str))
        return 1 if counts["failed"] else 0

    def _scenes(self, file: Path) -> list[Path]:
        """Return the images of a file that are meant; tell where others are passed over."""
        wanted = getattr(self._args, "scene", None)
        if not scenes.may_hold_several(file):  # or its name says which one
            return [file]
        if wanted not in (None, ALL_SCENES):
            return [scenes.numbered(file, wanted)]
        try:
            count = len(scene_names(file))
        except CellmendError:  # it is told when its turn comes
            return [file]
        if count > 1 and wanted == ALL_SCENES:
            return [scenes.numbered(file, number) for number in range(1, count + 1)]
        if count > 1:
            print(
                f"cellmend {self._args.command}: {file} holds {count} images; the first is taken."
                f" Choose with --scene N, or --scene {ALL_SCENES}.",
                file=sys.stderr,
            )
        return [file]

    def _is_due(self, source: Path, outputs: list[Path], originals: set[Path]) -> bool:
        try:
            self._claim(source, outputs, originals)
        except InputError:  # it is told when its turn comes
            return False
        return not self._skips(outputs)

    def _claim(self, source: Path, outputs: list[Path], originals: set[Path]) -> None:
        for output in outputs:
            place = output.resolve()
            if place in originals:
                raise InputError(
                    f"{output} is an input and would be overwritten.",
                    hint="Choose another folder with --output.",
                )
            other = self._claims.setdefault(place, source)
            if other != source:
                raise InputError(f"{output} already holds the result of {other}.")

    def _skips(self, outputs: list[Path]) -> bool:
        there = bool(outputs) and all(path.exists() for path in outputs)
        return there and bool(self._args.skip_existing)

    def _one(
        self, source: Path, outputs: list[Path], work: Work | None, report: Reporter
    ) -> FileResult:
        planned = tuple(outputs)
        if self._skips(outputs):
            return FileResult(str(source), "skipped", planned)
        if self._args.dry_run or work is None:
            return FileResult(str(source), "planned", planned)
        return FileResult(str(source), "done", planned, work(source, outputs, report))


def _places(files: Iterable[Path]) -> set[Path]:
    return {file.resolve() for file in files}


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_short(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_short(one)} ({name})" for name, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reason(error: Exception, source: str) -> str:
    """Say what went wrong without naming the source, which stands before it."""
    if isinstance(error, FileFormatError) and str(error.path) == source:
        return f"{error.reason} {error.hint}".strip()
    if isinstance(error, CellmendError):
        return str(error).removeprefix(f"{source}: ")
    if isinstance(error, OSError):
        return system_reason(error).removeprefix(f"{source}: ")
    return f"{type(error).__name__}: {error}"
