"""One pair of image and masks: read, checked, and brought into the form crops are cut from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import masks_to_flows
from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import read
from cellmend.io.dark_frame import dark_frame
from cellmend.io.labels import read_labels
from cellmend.net.card import file_sha256
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.planes import check_usable
from cellmend.size import median_diameter
from cellmend.train.cache import Cache

Floats = NDArray[np.float32]
Channels = tuple[int, int]

KNOWN_AROUND = 0.15
"""In partly annotated images, diameters around annotated cells that count as background."""
LAYOUT = 2
"""Raised when what is kept changes, so that older files are not taken for it."""

SPLIT_SHARE = 0.25
"""A part of a cell counts as a second place where it has this share of its largest part."""
MOST_SPLIT = 0.5
"""Masks of which more cells than this lie in several places are no masks of single cells."""


@dataclass(frozen=True)
class Prepared:
    """A pair on the disk.

    Attributes
    ----------
    path
        `.npy` of float16 (C + 3, Y, X): normalised channels, unit flow dY, dX, and 1 inside
        cells, 0 outside, -1 where nothing is known.
    diameter
        Median diameter of its cells in pixels; 0 where it has none.
    """

    path: Path
    diameter: float


def prepare_pair(
    image_path: Path,
    masks_path: Path,
    settings: NormalizeSettings,
    channels: Channels | None,
    cache: Cache,
    partial: bool = False,
) -> Prepared:
    """Return the pair from the cache, or read it, compute its flows and keep it there.

    Parameters
    ----------
    partial
        Whether there are cells without masks: far from those with one nothing is known.
        An image without any is taken to be known.

    Raises
    ------
    FileFormatError
        If a file cannot be read, the sizes differ, or the masks are not of single cells.
    """
    key = _key(image_path, masks_path, settings, channels, partial)
    kept = cache.find(key)
    if kept is None:
        planes, diameter = _read_pair(image_path, masks_path, settings, channels)
        if partial and diameter:
            planes[-1][unknown(planes[-1] > 0, KNOWN_AROUND * diameter)] = -1
        kept = cache.keep(key, planes, {"diameter": diameter})
    path, facts = kept
    return Prepared(path, float(facts["diameter"]))


def training_channels(
    image: Image, settings: NormalizeSettings, channels: Channels | None = None
) -> Floats:
    """Return the channels to train on, normalised as for segmenting: (1 or 2, Y, X) float32.

    Parameters
    ----------
    channels
        The channel to segment (0: the mean of all) and the nuclear one (0: none),
        counted from 1. If left out, the first channel and, where there is one, the
        second; of a colour picture, the mean.
    """
    return np.stack(
        [
            normalize(plane, settings, dark_frame=dark_frame(settings))
            for plane in _planes(image, channels or image.dataset_channels)
        ]
    )


def _planes(image: Image, channels: Channels) -> list[NDArray[np.generic]]:
    main, nuclear = channels
    if main:
        first = image.channel(main - 1)
    elif "C" in image.axes:
        first = image.data.mean(axis=image.axes.index("C"), dtype=np.float32)
    else:
        first = image.data
    check_usable(first)
    return [first, image.channel(nuclear - 1)] if nuclear else [first]


def _read_pair(
    image_path: Path, masks_path: Path, settings: NormalizeSettings, channels: Channels | None
) -> tuple[NDArray[np.float16], float]:
    image, masks = read(image_path), read_labels(masks_path)
    size = image.data.shape[-2:]
    if masks.ndim != 2 or masks.shape != size or set(image.axes) - set("CYX"):
        raise FileFormatError(
            masks_path,
            f"masks of shape {masks.shape} do not fit the image ({image.axes} {image.data.shape}).",
            hint="Training takes 2D images with masks of the same size.",
        )
    check_single_cells(masks_path, masks)
    try:
        data = training_channels(image, settings, channels)
    except InputError as error:
        raise FileFormatError(image_path, error.message, hint=error.hint) from error
    target = np.concatenate([masks_to_flows(masks), (masks > 0)[None]])
    return np.concatenate([data, target]).astype(np.float16), median_diameter(masks)


def unknown(inside: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Tell which pixels are further than `reach` pixels, and than one, from all cells."""
    import cv2

    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away > max(reach, 1.5))


def check_single_cells(path: Path, masks: NDArray[np.uint32]) -> None:
    """Refuse masks whose ids each mark several cells, such as a map of foreground.

    A cell in two pieces (something lies across it) and specks of the brush are
    common and stay; they are no reason to refuse.

    Raises
    ------
    FileFormatError
        If more than half of the cells lie in several places.
    """
    several, total = ids_in_several_places(masks)
    if total and len(several) > MOST_SPLIT * total:
        raise FileFormatError(
            path,
            f"{len(several)} of {total} ids mark several places (the first: {several[0]}).",
            hint="Give every cell a number of its own.",
        )


def ids_in_several_places(masks: NDArray[np.uint32]) -> tuple[list[int], int]:
    """Return the ids that mark several places of similar size, and the number of all ids."""
    import cv2

    ids = np.unique(masks[masks > 0])
    if not ids.size:
        return [], 0
    # Parts of equal ids: the components left when the borders between cells are cut.
    several = []
    dense = np.searchsorted(ids, masks).astype(np.int32) + 1
    dense[masks == 0] = 0
    for label, box in enumerate(_boxes(dense, len(ids)), start=1):
        own = np.ascontiguousarray(dense[box] == label, np.uint8)
        count, _, facts, _ = cv2.connectedComponentsWithStats(own, connectivity=8)
        areas = np.sort(facts[1:, cv2.CC_STAT_AREA])
        if count > 2 and areas[-2] >= SPLIT_SHARE * areas[-1]:
            several.append(int(ids[label - 1]))
    return several, int(ids.size)


def _boxes(dense: NDArray[np.int32], count: int) -> list[tuple[slice, ...]]:
    from scipy import ndimage

    boxes: list[tuple[slice, ...]] = ndimage.find_objects(dense, count)
    return boxes


def _key(
    image_path: Path,
    masks_path: Path,
    settings: NormalizeSettings,
    channels: Channels | None,
    partial: bool,
) -> str:
    """Name what is kept by the content of the files and everything else that decides it."""
    choices = [LAYOUT, settings.model_dump(mode="json"), channels]
    rest = json.dumps([*choices, "partial"] if partial else choices)
    parts = file_sha256(image_path), file_sha256(masks_path), image_path.suffix, rest
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
