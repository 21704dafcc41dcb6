"""Training a size model: from the style that a network sees to the diameter of the cells."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.device import pick_device
from cellmend.errors import CellmendError, InputError
from cellmend.io import read
from cellmend.io.dark_frame import dark_frame
from cellmend.io.labels import read_labels
from cellmend.io.pairs import training_pairs
from cellmend.net.runner import Runner
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.progress import SILENT, Reporter
from cellmend.registry import ModelCard, ModelEntry, find, user_folder
from cellmend.registry.files import load_model
from cellmend.registry.store import SUFFIX, checked_name
from cellmend.size import fit_size_model, median_diameter, write_size_model
from cellmend.train import augment

Floats = NDArray[np.float32]
Example = tuple[Floats, float]

EPOCHS = 10
CROP = 224
SEEN = (8.0, 90.0)
"""Diameters in pixels that crops are drawn at; each logarithm is as likely."""
LARGEST_ZOOM = 3.0
"""An image is not enlarged more than this, which would show the network only blur."""


def size(
    data: Iterable[str | Path],
    *,
    name: str,
    start_from: str = "generalist",
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str = "auto",
    report: Reporter = SILENT,
) -> ModelEntry:
    """Train the size model of a segmentation model on folders of images and masks.

    Called ``MODEL-size`` it is used wherever MODEL has to estimate a diameter.

    Parameters
    ----------
    data
        Folders; each image has its masks beside it (see `cellmend.io.pairs`).
    name
        Of the new model.
    start_from
        The segmentation model whose style is mapped.
    epochs
        Crops drawn of each image, at random scales.
    seed
        Of the crops.
    device
        Where the network runs.
    report
        Hears of progress and may cancel.

    Raises
    ------
    InputError
        If the name is taken, or no image holds cells.
    """
    checked_name(name)
    model = load_model(start_from)
    where = pick_device(device)
    runner = Runner(model.net.to(where), where)
    pairs = training_pairs(data)
    styles, diameters = [], []
    for index, pair in enumerate(pairs):
        report.check()
        rng = np.random.default_rng([seed, index])
        crops = _crops(*pair, epochs, model.net.nchan, model.card.normalize, rng)
        if crops:
            styles.append(runner(np.stack([image for image, _ in crops]))[1])
            diameters += [diameter for _, diameter in crops]
        report.step(index + 1, len(pairs), "looking at images")
    if not diameters:
        raise InputError("No image with cells in its masks was found.")
    diam_mean = float(model.net.diam_mean)
    fitted = fit_size_model(np.concatenate(styles), np.array(diameters), diam_mean)
    card = ModelCard(
        name=name,
        task="size",
        nchan=model.net.nchan,
        widths=model.net.widths,
        diam_mean=diam_mean,
        parent=model.name,
        description=f"Diameters of cells, from the style that {model.name} sees",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        training={"images": len(styles), "crops": len(diameters), "epochs": epochs, "seed": seed},
    )
    write_size_model(user_folder() / f"{name}{SUFFIX}", fitted, card.model_dump(mode="json"))
    return find(name)


def _crops(
    image_path: Path,
    masks_path: Path,
    count: int,
    nchan: int,
    settings: NormalizeSettings,
    rng: np.random.Generator,
) -> list[Example]:
    """Return crops (nchan, CROP, CROP) and the diameter seen in each; none without cells."""
    try:
        image, masks = read(image_path), read_labels(masks_path)
    except CellmendError:
        return []
    diameter = median_diameter(masks)
    if diameter == 0 or masks.ndim != 2:
        return []
    channels = [image.channel(i) for i in range(min(nchan, image.n_channels))]
    planes = np.stack([normalize(c, settings, dark_frame=dark_frame(settings)) for c in channels])
    crops = []
    for _ in range(count):
        wanted = np.exp(rng.uniform(*np.log(SEEN)))
        scale = min(wanted / diameter, LARGEST_ZOOM)
        geometry = augment.turn(masks.shape, scale, CROP, rng)
        crop = np.zeros((nchan, CROP, CROP), np.float32)
        crop[: len(planes)] = geometry.image(planes)
        crops.append((crop, diameter * scale))
    return crops
