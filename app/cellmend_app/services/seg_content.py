"""What a ``_seg.npy`` holds of the document, and the document of a ``_seg.npy``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.io.seg_npy import SegFile
from cellmend.params import SegmentSettings
from cellmend_app.document import FlowLayer, LabelContent, RestoredLayer


@dataclass(frozen=True)
class RunSettings:
    """The settings of the run that made the masks, as far as the file has a place for them."""

    model: str | None = None
    flow_threshold: float | None = None
    cellprob_threshold: float | None = None
    channels: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, settings: SegmentSettings) -> RunSettings:
        """Return what the file keeps of the settings of a run."""
        return cls(
            model=settings.model,
            flow_threshold=settings.masks.flow_threshold,
            cellprob_threshold=settings.masks.cellprob_threshold,
            channels=settings.channels or (0, 0),
        )


@dataclass(frozen=True, eq=False)
class SegContent:
    """What is to be saved of a document; `image` is its file, `pixels` what is in it."""

    image: Path
    pixels: Image
    masks: NDArray[np.uint32]
    manual: frozenset[int]
    diameter: float
    results: FlowLayer | None
    restored: RestoredLayer | None
    settings: RunSettings

    def with_masks(self, masks: NDArray[np.uint32]) -> SegContent:
        """Return the same with other masks."""
        return replace(self, masks=masks)


@dataclass(frozen=True, eq=False)
class OpenedSeg:
    """The content of a ``_seg.npy``, or masks alone, ready to be shown.

    Parameters
    ----------
    labels
        The masks, brought to the pixels of the raw image.
    manual
        Ids that a person drew.
    results
        The network's output, if it fits the image.
    restored
        The restored image, if there is one.
    diameter
        The diameter, if the file has a usable one.
    run
        The settings of the run that made the masks.
    """

    labels: LabelContent
    manual: frozenset[int] = frozenset()
    results: FlowLayer | None = None
    restored: RestoredLayer | None = None
    diameter: float | None = None
    run: RunSettings = RunSettings()

    @classmethod
    def of(cls, seg: SegFile, shape: tuple[int, ...]) -> OpenedSeg:
        """Make ready what the file holds for labels of `shape`; takes time on large images."""
        return cls(
            labels=LabelContent.of(on_grid(seg.masks, shape)),
            manual=manual_ids(seg),
            results=flow_layer(seg, shape),
            restored=restored_layer(seg),
            diameter=seg.diameter if seg.diameter is not None and seg.diameter > 0 else None,
            run=run_settings(seg),
        )


def make(content: SegContent) -> SegFile:
    """Return the content of the file to write."""
    ids = np.unique(content.masks)
    ids = ids[ids > 0]
    seg = SegFile(
        masks=content.masks,
        filename=str(content.image),
        colors=_colors(ids),
        chan_choose=content.settings.channels,
        ismanual=np.isin(ids, list(content.manual)),
        diameter=content.diameter,
        model_path=content.settings.model,
        flow_threshold=content.settings.flow_threshold,
        cellprob_threshold=content.settings.cellprob_threshold,
    )
    if content.results is not None:
        seg.flows = _stored_flows(content.results)
    if content.restored is not None and content.masks.ndim == 2:
        width = content.restored.image.size("X")
        seg.restore = content.restored.name
        seg.ratio = width / content.masks.shape[1]
        seg.img_restore = _stored_image(content.restored.image)
    return seg


def flow_layer(seg: SegFile, shape: tuple[int, ...]) -> FlowLayer | None:
    """Return the network's output that the file holds, if it fits masks of `shape`."""
    output = seg.network_output()
    if output is None or output[1].shape != shape:
        return None
    return FlowLayer(*output)


def restored_layer(seg: SegFile) -> RestoredLayer | None:
    """Return the restored image that the file holds, if any."""
    stored = seg.img_restore
    if stored is None or np.ndim(stored) != 4 or len(stored) != 1:
        return None
    pixels = np.moveaxis(np.asarray(stored[0], np.float32), -1, 0) / 255
    image = Image(pixels[0], "YX") if len(pixels) == 1 else Image(pixels, "CYX")
    return RestoredLayer(seg.restore or "restored", image)


def run_settings(seg: SegFile) -> RunSettings:
    """Return the settings that the file records, to be kept when it is saved again."""
    return RunSettings(
        model=None if seg.model_path in (None, 0) else str(seg.model_path),
        flow_threshold=seg.flow_threshold,
        cellprob_threshold=seg.cellprob_threshold,
        channels=seg.chan_choose,
    )


def on_grid(masks: NDArray[np.uint32], shape: tuple[int, ...]) -> NDArray[np.uint32]:
    """Bring masks of an upsampled image to the raw pixels, by their nearest neighbours.

    Masks whose sides are not in the proportion of `shape` are returned as they are.
    """
    have, want = masks.shape[-2:], shape[-2:]
    if have == want or masks.shape[:-2] != shape[:-2]:
        return masks
    ratio = have[0] / want[0]
    if ratio <= 1 or abs(have[1] - ratio * want[1]) > ratio:
        return masks
    return resample(masks, want)


def resample(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring the last two axes of `array` to `shape`, each pixel taking its nearest value."""
    rows, columns = (
        ((np.arange(size) + 0.5) * there / size).astype(np.intp)
        for size, there in zip(shape, array.shape[-2:], strict=True)
    )
    return np.ascontiguousarray(array[..., rows[:, None], columns])


def manual_ids(seg: SegFile) -> frozenset[int]:
    """Return the ids of the cells that a person drew."""
    ids = np.unique(seg.masks)
    ids = ids[ids > 0]
    if seg.ismanual is None or len(seg.ismanual) != len(ids):
        return frozenset()
    return frozenset(ids[seg.ismanual].tolist())


def _colors(ids: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return bright colours whose hues lie far apart for neighbouring ids."""
    hues = (ids.astype(np.float64) * 0.618034 % 1.0)[:, None] + np.array([0, 1 / 3, 2 / 3])
    colors: NDArray[np.float64] = 155 + 100 * np.cos(2 * np.pi * hues)
    return colors.astype(np.uint8)


def _stored_flows(results: FlowLayer) -> list[object]:
    """Return the five entries of Cellpose's list: pictures first, the numbers last."""
    flows, cellprob = results.flows, results.cellprob
    numbers = np.concatenate([flows, cellprob[None]])
    if cellprob.ndim != 2:
        return [[], [], [], [], numbers]
    angle = np.arctan2(flows[0], flows[1])
    length = np.clip(np.hypot(flows[0], flows[1]) / 5, 0, 1)
    wheel = 0.5 + 0.5 * np.cos(angle[..., None] + np.array([0, 2, 4]) * np.pi / 3)
    colours = (255 * length[..., None] * wheel).astype(np.uint8)
    probability = (255 / (1 + np.exp(-np.clip(cellprob, -30, 30)))).astype(np.uint8)
    return [colours[None], probability[None], np.zeros_like(probability)[None], [], numbers]


def _stored_image(image: Image) -> NDArray[np.float32]:
    """Return a 2D image as Cellpose stores it: float32 (1, Y, X, C) from 0 to 255."""
    pixels = image.data if "C" in image.axes else image.data[None]
    values = np.moveaxis(pixels.astype(np.float32), 0, -1)[None]
    return np.clip(values * 255, 0, 255)
