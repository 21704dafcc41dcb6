"""Images without masks to train on: noisy ones, or each with a clean one beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cellmend.errors import FileFormatError, InputError
from cellmend.io.folder import images_in

Files = tuple[Path, ...]

NOISY = "_noisy"
CLEAN = "_clean"


def noisy_files(places: Iterable[str | Path]) -> list[Files]:
    """Return all images of files and folders, for training without clean ones.

    Raises
    ------
    InputError
        If there are none.
    """
    found: list[Files] = [(file,) for file in _images(places)]
    if not found:
        raise InputError("There are no images to train on.", hint="Name folders or images.")
    return found


def noisy_clean_files(places: Iterable[str | Path]) -> list[Files]:
    """Return the pairs ``<stem>_noisy.*`` and ``<stem>_clean.*`` of folders.

    Raises
    ------
    InputError
        If there are none, or a noisy image has no clean one.
    """
    images = _images(places)
    clean = {_stem(file, CLEAN): file for file in images if file.stem.endswith(CLEAN)}
    noisy = {_stem(file, NOISY): file for file in images if file.stem.endswith(NOISY)}
    if not noisy:
        raise InputError(
            "There are no pairs of a noisy and a clean image.",
            hint="Put a_clean.tif beside a_noisy.tif.",
        )
    alone = [file for stem, file in noisy.items() if stem not in clean]
    if alone:
        raise FileFormatError(
            alone[0],
            "it has no clean image beside it.",
            hint=f"Call it {alone[0].stem.removesuffix(NOISY)}{CLEAN}{alone[0].suffix}.",
        )
    return [(file, clean[stem]) for stem, file in noisy.items()]


def _images(places: Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for place in map(Path, places):
        if not place.exists():
            raise InputError(f"{place} is not there.", hint="Name folders or images.")
        found += images_in(place) if place.is_dir() else [place]
    return found


def _stem(file: Path, ending: str) -> Path:
    return file.with_name(file.stem.removesuffix(ending))
