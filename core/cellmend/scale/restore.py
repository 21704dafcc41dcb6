"""Restoring an image block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.io.windows import ImageWindows
from cellmend.params import AS_IT_IS, FilterSettings, NormalizeSettings, RestoreSettings
from cellmend.progress import Reporter, Share
from cellmend.provenance import Provenance
from cellmend.registry import ModelCard
from cellmend.restore import filter_image
from cellmend.restore.region import reach_of
from cellmend.scale.blocks import Block, cut
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.scaling import Scaling, find_scaling
from cellmend.scale.stage import Made, create_array, made_of, run_stage
from cellmend.scale.workers import Workers
from cellmend.tiling import HALO, MULTIPLE

BLOCK = 2048
"""Side in pixels of a block unless another is given."""


class BlockStep(Protocol):
    """What is done to every block of an image: a network restores it, or a filter."""

    @property
    def normalization(self) -> NormalizeSettings:
        """How channels are scaled before."""

    @property
    def reach(self) -> int:
        """Pixels around a part of the image that decide what is made of it."""

    @property
    def record(self) -> Provenance:
        """The record of the step."""

    def run(self, image: Image, report: Reporter) -> NDArray[np.generic]:
        """Restore a scaled image."""


@dataclass(frozen=True)
class NetworkStep:
    """A restoration network.

    Attributes
    ----------
    model
        What workers load.
    card
        Of the model.
    settings
        Of the whole image; the normalisation is known.
    """

    model: ModelOnWorkers
    card: ModelCard
    settings: RestoreSettings

    @property
    def normalization(self) -> NormalizeSettings:
        """How channels are scaled before."""
        return self.settings.normalize or self.card.normalize

    @property
    def reach(self) -> int:
        """Pixels around a part of the image that decide what the network makes of it."""
        return math.ceil((HALO + MULTIPLE) * self.settings.diameter / self.card.diam_mean)

    @property
    def record(self) -> Provenance:
        """The record of the step."""
        return Provenance(
            action=self.card.task,
            model=self.settings.model,
            model_sha256=self.model.sha256,
            settings=self.settings.model_dump(mode="json"),
            device=self.model.device,
        )

    def run(self, image: Image, report: Reporter) -> NDArray[np.generic]:
        """Restore a scaled image."""
        settings = self.settings
        return (
            self.model.restorer()
            .run(
                image,
                channels=settings.channels,
                diameter=settings.diameter,
                tiles=settings.tiles,
                normalize=AS_IT_IS,
                report=report,
            )
            .image.data
        )


@dataclass(frozen=True)
class FilterStep:
    """A classical filter; its settings are complete.

    What it measures of an image, such as the tiles of ``clahe`` and the noise that ``nl-means``
    goes by, it measures of a block.
    """

    settings: FilterSettings

    @property
    def normalization(self) -> NormalizeSettings:
        """How channels are scaled before."""
        return self.settings.normalize

    @property
    def reach(self) -> int:
        """Pixels around a part of the image that decide what the filter makes of it."""
        return reach_of(self.settings)

    @property
    def record(self) -> Provenance:
        """The record of the step."""
        settings = self.settings.model_dump(mode="json")
        return Provenance("filter", self.settings.filter, "", settings)

    def run(self, image: Image, report: Reporter) -> NDArray[np.generic]:
        """Filter a scaled image."""
        options: dict[str, Any] = {**self.settings.numbers, "normalize": AS_IT_IS}
        return filter_image(image, self.settings.filter, report=report, **options).image.data


@dataclass(frozen=True)
class RestorePlan:
    """An image, and what is done to it.

    Attributes
    ----------
    windows
        The image.
    step
        What is done.
    side
        Of a block in pixels, if it is given.
    """

    windows: ImageWindows
    step: BlockStep
    side: int | None = None

    @property
    def blocks(self) -> list[Block]:
        """Blocks around which as much is seen as decides what is made of them."""
        reach, side = self.step.reach, self.side or BLOCK
        return cut(
            self.windows.space, {"T": 1, "Z": 1, "Y": side, "X": side}, {"Y": reach, "X": reach}
        )


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
        how = plan.step.normalization
        scaling = find_scaling(windows, every, how, blocks, workers, looking)
        job = RestoreJob(windows, plan.step, scaling)
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
    step
        What is done.
    scaling
        Of all channels.
    """

    windows: ImageWindows
    step: BlockStep
    scaling: Scaling

    def __call__(self, block: Block, report: Reporter) -> Made:
        """Return the restored core, float32 with the axes of the image."""
        image = self.windows.read(block.window)
        data: NDArray[np.generic] = self.scaling.apply(image, block.window)
        data = np.moveaxis(data, 0, image.axes.index("C")) if "C" in image.axes else data[0]
        if data.min() < data.max():
            data = self.step.run(replace(image, data=data), report)
        core = dict(zip(block.window, block.core_in_window, strict=True))
        return np.asarray(data[tuple(core.get(axis, slice(None)) for axis in image.axes)]), {}
