"""The page of the segmentation study."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np

from cellmend.study.page import ROW_WIDTH, Page
from cellmend.study.plots import Panel, curves, diameters, picture_grid
from cellmend.study.score import THRESHOLDS
from cellmend.study.segmentation_tables import Finding, mean_ap, runs_of
from cellmend.study.settings import SegmentationStudySettings
from cellmend.study.tables import Table

TITLE = "Segmentation study"


def build_page(
    findings: Sequence[Finding],
    tables: Sequence[Table],
    settings: SegmentationStudySettings,
    failures: Sequence[str],
) -> Page:
    """Return the page: tables, plots, and pictures of the worst images."""
    page = Page(TITLE)
    flips = "four flips as" if settings.augment else "no"
    part = "Whole images"
    if settings.crop:
        part = f"Squares of {settings.crop} pixels, at a cell diameter of 30, with the most cells"
    page.text(
        f"{part}; of several channels, the first, and the second as that of nuclei. Flow threshold "
        f"0.4, cell probability threshold 0, {flips} test-time augmentation."
    )
    page.table(tables[0])
    page.plot(
        curves(
            THRESHOLDS,
            {name: mean_ap(every) for name, every in runs_of(findings).items()},
            x_name="IoU threshold",
            y_name="average precision",
        ),
        "Mean average precision over the overlap that counts as found.",
    )
    for table in tables[1:]:
        page.table(table)
    _add_diameters(page, findings)
    _add_worst(page, findings, settings.pictures)
    page.failures(failures)
    return page


def _add_diameters(page: Page, findings: Sequence[Finding]) -> None:
    points = {
        every[0].model: np.array([(one.true_diameter, one.diameter) for one in every])
        for every in runs_of(findings).values()
        if every[0].mode == "estimated"
    }
    if points:
        page.plot(diameters(points), "Diameter in pixels: true, and estimated by the model.")


def _add_worst(page: Page, findings: Sequence[Finding], count: int) -> None:
    runs = runs_of(findings)
    first = next(iter(runs.values()))
    worst = sorted(first, key=lambda one: float(one.score.ap[0]))[:count]
    rows = []
    for one in worst:
        truth, _ = one.pictures()
        panels = [
            Panel(f"true: {one.score.tp[0] + one.score.fn[0]} cells", truth.image, truth.masks)
        ]
        for every in runs.values():
            found = next((f for f in every if f.image == one.image), None)
            if found is not None:
                title = f"{fill(found.run, ROW_WIDTH)} {found.score.ap[0]:.2f}"
                shown = found.pictures()[1]
                panels.append(Panel(title, shown.image, shown.masks))
        rows.append((fill(one.image, ROW_WIDTH), panels))
    if rows:
        page.heading(f"The worst images of {first[0].run}")
        page.picture(picture_grid(rows), "Outlines of the true and the found cells, and AP@0.5.")
