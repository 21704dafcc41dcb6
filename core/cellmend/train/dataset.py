"""Training pairs, read when they are first needed and kept within a memory budget."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import masks_to_flows
from cellmend.errors import FileFormatError, InputError
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.io.pairs import training_pairs
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.size import median_diameter

Floats = NDArray[np.float32]
CACHE_BYTES = 6 * 2**30


@dataclass(frozen=True, eq=False)
class Sample:
    """One training image.

    Attributes
    ----------
    image
        (C, Y, X) normalised channels, float16.
    target
        (3, Y, X) float16: unit flow dY, dX, and 1 inside cells.
    diameter
        Median diameter of its cells in pixels.
    """

    image: NDArray[np.float16]
    target: NDArray[np.float16]
    diameter: float

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        return self.image.nbytes + self.target.nbytes


class TrainingSet:
    """Pairs of image and masks in folders; each folder is one data set.

    Parameters
    ----------
    folders
        Folders with pairs, as `cellmend.io.pairs` finds them; not their subfolders.
    settings
        Normalisation, the same as will be used on new images.
    weights
        Sampling weight of each folder; the square root of its size where not given.

    Raises
    ------
    InputError
        If there is not a single pair.
    """

    def __init__(
        self,
        folders: Iterable[str | Path],
        settings: NormalizeSettings | None = None,
        weights: Sequence[float] | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._settings = settings or NormalizeSettings()
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[int, Sample] = OrderedDict()
        self._lock = threading.Lock()
        names = [str(folder) for folder in folders]
        groups = [training_pairs([folder]) for folder in names]
        self.pairs = [pair for group in groups for pair in group]
        if not self.pairs:
            raise InputError(
                f"No image with masks was found in {', '.join(names)}.",
                hint="Put <name>_masks.tif or <name>_seg.npy beside each image.",
            )
        share = weights or [len(group) ** 0.5 for group in groups]
        each = [w / len(g) for w, g in zip(share, groups, strict=True) for _ in g]
        self.probabilities = np.array(each) / np.sum(each)

    def __len__(self) -> int:
        return len(self.pairs)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return a random sample that holds cells, data sets chosen by weight.

        In place of an image without cells the next one is taken.

        Raises
        ------
        InputError
            If no image holds cells.
        """
        first = int(rng.choice(len(self), p=self.probabilities))
        for step in range(len(self)):
            sample = self.load((first + step) % len(self))
            if sample.diameter > 0:
                return sample
        raise InputError(
            f"There are no cells in the masks of the {len(self)} training images.",
            hint="Draw or find some, and save them.",
        )

    def load(self, index: int) -> Sample:
        """Return one sample, from the cache where it is there."""
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        sample = read_sample(*self.pairs[index], self._settings)
        with self._lock:
            self._cache[index] = sample
            while sum(s.nbytes for s in self._cache.values()) > self._cache_bytes:
                self._cache.popitem(last=False)
        return sample


def read_sample(image_path: Path, masks_path: Path, settings: NormalizeSettings) -> Sample:
    """Read a pair and compute its flows.

    Raises
    ------
    FileFormatError
        If a file cannot be read, or the sizes differ.
    """
    image, masks = read(image_path), read_labels(masks_path)
    channels = [image.channel(i) for i in range(min(2, image.n_channels))]
    if masks.ndim != 2 or any(c.shape != masks.shape for c in channels):
        raise FileFormatError(
            masks_path,
            f"masks of shape {masks.shape} do not fit the image of shape {channels[0].shape}.",
            hint="Training takes 2D images with masks of the same size.",
        )
    data = np.stack([normalize(channel, settings) for channel in channels])
    target = np.concatenate([masks_to_flows(masks), (masks > 0)[None]])
    return Sample(data.astype(np.float16), target.astype(np.float16), median_diameter(masks))
