"""Images with the masks that belong to them, for training and evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cellmend.errors import InputError
from cellmend.io.folder import images_in

_MASK_SUFFIXES = ("_masks.tif", "_masks.tiff", "_masks.png", "_seg.npy")
_IMAGE_ENDING = "_img"


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


def masks_of(image: Path, *, corrected: bool = False) -> Path | None:
    """Return the masks beside an image, or None.

    ``a.png`` and ``a_img.tif`` go with ``a_masks.tif``, ``a_masks.png`` or
    ``a_seg.npy``; ``a_img.tif`` also with ``a_img_masks.tif`` and so on. Where
    there are several, the first of these is taken; with `corrected` it is
    ``a_seg.npy``, where corrections made in the window are kept.
    """
    stems = dict.fromkeys((image.stem.removesuffix(_IMAGE_ENDING), image.stem))
    suffixes = _MASK_SUFFIXES[::-1] if corrected else _MASK_SUFFIXES
    candidates = (image.with_name(stem + suffix) for suffix in suffixes for stem in stems)
    return next((file for file in candidates if file.is_file()), None)


def find_pairs(places: Iterable[str | Path]) -> Pairs:
    """Pair images, and those of folders (not their subfolders), with their masks.

    An image that is named by itself is one that somebody corrected: its
    ``_seg.npy`` comes before other masks.
    """
    pairs = Pairs()
    for place in map(Path, places):
        if not place.exists():
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
