"""A complete ``_seg.npy`` of results; the command line and the window share it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.export.flows import flow_colours
from cellmend.export.kinds import Results
from cellmend.image import Image
from cellmend.io.seg_npy import SegFile
from cellmend.params import SegmentSettings


@dataclass(frozen=True)
class RunSettings:
    """The settings of the run that made the masks, as far as the file has a place for them.

    `channels` are numbered as in Cellpose: of an image of one channel it is 0.
    """

    model: str | None = None
    flow_threshold: float | None = None
    cellprob_threshold: float | None = None
    channels: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, settings: SegmentSettings, image: Image) -> RunSettings:
        """Return what the file keeps of the settings of a run on `image`."""
        main, nuclear = settings.channels or image.usual_channels
        return cls(
            model=settings.model,
            flow_threshold=settings.masks.flow_threshold,
            cellprob_threshold=settings.masks.cellprob_threshold,
            channels=(main if image.n_channels > 1 else 0, nuclear),
        )


def seg_file(
    results: Results,
    run: RunSettings,
    *,
    diameter: float,
    manual: Collection[int] = (),
    restored_by: str = "restored",
) -> SegFile:
    """Return the content of the file to write.

    The restored image is kept where there is one of a single plane.

    Parameters
    ----------
    results
        What was found in the image.
    run
        The settings of the run that made the masks.
    diameter
        Of the cells, in pixels.
    manual
        Ids of the cells that a person drew.
    restored_by
        The model that made the restored image.
    """
    masks = results.masks.astype(np.uint32, copy=False)
    ids = np.unique(masks)
    ids = ids[ids > 0]
    seg = SegFile(
        masks=masks,
        filename=str(results.source),
        colors=_colors(ids),
        chan_choose=run.channels,
        ismanual=np.isin(ids, list(manual)),
        diameter=diameter,
        model_path=run.model,
        flow_threshold=run.flow_threshold,
        cellprob_threshold=run.cellprob_threshold,
    )
    if results.flows is not None and results.cellprob is not None:
        seg.flows = _stored_flows(results.flows, results.cellprob)
    if results.restored is not None and masks.ndim == 2:
        seg.restore = restored_by
        seg.ratio = results.restored.size("X") / masks.shape[1]
        seg.img_restore = _stored_image(results.restored)
    return seg


def _colors(ids: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return bright colours whose hues lie far apart for neighbouring ids."""
    hues = (ids.astype(np.float64) * 0.618034 % 1.0)[:, None] + np.array([0, 1 / 3, 2 / 3])
    colors: NDArray[np.float64] = 155 + 100 * np.cos(2 * np.pi * hues)
    return colors.astype(np.uint8)


def _stored_flows(flows: NDArray[np.floating], cellprob: NDArray[np.floating]) -> list[object]:
    """Return the five entries of Cellpose's list: pictures first, the numbers last."""
    numbers = np.concatenate([flows, cellprob[None]])
    if cellprob.ndim != 2:
        return [[], [], [], [], numbers]
    colours = flow_colours(flows)
    probability = (255 / (1 + np.exp(-np.clip(cellprob, -30, 30)))).astype(np.uint8)
    return [colours[None], probability[None], np.zeros_like(probability)[None], [], numbers]


def _stored_image(image: Image) -> NDArray[np.float32]:
    """Return a 2D image as Cellpose stores it: float32 (1, Y, X, C) from 0 to 255."""
    pixels = image.data if "C" in image.axes else image.data[None]
    values = np.moveaxis(pixels.astype(np.float32), 0, -1)[None]
    return np.clip(values * 255, 0, 255)
