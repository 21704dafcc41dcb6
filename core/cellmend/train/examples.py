"""A picture of what a network will see in training, and of what it has to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.export.flows import LONGEST, flow_colours
from cellmend.image import Image
from cellmend.io.raster_write import write_png
from cellmend.progress import SILENT, Reporter
from cellmend.train.jobs import Job
from cellmend.train.loader import Loader

Picture = NDArray[np.uint8]

ROWS, COLUMNS = 3, 4
GAP = 4
"""Pixels between a crop and what is to be found, and twice that between examples."""
BRIGHTEST = 1.25
"""Brightness shown as white; the image was scaled so that few pixels are above 1."""


def write_examples(path: str | Path, job: Job, report: Reporter = SILENT) -> None:
    """Write crops as a training would draw them, as a PNG.

    Parameters
    ----------
    path
        The file.
    job
        A run that could be started with `cellmend.train.train`. Its images are read now, and
        not again when it starts.
    report
        Hears of progress and may cancel.

    Raises
    ------
    FileFormatError
        If an image cannot be trained on, or the picture cannot be written.
    """
    picture = np.moveaxis(draw_examples(job, report), -1, 0)
    write_png(path, Image(picture, "CYX"))


def draw_examples(job: Job, report: Reporter = SILENT) -> Picture:
    """Return (Y, X, 3): `ROWS` of `COLUMNS` crops, each with what is to be found beside it."""
    job.training.prepare(report)
    loader = Loader(job.training, job.task, ROWS * COLUMNS, job.settings.seed, torch.device("cpu"))
    seen, wanted, *_ = (part.float().numpy() for part in loader.make(0, 0))
    side = seen.shape[-1]
    step = np.array([side, 2 * side + GAP]) + 2 * GAP
    picture = np.full((*(step * (ROWS, COLUMNS) - 2 * GAP), 3), 255, np.uint8)
    for index, (image, goal) in enumerate(zip(seen, wanted, strict=True)):
        y, x = step * divmod(index, COLUMNS)
        picture[y : y + side, x : x + side] = _light(image)
        picture[y : y + side, x + side + GAP : x + 2 * side + GAP] = _goal(goal)
    return picture


def _light(image: NDArray[np.floating]) -> Picture:
    """Show (1, Y, X) in grey; of (2, Y, X) the first channel in green, the second in magenta."""
    first, last = np.clip(image[[0, -1]] / BRIGHTEST, 0, 1) * 255
    if not last.any():
        last = first
    return np.stack([last, first, last], axis=-1).astype(np.uint8)


def _goal(goal: NDArray[np.floating]) -> Picture:
    """Show an image, or the unit flows of cells (3, Y, X), grey where nothing is known."""
    if len(goal) == 1:
        return _light(goal)
    colours = flow_colours(goal[:2] * LONGEST)
    colours[goal[2] < 0] = 128
    return colours
