"""Synthetic images with true masks, one at a time or a folder of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.labels import write_labels
from cellmend.io.tiff import write_image
from cellmend.params import Settings
from cellmend.progress import SILENT, Reporter
from cellmend.train.synthetic import colonies, looks, shapes
from cellmend.train.synthetic.fields import Floats, Labels, Rng
from cellmend.train.synthetic.optics import photograph, random_optics

Kind = Literal["nuclei", "cytoplasm", "membranes", "rods", "yeast"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Shape = tuple[int, int]


class SyntheticSettings(Settings):
    """What is drawn.

    Attributes
    ----------
    size
        Height and width of the image in pixels.
    diameter
        Of the cells in pixels (that of a disc of the same area), about the median.
    density
        From 0, few cells, to 1, a crowd.
    photons
        Per pixel in a cell; None draws 30 to 2000.
    nuclear_channel
        Whether ``cytoplasm`` gets a second channel with the nuclei.
    """

    size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] = (256, 256)
    diameter: Annotated[float, Field(ge=8, le=200)] = 30.0
    density: Annotated[float, Field(ge=0, le=1)] = 0.6
    photons: Annotated[float, Field(gt=0)] | None = None
    nuclear_channel: bool = False


@dataclass(frozen=True, eq=False)
class SyntheticImage:
    """An image and its true masks.

    Attributes
    ----------
    image
        uint16 grey values of a camera, YX, or CYX with a nuclear channel.
    masks
        (Y, X) uint32, labels from 1 on; every cell is in one piece.
    """

    image: Image
    masks: NDArray[np.uint32]


@dataclass(frozen=True)
class _Recipe:
    """How a kind of cells is laid out, and the looks one of which it gets."""

    layout: Callable[[Shape, float, float, Rng], Labels]
    looks: tuple[Callable[[Labels, float, Rng], Floats], ...]


RECIPES = {
    "nuclei": _Recipe(shapes.nuclei, (looks.chromatin,)),
    "cytoplasm": _Recipe(shapes.touching_cells, (looks.cytoplasm,)),
    "membranes": _Recipe(shapes.tissue, (looks.junctions,)),
    "rods": _Recipe(colonies.rods, (looks.phase_contrast, looks.fluorescent_bodies)),
    "yeast": _Recipe(colonies.yeast, (looks.bright_rims, looks.fluorescent_bodies)),
}


def synthetic_image(
    kind: Kind, rng: np.random.Generator, settings: SyntheticSettings | None = None
) -> SyntheticImage:
    """Draw an image of synthetic cells.

    Parameters
    ----------
    kind
        One of `KINDS`.
    rng
        Source of chance: the same one gives the same image.
    settings
        What is drawn.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if kind not in RECIPES:
        raise InputError(f"There is no kind {kind!r}.", hint=f"Use one of {', '.join(KINDS)}.")
    chosen = settings or SyntheticSettings()
    recipe = RECIPES[kind]
    masks = recipe.layout(chosen.size, chosen.diameter, chosen.density, rng)
    look = recipe.looks[int(rng.integers(len(recipe.looks)))]
    scenes = [look(masks, chosen.diameter, rng)]
    if chosen.nuclear_channel and kind == "cytoplasm":
        cores = looks.nuclei_in(masks, chosen.diameter, rng)
        scenes.append(looks.chromatin(cores, 0.5 * chosen.diameter, rng))
    photons = chosen.photons or float(np.exp(rng.uniform(np.log(30), np.log(2000))))
    seen = [
        photograph(scene, random_optics(chosen.diameter, photons, rng), rng) for scene in scenes
    ]
    if len(seen) == 1:
        return SyntheticImage(Image(seen[0]), masks)
    return SyntheticImage(Image(np.stack(seen), "CYX", ("cytoplasm", "nuclei")), masks)


def write_training_folder(
    folder: str | Path,
    count: int,
    *,
    kinds: Sequence[Kind] = KINDS,
    settings: SyntheticSettings | None = None,
    seed: int = 0,
    report: Reporter = SILENT,
) -> list[tuple[Path, Path]]:
    """Write images ``<kind>_0001_img.tif`` with ``<kind>_0001_masks.tif``, the kinds in turn.

    Parameters
    ----------
    folder
        Made where it is missing; files of the same names are replaced.
    count
        Number of images.
    kinds, settings
        What is drawn.
    seed
        Each image depends on the seed and its own number alone.
    report
        Hears of progress and may cancel.

    Returns
    -------
    list
        (image, masks) files, ready for `cellmend.train`.

    Raises
    ------
    InputError
        If there is no such kind, or none at all.
    FileFormatError
        If the folder cannot be written.
    """
    files = training_files(folder, count, kinds)
    for number, (image, masks) in enumerate(files, start=1):
        report.check()
        rng = np.random.default_rng([seed, number])
        made = synthetic_image(kinds[(number - 1) % len(kinds)], rng, settings)
        write_image(image, made.image)
        write_labels(masks, made.masks)
        report.step(number, count, "drawing cells")
    return files


def training_files(
    folder: str | Path, count: int, kinds: Sequence[Kind] = KINDS
) -> list[tuple[Path, Path]]:
    """Return the (image, masks) files that `write_training_folder` writes.

    Raises
    ------
    InputError
        If there is no such kind, or none at all.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        told = f"There is no kind {unknown[0]!r}." if unknown else "No kind of cells is given."
        raise InputError(told, hint=f"Use some of {', '.join(KINDS)}.")
    stems = [f"{kinds[index % len(kinds)]}_{index + 1:04d}" for index in range(count)]
    return [(Path(folder) / f"{s}_img.tif", Path(folder) / f"{s}_masks.tif") for s in stems]
