"""From what models found to the tables of the segmentation study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cellmend.study.compare import Picture
from cellmend.study.score import THRESHOLDS, Score
from cellmend.study.tables import Table


@dataclass(frozen=True, eq=False)
class Finding:
    """What a model found in an image.

    Attributes
    ----------
    mode
        Whether the ``true`` or the ``estimated`` diameter was used.
    true_diameter, diameter
        In pixels: of the true cells, and the one used.
    pictures
        Reads the image with the true cells and with those found.
    """

    group: str
    image: str
    model: str
    mode: str
    true_diameter: float
    diameter: float
    score: Score
    pictures: Callable[[], tuple[Picture, Picture]]

    @property
    def run(self) -> str:
        """Model and diameter in words."""
        return f"{self.model}, {self.mode} diameter"

    @property
    def diameter_error(self) -> float:
        """Relative error of the diameter that was used."""
        return abs(self.diameter / self.true_diameter - 1)


def runs_of(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Return the findings of each model and kind of diameter, in the order they were made."""
    runs: dict[str, list[Finding]] = {}
    for finding in findings:
        runs.setdefault(finding.run, []).append(finding)
    return runs


def mean_ap(findings: Sequence[Finding]) -> np.ndarray:
    """Return the mean average precision over images per threshold."""
    return np.asarray(np.mean([one.score.ap for one in findings], axis=0))


def model_table(findings: Sequence[Finding]) -> Table:
    """Return one row per model and kind of diameter: averages over images."""
    rows = []
    for every in runs_of(findings).values():
        ap, rates = mean_ap(every), np.mean([one.score.rates for one in every], axis=0)
        errors = [one.diameter_error for one in every]
        rows.append(
            (
                every[0].model,
                every[0].mode,
                len(every),
                *(float(ap[i]) for i in (0, 5, 8)),
                float(ap.mean()),
                *(float(rate) for rate in rates),
                float(np.median(errors)),
                float(np.mean(errors)),
            )
        )
    precision = ("AP@0.5", "AP@0.75", "AP@0.9", "AP 0.5–0.95", "TP rate", "FP rate", "FN rate")
    errors_of = ("diameter error, median", "mean")
    return Table(
        "All images",
        ("model", "diameter", "images", *precision, *errors_of),
        tuple(rows),
        "AP: average precision TP / (TP + FP + FN) at an overlap (IoU), averaged over images. "
        "Rates are per true cell at IoU 0.5. The error of the diameter is relative to the true "
        "one.",
    )


def group_table(findings: Sequence[Finding]) -> Table:
    """Return AP at two overlaps per data set (rows), model and kind of diameter (columns)."""
    runs = runs_of(findings)
    rows: list[tuple[str, int, *tuple[float | None, ...]]] = []
    for group in dict.fromkeys(one.group for one in findings):
        inside = {name: [f for f in every if f.group == group] for name, every in runs.items()}
        images = max(len(every) for every in inside.values())
        rows.append((group, images, *_at_two_overlaps(inside.values())))
    columns = [row[2:] for row in rows]
    means = (_mean_of_known(values) for values in zip(*columns, strict=True))
    rows.append(("mean of the data sets", sum(row[1] for row in rows), *means))
    names = (f"{name}: AP@{overlap}" for name in runs for overlap in ("0.5", "0.75"))
    return Table("AP per data set", ("data set", "images", *names), tuple(rows))


def _at_two_overlaps(runs: Iterable[Sequence[Finding]]) -> list[float | None]:
    """Return AP@0.5 and AP@0.75 of each run; None where it found no image usable."""
    values: list[float | None] = []
    for every in runs:
        ap = mean_ap(every) if every else None
        values += [None if ap is None else float(ap[index]) for index in (0, 5)]
    return values


def _mean_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def image_table(findings: Sequence[Finding]) -> Table:
    """Return one row per image, model and kind of diameter."""
    counts = tuple(f"{name}@{t}" for name in ("AP", "TP", "FP", "FN") for t in THRESHOLDS)
    names = ("data set", "image", "model", "diameter", "true px", "used px", "cells")
    return Table(
        "Every image",
        (*names, *counts),
        tuple(
            (
                one.group,
                one.image,
                one.model,
                one.mode,
                one.true_diameter,
                one.diameter,
                one.score.tp[0] + one.score.fn[0],
                *(float(value) for value in one.score.ap),
                *one.score.tp,
                *one.score.fp,
                *one.score.fn,
            )
            for one in findings
        ),
    )
