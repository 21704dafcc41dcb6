"""Images with the masks that belong to them, for training, measuring and looking at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cellmend.errors import InputError
from cellmend.io import scenes
from cellmend.io.folder import (
    MASKS_PNG,
    MASKS_TIF,
    MASKS_ZARR,
    SEG_NPY,
    images_in,
    is_there,
)

_MASK_SUFFIXES = ("_masks.tif", "_masks.tiff", "_masks.png")
_COMPUTED_SUFFIXES = (MASKS_TIF, MASKS_PNG, MASKS_ZARR)
_IMAGE_ENDING = "_img"

IsThere = Callable[[Path], bool]


@dataclass(frozen=True)
class Pairs:
    """What folders hold for training.

    Parameters
    ----------
    found
        (image, masks) file pairs, in order.
    without_masks
        Images that have no masks.
    empty_folders
        Folders without any image.
    """

    found: list[tuple[Path, Path]] = field(default_factory=list)
    without_masks: list[Path] = field(default_factory=list)
    empty_folders: list[Path] = field(default_factory=list)


def masks_of(image: Path, *, corrected: bool = False, there: IsThere = Path.is_file) -> Path | None:
    """Return the masks beside an image, or None.

    ``a.png`` and ``a_img.tif`` go with ``a_masks.tif``, ``a_masks.png`` or
    ``a_seg.npy``; ``a_img.tif`` also with ``a_img_masks.tif`` and so on. Where
    there are several, the first of these is taken; with `corrected` it is
    ``a_seg.npy``, or of ``a_img.tif`` first ``a_img_seg.npy``, where corrections made
    in the window are kept.

    Masks that were only computed, ``a_cp_masks.tif``, are not for training: see
    `masks_beside`. For many images, `there` may look files up in a list.
    """
    stems = dict.fromkeys(
        name for stem in scenes.stems(image) for name in (stem.removesuffix(_IMAGE_ENDING), stem)
    )
    names = [one + suffix for suffix in _MASK_SUFFIXES for one in stems]
    saved = [one + SEG_NPY for one in stems]
    candidates = map(image.with_name, saved[::-1] + names if corrected else names + saved)
    return next((file for file in candidates if there(file)), None)


def computed_masks_of(image: Path, there: IsThere = is_there) -> Path | None:
    """Return the masks that ``cellmend segment`` wrote beside an image, ``a_cp_masks.tif``."""
    stems = scenes.stems(image)
    candidates = (image.with_name(stem + end) for stem in stems for end in _COMPUTED_SUFFIXES)
    return next(filter(there, candidates), None)


def masks_beside(image: Path) -> Path | None:
    """Return the masks to show or measure with an image: corrected ones, else computed ones."""
    return masks_of(image, corrected=True) or computed_masks_of(image)


def find_pairs(places: Iterable[str | Path]) -> Pairs:
    """Pair images, and those of folders (not their subfolders), with their masks.

    An image that is named by itself is one that somebody corrected: its
    ``_seg.npy`` comes before other masks.
    """
    pairs = Pairs()
    for place in map(Path, places):
        if not (place.exists() or is_there(place)):
            raise InputError(f"{place} is not there.", hint="Name folders or images.")
        images = images_in(place) if place.is_dir() else [place]
        if not images:
            pairs.empty_folders.append(place)
        for image in images:
            masks = masks_of(image, corrected=not place.is_dir())
            if masks is None:
                pairs.without_masks.append(image)
            else:
                pairs.found.append((image, masks))
    return pairs


def training_pairs(places: Iterable[str | Path]) -> list[tuple[Path, Path]]:
    """Return the (image, masks) pairs of images and folders.

    `find_pairs` also tells what is missing.

    Raises
    ------
    InputError
        If a place is not there, or there is no pair at all.
    """
    names = list(places)
    pairs = find_pairs(names)
    if not pairs.found:
        where = ", ".join(str(name) for name in names)
        raise InputError(
            f"There are no images with masks in {where}"
            f" ({len(pairs.without_masks)} images without).",
            hint="Put a_masks.tif, a_masks.png or a_seg.npy beside a_img.tif or a.png.",
        )
    return pairs.found
