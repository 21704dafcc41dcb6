"""What ``restore`` does with a file: as a whole or block by block, here or on a worker."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmend.chain import OnChannels, restore_all_in_turn, restore_at_estimate
from cellmend.cli.ahead import Ahead
from cellmend.image import Image
from cellmend.io import read, write
from cellmend.io.folder import RESTORED, output_path
from cellmend.io.windows import ImageWindows
from cellmend.params import (
    BlockwiseSettings,
    RestoreSettings,
    RestoreStep,
    Scale,
    SegmentSettings,
)
from cellmend.progress import Reporter, shares
from cellmend.registry import find
from cellmend.scale.models import ModelOnWorkers

if TYPE_CHECKING:
    from cellmend.restore import Restoration, Restorer
    from cellmend.scale.plan import Plan
    from cellmend.scale.workers import Workers

    Restored = tuple[Image, Restoration]


@dataclass(frozen=True)
class RestoreFiles:
    """How files are restored; it can be sent to a worker.

    Attributes
    ----------
    settings
        Of the restoration.
    auto
        Whether the diameter of each image is estimated by the segmentation network.
    scale
        Of the values that are written.
    ending
        Of the files that are written: tif or zarr.
    folder
        Where to; beside each image if None.
    axes
        What the dimensions of the files are, where they do not say it.
    device
        Where the networks run.
    blocks
        Side in pixels of the blocks that an image is cut into, if it is given.
    """

    settings: RestoreSettings
    auto: bool
    scale: Scale
    ending: str
    folder: Path | None
    axes: str | None
    device: str
    blocks: int | None

    def output(self, source: Path) -> Path:
        """Return the file that is written for `source`."""
        return output_path(source, f"{RESTORED}.{self.ending}", self.folder)

    def ahead(self, files: Sequence[Path]) -> Ahead[Restored]:
        """Return what restores files as a whole."""
        if files:
            self._model()
        pixels = self.settings.tiles.batch_pixels
        return Ahead(files, lambda file: read(file, self.axes), self._restore, pixels)

    def __call__(self, source: Path, report: Reporter) -> Mapping[str, Any]:
        """Restore a whole image and write it; return what is told of it."""
        return self.saved(source, self.ahead([source]).get(source, report))

    def saved(self, source: Path, restored: Restored) -> Mapping[str, Any]:
        """Write a restored image; return what is told of it."""
        from cellmend.restore import to_scale

        original, result = restored
        image = to_scale(result.image, original, self.scale, result.normalize)
        write(self.output(source), image, result.provenance.as_dict())
        return self._details(result.provenance.settings["diameter"])

    def in_blocks(
        self, source: Path, workers: Workers | None, report: Reporter
    ) -> Mapping[str, Any]:
        """Restore an image block by block and write it; return what is told of it.

        What is made on the way lies in a folder beside the result, which is removed in the end.
        A run that was stopped goes on from there.
        """
        from cellmend.scale.export import write_restored
        from cellmend.scale.run import restore_image

        plan = self._plan(source)
        workplace = output_path(source, f"{RESTORED}_{plan.key}.partial", self.folder)
        restored = restore_image(plan, workplace, workers, report)
        write_restored(self.output(source), restored, self.scale)
        shutil.rmtree(workplace)
        return self._details(restored.provenance.settings["diameter"])

    def _plan(self, source: Path) -> Plan:
        from cellmend.scale.plan import Plan

        step = RestoreStep(model=self.settings.model, channels=self.settings.channels)
        settings = BlockwiseSettings(
            restore=(step,),
            diameter=None if self.auto else self.settings.diameter,
            blocks=self.blocks,
        )
        return Plan(ImageWindows(source, self.axes), settings, self.device, self.settings)

    def _restore(self, images: Mapping[Path, Image], report: Reporter) -> list[Restored]:
        """Restore the images of some files."""
        originals, models = list(images.values()), [self._model()]
        options: dict[str, Any] = {
            "normalize": self.settings.normalize,
            "tiles": self.settings.tiles,
        }
        if self.auto:
            segmenter = self._loaded(SegmentSettings().model).segmenter()
            all_steps = [
                restore_at_estimate(original, models, segmenter, part, **options)
                for original, part in zip(originals, shares(report, len(originals)), strict=True)
            ]
        else:
            size = self.settings.diameter
            all_steps = restore_all_in_turn(originals, models, size, report, **options)
        return [(image, steps[-1]) for image, steps in zip(originals, all_steps, strict=True)]

    def _model(self) -> Restorer | OnChannels:
        restorer = self._loaded(self.settings.model).restorer()
        channels = self.settings.channels
        return OnChannels(restorer, channels) if channels else restorer

    def _loaded(self, model: str) -> ModelOnWorkers:
        return ModelOnWorkers.of(model, find(model), self.device)

    def _details(self, diameter: float) -> dict[str, Any]:
        return {"model": self.settings.model, "diameter": round(diameter, 2)}
