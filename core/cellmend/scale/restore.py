"""Restoring an image block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cellmend.io.windows import ImageWindows
from cellmend.params import NormalizeSettings, RestoreSettings
from cellmend.progress import Reporter
from cellmend.scale.blocks import Block
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.scaling import Scaling
from cellmend.scale.stage import Made

AS_IT_IS = NormalizeSettings(enabled=False)


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
