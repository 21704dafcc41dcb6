"""The restoration study: how far mending images helps to find the cells in them.

For each image and task the degradation is made so strong that half of the average
precision is lost; then every method mends the same degraded image, and the same
segmentation network counts cells (Stringer & Pachitariu, Nature Methods 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cellmend.errors import CellmendError, InputError, ModelError
from cellmend.progress import SILENT, Reporter, Share, shares
from cellmend.study.cache import Cache
from cellmend.study.cases import (
    Files,
    low_high_files,
    masked_files,
    read_case,
    read_low_high,
)
from cellmend.study.compare import Comparison, Record
from cellmend.study.losses import loss_methods
from cellmend.study.methods import Method, filter_methods, model_methods
from cellmend.study.outcome import Outcome, write_outcome
from cellmend.study.plots import check_available
from cellmend.study.restoration_page import build_page
from cellmend.study.settings import RestorationStudySettings, TaskChoice
from cellmend.study.summary import (
    best_settings,
    group_table,
    image_table,
    shown_records,
    task_table,
)
from cellmend.study.trained import blind_methods, taught_methods

if TYPE_CHECKING:
    from cellmend.restore import Restorer

NAME = "restoration"
CACHE = "cache"
TAUGHT_SHARE = 0.5
"""Part of the progress that training takes."""


@dataclass(frozen=True)
class Inputs:
    """The files of a study: images with masks, and real pairs of little and much light."""

    masked: list[Files] = field(default_factory=list)
    low_high: list[Files] = field(default_factory=list)


def find_inputs(folders: Iterable[str | Path], limit: int = 0) -> Inputs:
    """Find what folders hold for the study.

    Raises
    ------
    InputError
        If a folder is not there, or there is nothing to study.
    """
    places = [Path(folder) for folder in folders]
    found = Inputs(masked_files(places, limit), low_high_files(places, limit))
    if not (found.masked or found.low_high):
        raise InputError(
            f"There is nothing to study in {', '.join(map(str, places))}.",
            hint="Put a_masks.tif beside a_img.tif, or b_noisy.tif beside b_clean.tif.",
        )
    return found


def study(
    folders: Iterable[str | Path],
    output: str | Path,
    settings: RestorationStudySettings | None = None,
    report: Reporter = SILENT,
) -> Outcome:
    """Compare methods of restoration on images with true masks, and on real pairs.

    Parameters
    ----------
    folders
        Each is one data set: images with masks (see `cellmend.io.pairs`), or
        ``<stem>_clean`` and ``<stem>_noisy`` images of the same field, or both.
    output
        Folder of the tables, the page, and of results that are used again when the
        study is done anew or goes on after it was stopped.
    settings
        What is done.
    report
        Hears of progress and may cancel.

    Raises
    ------
    InputError
        If there is nothing to study, or matplotlib or scikit-image is missing.
    ModelError
        If a model is not installed, of another kind, or for none of the tasks.
    CellmendError
        If not a single image could be used.
    """
    check_available()
    chosen = settings or RestorationStudySettings()
    inputs = find_inputs(folders, chosen.limit)
    cache = Cache(Path(output) / CACHE)
    from cellmend.segment import Segmenter

    segmenter = Segmenter(chosen.segmenter, chosen.device)
    begin = TAUGHT_SHARE if chosen.training else 0.0
    methods = make_methods(chosen, inputs, Path(output) / CACHE, Share(report, 0, begin))
    comparison = Comparison(
        segmenter, methods, cache, seed=chosen.seed, batch_size=chosen.batch_size
    )
    records, failures = _run(inputs, comparison, chosen, Share(report, begin, 1))
    failures += comparison.failures
    if not records:
        raise CellmendError("Not a single image could be used: " + " ".join(failures))
    best = best_settings(records)
    shown = shown_records(records, best)
    tasks = list(dict.fromkeys(record.task for record in records))
    summary = [task_table(shown, task) for task in tasks]
    groups = [group_table(shown, task) for task in tasks]
    page = build_page(shown, summary, groups, chosen, failures)
    plain = chosen.model_dump(mode="json")
    details = [image_table(records), *groups]
    return write_outcome(NAME, Path(output), plain, (summary, details), failures, page)


def make_methods(
    settings: RestorationStudySettings, inputs: Inputs, folder: Path, report: Reporter
) -> dict[str, list[Method]]:
    """Return every method of each task, in the order in which they are shown.

    Real pairs are denoised, whatever the tasks of the other images are. Networks that
    have to be trained first are kept in `folder`.
    """
    real: tuple[TaskChoice, ...] = ("denoise",) if inputs.low_high else ()
    tasks = dict.fromkeys((*settings.tasks, *real))
    restorers = load_restorers(settings, tasks)
    baselines, losses = shares(report, 2)
    trained = [
        *blind_methods(settings),
        *taught_methods(settings, folder, baselines),
        *loss_methods(settings, tuple(tasks), folder, losses),
    ]
    return {
        task: [
            *filter_methods(task, settings.baselines),
            *(method for method in trained if method.task == task),
            *model_methods(task, restorers, settings.batch_size),
        ]
        for task in tasks
    }


def load_restorers(settings: RestorationStudySettings, tasks: Collection[str]) -> list[Restorer]:
    """Load the restoration models that are asked for, or those installed for the tasks.

    Raises
    ------
    ModelError
        If a model is not installed, does not restore, or is for none of the tasks.
    """
    from cellmend.registry import list_models
    from cellmend.restore import Restorer

    names = settings.models
    if names is None:
        names = tuple(e.name for e in list_models() if e.name in tasks)
    restorers = [Restorer(name, settings.device) for name in names]
    for restorer in restorers:
        if restorer.model.card.task not in tasks:
            raise ModelError(
                f"The model {restorer.model.name!r} is for {restorer.model.card.task},"
                f" which is not among the tasks: {', '.join(tasks)}."
            )
    return restorers


def _run(
    inputs: Inputs,
    comparison: Comparison,
    settings: RestorationStudySettings,
    report: Reporter,
) -> tuple[list[Record], list[str]]:
    """Return the records of all files, and why some have none."""
    records: list[Record] = []
    failures: list[str] = []
    jobs = _jobs(inputs, comparison, settings)
    for (path, work), part in zip(jobs, shares(report, len(jobs)), strict=True):
        part.step(0, 1, path.name)
        try:
            records += work(report=part)
        except CellmendError as error:
            failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
    return records, list(dict.fromkeys(failures))


def _jobs(
    inputs: Inputs, comparison: Comparison, settings: RestorationStudySettings
) -> list[tuple[Path, Callable[..., list[Record]]]]:
    """Return what is to be done: every image with every task, then every real pair."""
    pictured = _pictured(inputs.masked, settings.pictures)
    jobs: list[tuple[Path, Callable[..., list[Record]]]] = [
        (files.first, partial(_of_case, comparison, files, task, settings.crop, files in pictured))
        for files in inputs.masked
        for task in settings.tasks
    ]
    pictured = _pictured(inputs.low_high, settings.pictures)
    jobs += [
        (files.first, partial(_of_low_high, comparison, files, settings.crop, files in pictured))
        for files in inputs.low_high
    ]
    return jobs


def _of_case(
    comparison: Comparison,
    files: Files,
    task: str,
    crop: int,
    pictures: bool,
    report: Reporter = SILENT,
) -> list[Record]:
    return comparison.of_case(read_case(files, crop), task, pictures=pictures, report=report)


def _of_low_high(
    comparison: Comparison, files: Files, crop: int, pictures: bool, report: Reporter = SILENT
) -> list[Record]:
    return comparison.of_low_high(read_low_high(files, crop), pictures=pictures, report=report)


def _pictured(files: Sequence[Files], count: int) -> list[Files]:
    """Return the files whose pictures are shown: evenly over all."""
    if count >= len(files):
        return list(files)
    return [files[index * len(files) // count] for index in range(count)]
