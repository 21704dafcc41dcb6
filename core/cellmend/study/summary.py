"""From the records of a restoration study to its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from cellmend.study.compare import CLEAN, DEGRADED, REAL, Record
from cellmend.study.score import THRESHOLDS
from cellmend.study.tables import Table

Best = dict[tuple[str, str], str]


def best_settings(records: Iterable[Record]) -> Best:
    """Return, per task and method, the setting with the highest mean AP@0.5 over all images."""
    scores: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for record in records:
        scores[record.task, record.method, record.setting].append(float(record.score.ap[0]))
    best: Best = {}
    for (task, method, setting), values in scores.items():
        held = best.get((task, method))
        if held is None or np.mean(values) > np.mean(scores[task, method, held]):
            best[task, method] = setting
    return best


def shown_records(records: Sequence[Record], best: Best) -> list[Record]:
    """Leave out the settings that were not the best of their method."""
    return [one for one in records if best[one.task, one.method] == one.setting]


def methods_of(records: Iterable[Record]) -> list[str]:
    """Return the methods in the order they were run: degraded first, clean last."""
    names = list(dict.fromkeys(record.method for record in records))
    return sorted(names, key=lambda name: (name != DEGRADED, name == CLEAN))


def image_table(records: Sequence[Record]) -> Table:
    """Return one row per image, task, method and setting."""
    return Table(
        "Every image",
        (
            "data set",
            "image",
            "task",
            "strength",
            "method",
            "setting",
            "cells",
            "PSNR",
            "SSIM",
            *(f"{name}@{t}" for name in ("AP", "TP", "FP", "FN") for t in THRESHOLDS),
        ),
        tuple(
            (
                record.group,
                record.image,
                record.task,
                record.strength,
                record.method,
                record.setting,
                record.score.tp[0] + record.score.fn[0],
                record.score.psnr,
                record.score.ssim,
                *(float(v) for v in record.score.ap),
                *record.score.tp,
                *record.score.fp,
                *record.score.fn,
            )
            for record in records
        ),
    )


def task_table(records: Sequence[Record], task: str) -> Table:
    """Return one row per method: averages over the images of a task.

    `records` hold one setting per method.
    """
    chosen = [record for record in records if record.task == task]
    at_half = {name: _mean_ap(chosen, name)[0] for name in methods_of(chosen)}
    lost = at_half.get(CLEAN, np.nan) - at_half.get(DEGRADED, np.nan)
    rows = []
    for name in methods_of(chosen):
        ours = [record for record in chosen if record.method == name]
        ap = _mean_ap(chosen, name)
        rates = np.mean([record.score.rates for record in ours], axis=0)
        recovered = (at_half[name] - at_half[DEGRADED]) / lost if lost > 0 else float("nan")
        rows.append(
            (
                name,
                ours[0].setting,
                len(ours),
                float(ap[0]),
                float(ap[5]),
                float(ap[8]),
                float(ap.mean()),
                *(float(rate) for rate in rates),
                float(recovered),
                None if name == CLEAN else _mean([record.score.psnr for record in ours]),
                None if name == CLEAN else _mean([record.score.ssim for record in ours]),
            )
        )
    columns = ("method", "setting", "images", "AP@0.5", "AP@0.75", "AP@0.9", "AP 0.5–0.95")
    measures = ("TP rate", "FP rate", "FN rate", "recovered", "PSNR, dB", "SSIM")
    return Table(f"{task}: all images", (*columns, *measures), tuple(rows), NOTES[task == REAL])


NOTES = {
    False: "AP: average precision TP / (TP + FP + FN) at an overlap (IoU), averaged over images. "
    "Rates are per true cell at IoU 0.5. Recovered: (method − degraded) / (clean − degraded) of "
    "the mean AP@0.5. PSNR and SSIM are against the clean image, brightness fitted linearly; "
    "they say how close pixels are, not how well cells are found.",
    True: "As above, but the masks found in the image taken with much light stand for the true "
    "ones, so that clean is 1 by construction.",
}


def group_table(records: Sequence[Record], task: str) -> Table:
    """Return AP@0.5 per data set (rows) and method (columns)."""
    chosen = [record for record in records if record.task == task]
    methods = methods_of(chosen)
    rows = []
    for group in dict.fromkeys(record.group for record in chosen):
        inside = [record for record in chosen if record.group == group]
        images = len({record.image for record in inside})
        values = [_mean_ap(inside, name) for name in methods]
        rows.append((group, images, *(float(ap[0]) for ap in values)))
    return Table(f"{task}: AP@0.5 per data set", ("data set", "images", *methods), tuple(rows))


def _mean_ap(records: Iterable[Record], method: str) -> np.ndarray:
    every = [record.score.ap for record in records if record.method == method]
    return np.mean(every, axis=0) if every else np.full(len(THRESHOLDS), np.nan)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
