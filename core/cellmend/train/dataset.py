"""Training pairs: read and checked once, kept on the disk, and opened for each crop.

What is in memory does not grow with the number of images: while pairs are prepared it
is one of them, and in training it is the windows around the crops being made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError, InputError
from cellmend.io.labels import read_labels
from cellmend.io.pairs import training_pairs
from cellmend.params import FEWEST_TO_SPLIT, NormalizeSettings
from cellmend.progress import SILENT, Reporter
from cellmend.train.cache import Cache
from cellmend.train.pairs import Channels, Prepared, prepare_pair
from cellmend.train.validation import View

Floats = NDArray[np.float32]
TOLD = 5
"""Bad pairs that an error names; the rest is counted."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One training image, its arrays on the disk.

    Attributes
    ----------
    image
        (C, Y, X) normalised channels, float16.
    target
        (3, Y, X) float16: unit flow dY, dX, and 1 inside cells, -1 where nothing is known.
    diameter
        Median diameter of its cells in pixels; where it has none, that of the other images.
    """

    image: NDArray[np.float16]
    target: NDArray[np.float16]
    diameter: float


class TrainingSet:
    """Pairs of image and masks in folders; each folder is one data set.

    Parameters
    ----------
    places
        Folders with pairs, as `cellmend.io.pairs` finds them (not their
        subfolders), or single images.
    settings
        Normalisation, the same as will be used on new images.
    channels
        The channel to segment and the nuclear one, counted from 1, as in `SegmentSettings`.
    weights
        Sampling weight of each place; the square root of its size where not given.
    partial
        Whether there are cells without masks, so that only what is near those with one counts.
    empty
        Whether images without cells count: they teach what is no cell.
    cache
        Where prepared pairs are kept.

    Raises
    ------
    InputError
        If there is not a single pair, or the weights do not fit the places.
    """

    def __init__(
        self,
        places: Iterable[str | Path],
        settings: NormalizeSettings | None = None,
        *,
        channels: Channels | None = None,
        weights: Sequence[float] | None = None,
        partial: bool = False,
        empty: bool = False,
        cache: Cache | None = None,
    ) -> None:
        self._settings = settings or NormalizeSettings()
        self._channels = channels
        self._partial = partial
        self._empty = empty
        self._cache = cache or Cache()
        self._lock = threading.Lock()
        self._prepared: list[Prepared] = []
        self._typical = 0.0
        groups = [training_pairs([place]) for place in places]
        self.pairs = [pair for group in groups for pair in group]
        self.probabilities = _probabilities([len(group) for group in groups], weights)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def images(self) -> list[Path]:
        """The image files."""
        return [image for image, _ in self.pairs]

    def split(
        self, share: float, rng: np.random.Generator
    ) -> tuple[TrainingSet, TrainingSet | None]:
        """Hold about `share` of the images with cells out, in a second set; none of a few."""
        self.prepare()
        usable = np.flatnonzero(self._with_cells & (self.probabilities > 0))
        if len(usable) < FEWEST_TO_SPLIT:
            return self, None
        held = np.zeros(len(self), bool)
        held[rng.permutation(usable)[: max(1, round(share * len(usable)))]] = True
        return self._only(~held), self._only(held)

    def prepare(self, report: Reporter = SILENT) -> None:
        """Read and check all pairs, and compute their flows.

        Those without cells are left out, unless they are to count.

        Raises
        ------
        FileFormatError, InputError
            If pairs cannot be used, with the file and the reason of each; or if
            no image holds cells.
        """
        with self._lock:
            if self._prepared:
                return
            prepared = self._prepare_all(report)
            diameters = np.array([entry.diameter for entry in prepared])
            cells = diameters > 0
            if not cells.any():
                raise InputError(
                    f"There are no cells in the masks of the {len(self)} training images.",
                    hint="Draw or find some, and save them.",
                )
            self._typical = float(np.median(diameters[cells]))
            if not self._empty:
                weights = self.probabilities * cells
                self.probabilities = weights / weights.sum()
            self._prepared = prepared

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return a random sample, data sets chosen by weight."""
        self.prepare()
        return self.load(int(rng.choice(len(self), p=self.probabilities)))

    def load(self, index: int) -> Sample:
        """Open one sample; only what is then looked at is read."""
        entry = self._prepared[index] if self._prepared else self._prepare(index)
        planes = np.load(entry.path, mmap_mode="r", allow_pickle=False)
        return Sample(planes[:-3], planes[-3:], entry.diameter or self._typical)

    @property
    def diameter(self) -> float:
        """Median over the images of the diameter of their cells; empty images do not count."""
        self.prepare()
        return float(np.median([entry.diameter for entry in self._prepared if entry.diameter]))

    @property
    def _with_cells(self) -> NDArray[np.bool_]:
        """Which images hold cells."""
        return np.array([entry.diameter > 0 for entry in self._prepared])

    def views(self, count: int, side: float) -> Iterator[View]:
        """Yield the middles of up to `count` images with cells, evenly spread over the set.

        Each is of at most `side` diameters along y and x.
        """
        self.prepare()
        usable = np.flatnonzero(self._with_cells)
        chosen = np.linspace(0, len(usable) - 1, min(count, len(usable))).astype(int)
        for index in (usable[i] for i in chosen):
            sample = self.load(index)
            window = _middle(sample.image.shape[1:], round(side * sample.diameter))
            masks = read_labels(self.pairs[index][1])[window]
            image = sample.image[:, *window].astype(np.float32)
            yield View(image, np.ascontiguousarray(masks), sample.diameter)

    def _prepare_all(self, report: Reporter) -> list[Prepared]:
        prepared, problems = [], []
        for index in range(len(self)):
            report.check()
            report.step(index, len(self), "reading the images")
            try:
                prepared.append(self._prepare(index))
            except CellmendError as error:
                problems.append(error)
        if problems:
            raise _all_together(problems, len(self))
        self._cache.trim(keep=[entry.path for entry in prepared])
        return prepared

    def _prepare(self, index: int) -> Prepared:
        return prepare_pair(
            *self.pairs[index], self._settings, self._channels, self._cache, self._partial
        )

    def _only(self, chosen: NDArray[np.bool_]) -> TrainingSet:
        """Return the prepared set with the chosen pairs alone."""
        part = copy(self)
        part.pairs = list(compress(self.pairs, chosen))
        part._prepared = list(compress(self._prepared, chosen))
        part._lock = threading.Lock()
        weights = self.probabilities[chosen]
        part.probabilities = weights / weights.sum()
        return part


