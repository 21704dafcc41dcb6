"""Images without masks to train on: noisy ones, or pairs of a noisy and a clean one.

A sample is (K, Y, X): K is 1 for a noisy image alone, 2 for it and the clean one.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, InputError
from cellmend.io import read
from cellmend.io.dark_frame import dark_frame
from cellmend.io.noisy import Files
from cellmend.net.card import file_sha256
from cellmend.normalize import normalize
from cellmend.params import FEWEST_TO_SPLIT, NormalizeSettings
from cellmend.planes import check_usable
from cellmend.progress import SILENT, Reporter
from cellmend.train.cache import Cache

Floats = NDArray[np.float32]


class ArraySet:
    """Samples in memory.

    Parameters
    ----------
    samples
        (K, Y, X) float32, normalised.
    """

    def __init__(self, samples: Sequence[Floats]) -> None:
        if not samples:
            raise InputError("There are no images to train on.", hint="Give one at least.")
        self._samples = list(samples)

    def __len__(self) -> int:
        return len(self._samples)

    def prepare(self, report: Reporter = SILENT) -> None:
        """Do nothing: all is in memory."""

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return a random sample (K, Y, X)."""
        return self._samples[int(rng.integers(len(self)))]


class FileSet:
    """Samples in files of any number of planes and channels, kept on the disk when prepared.

    Parameters
    ----------
    files
        One tuple for each image: the noisy file, or the noisy and the clean one.
    settings
        Normalisation, of each channel for itself.
    cache
        Where prepared images are kept.
    """

    def __init__(
        self,
        files: Sequence[Files],
        settings: NormalizeSettings | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.files = list(files)
        self._settings = settings or NormalizeSettings()
        self._cache = cache or Cache()
        self._lock = threading.Lock()
        self._kept: list[Path] = []

    def __len__(self) -> int:
        return len(self.files)

    @property
    def images(self) -> list[Path]:
        """The noisy files."""
        return [files[0] for files in self.files]

    def split(self, share: float, rng: np.random.Generator) -> tuple[FileSet, FileSet | None]:
        """Hold about `share` of the files out, in a second set; none of a few."""
        if len(self) < FEWEST_TO_SPLIT:
            return self, None
        held = rng.permutation(len(self)) < max(1, round(share * len(self)))
        parts = (list(compress(self.files, chosen)) for chosen in (~held, held))
        first, second = (FileSet(part, self._settings, self._cache) for part in parts)
        return first, second

    def prepare(self, report: Reporter = SILENT) -> None:
        """Read and check all files.

        Raises
        ------
        FileFormatError
            If a file cannot be read, shows nothing, or does not fit its clean one.
        """
        with self._lock:
            if self._kept:
                return
            kept = []
            for index, files in enumerate(self.files):
                report.check()
                report.step(index, len(self), "reading the images")
                kept.append(self._keep(files))
            self._cache.trim(keep=kept)
            self._kept = kept

    def draw(self, rng: np.random.Generator) -> NDArray[np.float16]:
        """Return a random plane (K, Y, X) of a random file."""
        self.prepare()
        path = self._kept[int(rng.integers(len(self)))]
        planes: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        return planes[:, int(rng.integers(planes.shape[1]))]

    def _keep(self, files: Files) -> Path:
        rest = json.dumps(self._settings.model_dump(mode="json"))
        names = [*(file_sha256(file) + file.suffix for file in files), rest]
        key = hashlib.sha256("\n".join(names).encode()).hexdigest()
        found = self._cache.find(key)
        if found is None:
            found = self._cache.keep(key, _read_together(files, self._settings), {})
        return found[0]


def _read_together(files: Files, settings: NormalizeSettings) -> NDArray[np.float16]:
    """Return (K, P, Y, X): the planes of all channels, normalised channel by channel."""
    stacks = [_planes(file, settings) for file in files]
    for file, stack in zip(files, stacks, strict=True):
        if stack.shape != stacks[0].shape:
            raise FileFormatError(
                file,
                f"its planes {stack.shape} do not fit those of {files[0].name} {stacks[0].shape}.",
                hint="A noisy and a clean image show the same field at the same size.",
            )
    return np.stack(stacks).astype(np.float16)


def _planes(file: Path, settings: NormalizeSettings) -> Floats:
    image = read(file)
    try:
        check_usable(image.data)
    except InputError as error:
        raise FileFormatError(file, error.message, hint=error.hint) from error
    channels = [
        normalize(image.channel(i), settings, dark_frame=dark_frame(settings))
        for i in range(image.n_channels)
    ]
    return np.concatenate([channel.reshape(-1, *channel.shape[-2:]) for channel in channels])
