"""The images that a study looks at: read, cropped, with what is true about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import read
from cellmend.io.folder import images_in
from cellmend.io.labels import read_labels
from cellmend.io.pairs import find_pairs
from cellmend.planes import check_usable
from cellmend.size import median_diameter

Floats = NDArray[np.float32]

SPLITS = ("train", "val", "validation", "test")
NETWORK_DIAMETER = 30.0
NOISY, CLEAN = "_noisy", "_clean"


@dataclass(frozen=True)
class Files:
    """Two files that belong together, and the data set they are of.

    Attributes
    ----------
    first, second
        Image and true masks; or clean and noisy image of the same field.
    """

    group: str
    first: Path
    second: Path

    @property
    def name(self) -> str:
        """Group and file name."""
        return f"{self.group}/{self.first.stem.removesuffix('_img').removesuffix(CLEAN)}"


@dataclass(frozen=True, eq=False)
class Case:
    """A crop of an image with its true masks.

    Attributes
    ----------
    name, group
        Of the image and of its data set.
    image
        (Y, X) float32, the channel of the cells in the intensities of the file.
    nuclear
        (Y, X) float32, the channel of nuclei of an image that has one.
    masks
        (Y, X) uint32 true masks.
    diameter
        Median diameter of the true cells in pixels, of the whole image.
    """

    name: str
    group: str
    image: Floats
    masks: NDArray[np.uint32]
    diameter: float
    nuclear: Floats | None = None

    @property
    def key(self) -> str:
        """SHA-256 of all that results can depend on."""
        nuclear = () if self.nuclear is None else (self.nuclear,)
        return digest(self.image, self.masks, self.diameter, *nuclear)


@dataclass(frozen=True, eq=False)
class LowHigh:
    """A crop of two real images of the same field: little light, and much."""

    name: str
    group: str
    noisy: Floats
    clean: Floats

    @property
    def key(self) -> str:
        """SHA-256 of all that results can depend on."""
        return digest(self.noisy, self.clean)


def masked_files(folders: Iterable[str | Path], limit: int = 0) -> list[Files]:
    """Return the images with masks of folders, at most `limit` per folder (0: all).

    They are taken evenly over the order of names, the first among them.

    Raises
    ------
    InputError
        If a folder is not there.
    """
    found = []
    for folder in map(Path, folders):
        pairs = find_pairs([folder]).found
        found += [Files(group_of(folder), *pair) for pair in spread(pairs, limit)]
    return found


def low_high_files(folders: Iterable[str | Path], limit: int = 0) -> list[Files]:
    """Return pairs ``<stem>_clean``, ``<stem>_noisy``, at most `limit` per folder."""
    found = []
    for folder in map(Path, folders):
        images = {path.stem: path for path in (images_in(folder) if folder.is_dir() else [])}
        pairs = [
            (path, images[stem.removesuffix(CLEAN) + NOISY])
            for stem, path in images.items()
            if stem.endswith(CLEAN) and stem.removesuffix(CLEAN) + NOISY in images
        ]
        found += [Files(group_of(folder), *pair) for pair in spread(pairs, limit)]
    return found


def read_case(files: Files, crop: int = 0) -> Case:
    """Read an image with masks and cut out the part with the most cells.

    Parameters
    ----------
    files
        The image and its masks.
    crop
        Side of the part where cells are scaled to a diameter of 30 pixels; 0 for all.

    Raises
    ------
    CellmendError
        If a file cannot be read, the sizes differ, there are no cells or the part is
        constant; the message names the file.
    """
    image, masks = read(files.first), read_labels(files.second)
    plane, nuclear = seen_plane(image), image.dataset_channels[1]
    if plane.ndim != 2 or plane.shape != masks.shape:
        raise FileFormatError(
            files.second,
            f"masks of shape {masks.shape} do not fit the image of shape {plane.shape}.",
            hint="A study takes 2D images with masks of the same size.",
        )
    diameter = median_diameter(masks)
    if diameter == 0:
        raise FileFormatError(files.second, "there are no cells in it.")
    part = densest_part(masks, round(crop * diameter / NETWORK_DIAMETER))
    beside = np.asarray(image.channel(nuclear - 1)[part], np.float32) if nuclear else None
    case = Case(files.name, files.group, plane[part], masks[part], diameter, beside)
    _check(files.first, case.image)
    return case


def read_low_high(files: Files, crop: int = 0) -> LowHigh:
    """Read a clean and a noisy image and cut out the part with the most contrast.

    Parameters
    ----------
    files
        The clean and the noisy image.
    crop
        Side of the part in pixels; 0 for all. Contrast is the standard deviation of the
        clean image.

    Raises
    ------
    CellmendError
        If a file cannot be read or the sizes differ; the message names the file.
    """
    clean, noisy = (seen_plane(read(path)) for path in (files.first, files.second))
    if clean.ndim != 2 or clean.shape != noisy.shape:
        raise FileFormatError(
            files.second,
            f"it has the shape {noisy.shape}, the clean image {clean.shape}.",
            hint="A study takes 2D images of the same field.",
        )
    part = max(_parts(clean.shape, crop), key=lambda place: float(clean[place].std()))
    pair = LowHigh(files.name, files.group, noisy[part], clean[part])
    _check(files.first, pair.clean)
    _check(files.second, pair.noisy)
    return pair


def seen_plane(image: Image) -> Floats:
    """Return the channel that is segmented where none is chosen, as float32."""
    main, _ = image.usual_channels
    if main:
        return np.asarray(image.channel(main - 1), np.float32)
    return np.asarray(image.data.mean(axis=image.axes.index("C"), dtype=np.float32))


def densest_part(masks: NDArray[np.integer], side: int) -> tuple[slice, slice]:
    """Return the square of `side` pixels with the most cells among half-overlapping ones."""
    return max(_parts(masks.shape, side), key=lambda place: len(np.unique(masks[place])))


def group_of(folder: Path) -> str:
    """Return the name of a data set: of its folder, or of the one above ``val`` and the like."""
    place = folder.resolve()
    return place.parent.name if place.name.lower() in SPLITS else place.name


def spread(items: Sequence[tuple[Path, Path]], limit: int) -> list[tuple[Path, Path]]:
    """Return `limit` items evenly over their order; all where there are fewer, or limit is 0."""
    if limit <= 0 or len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def digest(*parts: object) -> str:
    """Return the SHA-256 of arrays (with their shapes and types) and of plain values."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.shape}{part.dtype}".encode())
            total.update(np.ascontiguousarray(part).tobytes())
        else:
            total.update(repr(part).encode())
        total.update(b"\0")
    return total.hexdigest()


def _check(path: Path, image: Floats) -> None:
    try:
        check_usable(image)
    except InputError as error:
        raise FileFormatError(path, error.message, hint=error.hint) from error


def _parts(shape: tuple[int, ...], side: int) -> list[tuple[slice, slice]]:
    """Return squares of `side` pixels that overlap by half and cover the image; 0: the whole."""
    if side <= 0:
        return [(slice(None), slice(None))]
    rows, columns = (_starts(length, side) for length in shape)
    return [(slice(y, y + side), slice(x, x + side)) for y in rows for x in columns]


def _starts(length: int, side: int) -> list[int]:
    last = max(0, length - side)
    return sorted({*range(0, last, max(1, side // 2)), last})
