"""The page of the restoration study."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from textwrap import fill

import numpy as np

from cellmend.study.compare import CLEAN, DEGRADED, REAL, Record
from cellmend.study.page import ROW_WIDTH, Page
from cellmend.study.plots import Panel, before_after, curves, picture_grid, spreads
from cellmend.study.score import THRESHOLDS
from cellmend.study.settings import TASKS, RestorationStudySettings
from cellmend.study.strength import RANGES, STEPS
from cellmend.study.summary import methods_of
from cellmend.study.tables import Table
from cellmend.study.trained import CROP_SIDE, CROPS_PER_EPOCH, MOST_IMAGES

TITLE = "Restoration study"
MOST_COLUMNS = 7
"""Pictures in a row; more go on in the next."""
RATES = ("TP rate", "FP rate (invented cells)", "FN rate")


def build_page(
    records: Sequence[Record],
    summary: Sequence[Table],
    groups: Sequence[Table],
    settings: RestorationStudySettings,
    failures: Sequence[str],
) -> Page:
    """Return the page: per task tables, plots, and pictures of some images.

    Parameters
    ----------
    records
        One setting per method; pictures where they are to be shown.
    summary, groups
        The tables, per task.
    settings
        What was done; the page says so.
    failures
        What could not be used.
    """
    page = Page(TITLE)
    for paragraph in explanation(settings):
        page.text(paragraph)
    tasks = dict.fromkeys(record.task for record in records)
    for task, table, per_group in zip(tasks, summary, groups, strict=True):
        of_task = [record for record in records if record.task == task]
        _add_task(page, of_task, task, (table, per_group), settings.models or TASKS)
    page.failures(failures)
    return page


def explanation(settings: RestorationStudySettings) -> list[str]:
    """Say how the study was done."""
    ranges = "; ".join(
        f"{task}: {RANGES[task].name} from {RANGES[task].gentlest:g} to {RANGES[task].severest:g}"
        for task in settings.tasks
    )
    part = "Whole images are taken"
    if settings.crop:
        part = (
            f"Of each image the square with the most cells is taken, {settings.crop} pixels wide "
            "where cells are scaled to a diameter of 30"
        )
    return [
        f"Every clean image is degraded so strongly that the model {settings.segmenter!r} loses "
        f"half of its AP@0.5 on it ({STEPS} bisections, seed {settings.seed}; {ranges}); where "
        "the strongest degradation leaves more than half, that is used. Every method mends the "
        "same degraded image; the same model finds cells in the result at the true diameter, "
        "flow threshold 0.4 and cell probability threshold 0.",
        f"{part}; of several channels, the one in which cells are found where none is chosen.",
        "Of classical filters several strengths are tried, and the one with the best mean AP@0.5 "
        "over these very images is shown, which favours them. Radii grow with the cells; "
        "Richardson-Lucy is told the true width of the blur.",
        *_trainings(settings),
    ]


def _trainings(settings: RestorationStudySettings) -> list[str]:
    """Say how long networks were trained for the study."""
    told = []
    if {"noise2void", "noise2self"} & set(settings.baselines) and "denoise" in settings.tasks:
        told.append(
            "Noise2Void and Noise2Self are trained on each noisy image alone, for "
            f"{settings.blind_epochs} steps (100 in the paper), with networks of the size of the "
            "denoise model that comes with the program."
        )
    if {"care", "retrained"} & set(settings.baselines) and settings.training:
        told.append(
            f"CARE and the retrained segmentation network learn for {settings.training_epochs} "
            f"epochs of 8 steps from up to {MOST_IMAGES} images of each of "
            f"{len(settings.training)} folders with random noise; the latter goes on from "
            f"{settings.segmenter!r} and finds cells in the noisy image itself."
        )
    if settings.losses and settings.training:
        told.append(
            "The rows called after a loss are networks trained for this study from scratch by "
            f"the training loop, all alike but for the loss: {settings.training_epochs} epochs "
            f"of {CROPS_PER_EPOCH} crops of {CROP_SIDE} pixels from the same images, judged by "
            f"{settings.segmenter!r}. "
            "The paper trains for 2000 epochs: what they show is which loss learns faster, not "
            "how far each gets. The rows called after a model are the finished models."
        )
    return told


def _add_task(
    page: Page,
    records: Sequence[Record],
    task: str,
    tables: tuple[Table, Table],
    models: Collection[str],
) -> None:
    page.heading("Real images, little light and much" if task == REAL else task.capitalize())
    page.table(tables[0])
    names = methods_of(records)
    ap = {name: [r.score.ap for r in records if r.method == name] for name in names}
    page.plot(
        curves(
            THRESHOLDS,
            {name: np.mean(values, axis=0) for name, values in ap.items()},
            x_name="IoU threshold",
            y_name="average precision",
            bold=models,
        ),
        "Mean average precision over the overlap that counts as found.",
    )
    _add_per_image(page, records)
    page.table(tables[1])
    _add_pictures(page, [record for record in records if record.picture is not None])


def _add_per_image(page: Page, records: Sequence[Record]) -> None:
    before = {r.image: float(r.score.ap[0]) for r in records if r.method == DEGRADED}
    mended = [name for name in methods_of(records) if name not in (DEGRADED, CLEAN)]
    points = {
        name: [(before[r.image], float(r.score.ap[0])) for r in records if r.method == name]
        for name in mended
    }
    if points:
        page.plot(
            before_after({n: np.array(v) for n, v in points.items()}, name="AP@0.5"),
            "Each point is an image; above the line, mending helped.",
        )
    rates = {
        measure: {
            name: np.array([r.score.rates[i] for r in records if r.method == name])
            for name in methods_of(records)
        }
        for i, measure in enumerate(RATES)
    }
    page.plot(
        spreads(rates),
        "Cells found, invented and missed at IoU 0.5, per true cell; crosses are means.",
    )


def _add_pictures(page: Page, records: Sequence[Record]) -> None:
    rows = []
    for image in dict.fromkeys(record.image for record in records):
        every = {r.method: r for r in records if r.image == image}
        order = [name for name in methods_of(records) if name in every]
        panels = [_panel(every[name]) for name in order]
        strength = every[order[0]].strength
        told = "" if np.isnan(strength) else f"\n{strength:.3g}"
        for start in range(0, len(panels), MOST_COLUMNS):
            name = "" if start else fill(image, ROW_WIDTH) + told
            rows.append((name, panels[start : start + MOST_COLUMNS]))
    if rows:
        page.picture(
            picture_grid(rows),
            "Outlines of the cells found, and AP@0.5. Left of each row: the image and the "
            "strength of its degradation.",
        )


def _panel(record: Record) -> Panel:
    assert record.picture is not None
    title = f"{record.method} {record.score.ap[0]:.2f}"
    return Panel(title, record.picture.image, record.picture.masks)
