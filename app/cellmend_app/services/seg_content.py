"""What a ``_seg.npy`` holds of the document, and the document of a ``_seg.npy``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.io.seg_npy import SegFile
from cellmend.labels.confidence import Confidence
from cellmend_app.document import FlowLayer, LabelContent, RestoredLayer


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
    confidence: Confidence | None = None

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
    run: RunSettings = field(default_factory=RunSettings)

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
