"""The list of images to step through, and which of them have masks.

Of a file that holds several images, such as positions of an ND2, each stands in the list by
itself: ``plate.nd2#1``, ``plate.nd2#2``. How many there are is known once the file was opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cellmend.io import folder as names
from cellmend.io import pairs, scenes
from cellmend.io.ome_zarr import is_zarr


@dataclass(frozen=True)
class Listing:
    """Images to step through.

    Parameters
    ----------
    images
        In their order.
    masked, corrected
        Those of them that have masks beside them, and those whose masks are more than
        computed: they can be trained on.
    """

    images: list[Path]
    masked: set[Path] = field(default_factory=set)
    corrected: set[Path] = field(default_factory=set)

    @classmethod
    def of(cls, images: Sequence[Path]) -> Listing:
        """Look for the masks of images; looks into their folders."""
        listed: set[Path] = set()
        for place in {path.parent for path in images}:
            with suppress(OSError):  # images may be readable where their folder is not
                listed.update(place.iterdir())
        there = listed.__contains__  # asking a distant disk for every name is slow
        corrected = {path for path in images if pairs.masks_of(path, there=there)}
        others = (path for path in images if path not in corrected)
        masked = corrected | {path for path in others if pairs.computed_masks_of(path, there)}
        return cls(list(images), masked, corrected)

    def with_images_of(self, files: Mapping[Path, Listing]) -> Listing:
        """Return the list with the images that files hold in the place of these files."""
        parts = [files[path] if path in files else self.only(path) for path in self.images]
        return Listing(
            [image for part in parts for image in part.images],
            set().union(*(part.masked for part in parts)),
            set().union(*(part.corrected for part in parts)),
        )

    def only(self, path: Path) -> Listing:
        """Return what the list has of one image."""
        return Listing([path], self.masked & {path}, self.corrected & {path})


def choose(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the images of which the first that can be read is to open, and those to step through.

    Raises
    ------
    FileFormatError
        If there is no image.
    """
    if len(paths) == 1 and (is_zarr(paths[0]) or not paths[0].is_dir()):
        return [paths[0]], names.siblings(scenes.split(paths[0])[0])
    found = names.list_images(paths)
    if not found.files:
        raise found.problems[0]
    return found.files, found.files


def name_of(path: Path, count: int) -> Path:
    """Return what an image is called whose file holds `count`: by its number if it has others."""
    file, number = scenes.split(path)
    return scenes.numbered(file, 1) if number is None and count > 1 else path


def images_of(file: Path, count: int) -> list[Path]:
    """Return the `count` images that a file holds, by name."""
    if count == 1:
        return [file]
    return [scenes.numbered(file, number) for number in range(1, count + 1)]


def listed(files: Sequence[Path], counts: Mapping[Path, int], opened: Path) -> list[Path]:
    """Return the images of files; those of a file that was not counted are one.

    Parameters
    ----------
    files
        In their order, or images of a file.
    counts
        How many images files hold.
    opened
        One that is in the list in any case.
    """
    images = [image for file in files for image in images_of(file, counts.get(file, 1))]
    if opened not in images:
        file, _ = scenes.split(opened)
        images = [opened if image == file else image for image in images]
    return list(dict.fromkeys(images))
