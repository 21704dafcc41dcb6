"""Restoring an image block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellmend.io.windows import ImageWindows
from cellmend.params import NormalizeSettings, RestoreSettings
from cellmend.progress import Reporter, Share
from cellmend.registry import ModelEntry
from cellmend.scale.blocks import Block, cut
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.scaling import Scaling, find_scaling
from cellmend.scale.stage import Made, create_array, made_of, run_stage
from cellmend.scale.workers import Workers
from cellmend.tiling import HALO, MULTIPLE

AS_IT_IS = NormalizeSettings(enabled=False)
BLOCK = 2048
"""Side in pixels of a block unless another is given."""


@dataclass(frozen=True)
class RestorePlan:
    """An image, and how it is restored.

    Attributes
    ----------
    windows
        The image.
    entry
        The model.
    settings
        Of the whole image; the normalisation is known.
    device
        Where the network runs, on every worker.
    side
        Of a block in pixels, if it is given.
    """

    windows: ImageWindows
    entry: ModelEntry
    settings: RestoreSettings
    device: str = "auto"
    side: int | None = None

    @property
    def blocks(self) -> list[Block]:
        """Blocks around which as much is seen as decides what the network makes of them."""
        reach = math.ceil((HALO + MULTIPLE) * self.settings.diameter / self.entry.card.diam_mean)
        side = self.side or BLOCK
        space = {axis: size for axis, size in self.windows.shape.items() if axis != "C"}
        return cut(space, {"T": 1, "Z": 1, "Y": side, "X": side}, {"Y": reach, "X": reach})


def restore(plan: RestorePlan, folder: Path, workers: Workers, report: Reporter) -> ImageWindows:
    """Restore an image; return what is restored, float32 with the axes of the image.

    The result lies beside `folder`, where what is made on the way is kept. What is there
    already of the same plan is not made again.

    Raises
    ------
    InputError
        If the image is constant, lacks a channel or holds values that are not numbers.
    Cancelled
        If `report` says so.
    """
    windows, whole = plan.windows, folder.with_suffix(".zarr")
    if not whole.exists():
        blocks, every = plan.blocks, range(1, windows.about.n_channels + 1)
        looking, working = Share(report, 0, 0.1), Share(report, 0.1, 1)
        how = plan.settings.normalize or NormalizeSettings()
        scaling = find_scaling(windows, every, how, blocks, workers, looking)
        model = ModelOnWorkers.of(plan.settings.model, plan.entry, plan.device)
        job = RestoreJob(windows, model, plan.settings, scaling)
        run_stage(folder, job, blocks, workers, working)
        _put_together(whole, folder, blocks, windows.shape)
    return ImageWindows(whole, windows.about.axes)


def _put_together(path: Path, folder: Path, blocks: Sequence[Block], shape: dict[str, int]) -> None:
    """Write the restored cores into one array, which is there once it is whole."""
    half_done = path.with_suffix(".half")
    whole = create_array(half_done, list(shape.values()), np.dtype(np.float32))
    for block in blocks:
        place = tuple(block.core.get(axis, slice(None)) for axis in shape)
        whole[place] = np.asarray(made_of(folder, block)[...])
    half_done.rename(path)


@dataclass(frozen=True, eq=False)
class RestoreJob:
    """What a worker needs to restore a block.

    Attributes
    ----------
    windows
        The image.
    model
        What restores it.
    settings
        Of the whole image.
    scaling
        Of all channels.
    """

    windows: ImageWindows
    model: ModelOnWorkers
    settings: RestoreSettings
    scaling: Scaling

    def __call__(self, block: Block, report: Reporter) -> Made:
        """Return the restored core, float32 with the axes of the image."""
        image = self.windows.read(block.window)
        scaled = self.scaling.apply(image, block.window)
        data = np.moveaxis(scaled, 0, image.axes.index("C")) if "C" in image.axes else scaled[0]
        if data.min() < data.max():
            options = self.settings.model_dump(include={"channels", "diameter", "tiles"})
            scaled_image = replace(image, data=data)
            data = (
                self.model.restorer()
                .run(scaled_image, normalize=AS_IT_IS, report=report, **options)
                .image.data
            )
        core = dict(zip(block.window, block.core_in_window, strict=True))
        return np.asarray(data[tuple(core.get(axis, slice(None)) for axis in image.axes)]), {}
