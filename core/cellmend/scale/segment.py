"""Finding the cells of an image block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.io.windows import ImageWindows
from cellmend.params import AS_IT_IS, SegmentSettings
from cellmend.progress import Reporter
from cellmend.scale.blocks import Block
from cellmend.scale.join import BlockCells
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.scaling import Scaling
from cellmend.scale.stage import Made, Numbers


@dataclass(frozen=True, eq=False)
class SegmentJob:
    """What a worker needs to find the cells of a block.

    Attributes
    ----------
    windows
        The image, or the restored one.
    model
        What finds the cells.
    settings
        Of the whole image; the diameter is known.
    scaling
        Of the channel to segment and, if there is one, the nuclear channel.
    """

    windows: ImageWindows
    model: ModelOnWorkers
    settings: SegmentSettings
    scaling: Scaling

    def __call__(self, block: Block, report: Reporter) -> Made:
        """Return the labels of the window, and `BlockCells` as plain values."""
        data = self.scaling.apply(self.windows.read(block.window), block.window)
        masks = np.zeros(data.shape[1:], np.uint32)
        if data[0].min() < data[0].max():
            masks = self._masks(data, block, report)
        count = int(masks.max())
        core = masks[block.core_in_window]
        edge = self._edge_labels(core, block) if self.settings.masks.exclude_on_edges else []
        return masks, {
            "sizes": np.bincount(core.ravel(), minlength=count + 1).tolist(),
            "edge": edge,
        }

    def _masks(
        self, data: NDArray[np.float32], block: Block, report: Reporter
    ) -> NDArray[np.uint32]:
        """Return the masks of a window of scaled channels."""
        settings = self.settings
        deep = "Z" in block.window and goes_deep(settings)
        shape = data.shape[-3:] if deep else data.shape[-2:]
        image = Image(data.reshape(len(data), *shape), "CZYX" if deep else "CYX")
        found = self.model.segmenter().run(
            image,
            channels=(1, 2 if len(data) > 1 else 0),
            diameter=settings.diameter,
            normalize=AS_IT_IS,
            tiles=settings.tiles,
            masks=settings.masks.model_copy(update=self._masks_of_parts(block)),
            stitch_threshold=settings.stitch_threshold,
            do_3d=settings.do_3d,
            anisotropy=settings.anisotropy,
            flow_smoothing=settings.flow_smoothing,
            report=report,
        )
        return found.masks.reshape(data.shape[1:])

    def _masks_of_parts(self, block: Block) -> Mapping[str, object]:
        """Return what is decided otherwise in a part than in the whole image.

        What is small or on the edge is decided on when the parts of cells are joined.
        """
        axes = "ZYX" if self.settings.do_3d else "YX"
        whole = math.prod(self.windows.shape.get(axis, 1) for axis in axes)
        part = math.prod(
            span.stop - span.start for axis, span in block.window.items() if axis in axes
        )
        share = min(1.0, self.settings.masks.max_size_fraction * whole / part)
        small = {"min_size": -1} if goes_deep(self.settings) else {}
        return {"max_size_fraction": share, "exclude_on_edges": False, **small}

    def _edge_labels(self, core: NDArray[np.uint32], block: Block) -> list[int]:
        """Return the labels in a core that touch the border of a plane of the image."""
        labels = []
        for place, axis in ((-2, "Y"), (-1, "X")):
            span, length = block.core[axis], self.windows.shape[axis]
            ends = [end for end, at in ((0, span.start == 0), (-1, span.stop == length)) if at]
            labels += [np.unique(np.take(core, end, axis=place)) for end in ends]
        return sorted({int(label) for part in labels for label in part} - {0})


def goes_deep(settings: SegmentSettings) -> bool:
    """Tell whether cells go through several planes: in linked planes and in 3D."""
    return settings.do_3d or settings.stitch_threshold > 0


def cells_of(numbers: Numbers) -> BlockCells:
    """Return what `SegmentJob` told of a block."""
    return BlockCells(np.array(numbers["sizes"], np.int64), np.array(numbers["edge"], np.int64))