def _probabilities(sizes: list[int], weights: Sequence[float] | None) -> NDArray[np.float64]:
    """Share each place's weight among its pairs."""
    if not sum(sizes):
        raise InputError("There are no images to train on.", hint="Name folders or images.")
    share = [size**0.5 for size in sizes] if weights is None else list(weights)
    if len(share) != len(sizes):
        raise InputError(
            f"There are {len(share)} sampling weights for {len(sizes)} data sets.",
            hint="Give one weight for each folder, in their order.",
        )
    each = np.repeat(np.array(share) / sizes, sizes)
    if not (each >= 0).all() or each.sum() <= 0:
        raise InputError("Sampling weights must not be negative, nor all zero.")
    return np.asarray(each / each.sum(), np.float64)


def _middle(shape: tuple[int, ...], side: int) -> Any:
    """Return slices of the middle of an image, at most `side` long."""
    starts = [max(0, (length - side) // 2) for length in shape]
    return tuple(slice(start, start + side) for start in starts)


def _all_together(problems: list[CellmendError], total: int) -> CellmendError:
    """Return one error that names the bad pairs."""
    if len(problems) == 1:
        return problems[0]
    lines = [str(problem) for problem in problems[:TOLD]]
    if len(problems) > TOLD:
        lines.append(f"and {len(problems) - TOLD} more")
    return InputError(
        f"{len(problems)} of {total} pairs cannot be used:\n" + "\n".join(lines),
        hint="\nCorrect them, or move them out of the folder.",
    )
