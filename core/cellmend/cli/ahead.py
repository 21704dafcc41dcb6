"""Files done together with those that follow them, so that the network's batches are full."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from cellmend.errors import Cancelled
from cellmend.image import Image
from cellmend.planes import TOGETHER
from cellmend.progress import Reporter

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """Gives the result of one file after another; some were made together with one before.

    Files that cannot be read, and all of a group that fails, are done alone when their turn
    comes, so that an error is that of the file it is told of.

    Parameters
    ----------
    files
        Those whose results are asked for, in this order.
    read
        Reads a file.
    work
        Makes the results of several images, in their order.
    batch_pixels
        Pixels of one of the network's batches. Files are read ahead until they have as many as
        `TOGETHER` batches; an image larger than that is done alone.
    """

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[Path], Image],
        work: Callable[[Mapping[Path, Image], Reporter], Sequence[Result]],
        batch_pixels: int,
    ) -> None:
        self._files = files
        self._places = {file: place for place, file in enumerate(files)}
        self._read = read
        self._work = work
        self._enough = TOGETHER * batch_pixels
        self._made: dict[Path, Result] = {}
        self._alone: set[Path] = set()

    def get(self, file: Path, report: Reporter) -> Result:
        """Return the result of a file."""
        if file not in self._made:
            self._made = self._make(self._group(file), report)
        return self._made.pop(file)

    def _make(self, group: dict[Path, Image], report: Reporter) -> dict[Path, Result]:
        """Return the results of a group, or where it fails of its first file."""
        try:
            return dict(zip(group, self._work(group, report), strict=True))
        except Cancelled:
            raise
        except Exception:
            if len(group) == 1:
                raise
        self._alone.update(group)
        return self._make(dict(itertools.islice(group.items(), 1)), report)

    def _group(self, file: Path) -> dict[Path, Image]:
        """Read a file, and small ones behind it."""
        group = {file: self._read(file)}
        pixels = _pixels(group[file])
        following = self._places.get(file, len(self._files)) + 1
        for other in self._files[following:]:
            if pixels >= self._enough or not self._alone.isdisjoint((file, other)):
                break
            try:
                group[other] = self._read(other)
            except Exception:
                break  # it is told when its turn comes
            pixels += _pixels(group[other])
        return group


def _pixels(image: Image) -> int:
    return math.prod(image.size(axis) for axis in "TZYX")
