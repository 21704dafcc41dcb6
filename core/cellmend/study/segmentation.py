"""The segmentation study: what models find on images with true masks, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellmend.errors import CellmendError, InputError
from cellmend.io.labels import narrowest
from cellmend.normalize import normalize
from cellmend.progress import SILENT, Reporter, shares
from cellmend.study.cache import Cache, Kept
from cellmend.study.cases import Case, Files, masked_files, read_case
from cellmend.study.compare import Picture
from cellmend.study.outcome import Outcome, write_outcome
from cellmend.study.plots import check_available
from cellmend.study.score import Score, score_masks
from cellmend.study.segmentation_page import build_page
from cellmend.study.segmentation_tables import (
    Finding,
    group_table,
    image_table,
    model_table,
)
from cellmend.study.settings import SegmentationStudySettings

if TYPE_CHECKING:
    from cellmend.segment import Segmenter

NAME = "segmentation"
CACHE = "cache"
TRUE, ESTIMATED = "true", "estimated"
VERSION = 2
"""Counts up when what is computed changes, so that old results are not used."""


def find_inputs(folders: Iterable[str | Path], limit: int = 0) -> list[Files]:
    """Find the images with masks of folders.

    Raises
    ------
    InputError
        If a folder is not there, or there is no image with masks.
    """
    places = [Path(folder) for folder in folders]
    found = masked_files(places, limit)
    if not found:
        raise InputError(
            f"There are no images with masks in {', '.join(map(str, places))}.",
            hint="Put a_masks.tif beside a_img.tif.",
        )
    return found


def study(
    folders: Iterable[str | Path],
    output: str | Path,
    settings: SegmentationStudySettings | None = None,
    report: Reporter = SILENT,
) -> Outcome:
    """Compare segmentation models on images with true masks.

    Parameters
    ----------
    folders
        Each is one data set (see `cellmend.io.pairs`).
    output
        Folder of the tables, the page and the results that are kept.
    settings
        What is done.
    report
        Hears of progress and may cancel.

    Raises
    ------
    InputError
        If there are no images with masks, or matplotlib or scikit-image is missing.
    ModelError
        If a model is not installed or restores.
    CellmendError
        If not a single image could be used.
    """
    check_available()
    chosen = settings or SegmentationStudySettings()
    files = find_inputs(folders, chosen.limit)
    from cellmend.segment import Segmenter

    runs = [
        Run(Segmenter(name, chosen.device), mode, chosen.batch_size, chosen.augment)
        for name in chosen.models
        for mode in ((TRUE, ESTIMATED) if chosen.diameter == "both" else (chosen.diameter,))
    ]
    findings, failures = _findings(files, runs, Cache(Path(output) / CACHE), chosen.crop, report)
    if not findings:
        raise CellmendError("Not a single image could be used: " + " ".join(failures))
    summary = [model_table(findings), group_table(findings)]
    page = build_page(findings, summary, chosen, failures)
    plain = chosen.model_dump(mode="json")
    details = [image_table(findings)]
    return write_outcome(NAME, Path(output), plain, (summary, details), failures, page)


@dataclass(frozen=True, eq=False)
class Run:
    """A model at the true diameter or at its own estimate, on flips too if `augment`."""

    segmenter: Segmenter
    mode: str
    batch_size: int
    augment: bool = False

    def result(self, case: Case) -> Kept:
        """Find the cells of one image and compare them with the true ones."""
        image = case.image
        seen: dict[str, Any] = {"batch_size": self.batch_size, "augment": self.augment}
        if case.nuclear is not None:
            image = np.stack([case.image, case.nuclear])
            seen |= {"axes": "CYX", "channels": (1, 2)}
        diameter = case.diameter
        if self.mode == ESTIMATED:
            diameter = self.segmenter.estimate_diameter(image, **seen)
        found = self.segmenter.run(image, diameter=diameter, **seen)
        score = score_masks(case.masks, found.masks)
        shown = np.rint(np.clip(normalize(case.image), 0, 1) * 255).astype(np.uint8)
        arrays = {"image": shown, "masks": narrowest(found.masks), "truth": narrowest(case.masks)}
        return Kept({**score.as_dict(), "diameter": diameter}, arrays)


def _findings(
    files: Sequence[Files], runs: Sequence[Run], cache: Cache, crop: int, report: Reporter
) -> tuple[list[Finding], list[str]]:
    """Return what each run found in each file, and why some files have none."""
    findings: list[Finding] = []
    failures: list[str] = []
    for one, part in zip(files, shares(report, len(files)), strict=True):
        part.step(0, 1, one.first.name)
        try:
            case = read_case(one, crop)
            for index, run in enumerate(runs):
                part.check()
                findings.append(_finding(case, run, cache))
                part.step(index + 1, len(runs), one.first.name)
        except CellmendError as error:
            path = str(one.first)
            failures.append(str(error) if path in str(error) else f"{path}: {error}")
    return findings, failures


def _finding(case: Case, run: Run, cache: Cache) -> Finding:
    key = (VERSION, NAME, case.key, run.segmenter.model.sha256, run.mode, run.augment)
    keep: Callable[[], Kept] = partial(cache.get, key, partial(run.result, case))
    values = dict(keep().values)
    return Finding(
        group=case.group,
        image=case.name,
        model=run.segmenter.model.name,
        mode=run.mode,
        true_diameter=case.diameter,
        diameter=float(values["diameter"]),
        score=Score.from_dict(values),
        pictures=partial(_pictures, keep),
    )


def _pictures(keep: Callable[[], Kept]) -> tuple[Picture, Picture]:
    """Read the picture with the true cells and the one with those found."""
    arrays = keep().arrays
    return Picture(arrays["image"], arrays["truth"]), Picture(arrays["image"], arrays["masks"])
