"""The page that tells people what a model is for, made from its card."""

from __future__ import annotations

from typing import Any

import yaml

from cellmend.provenance import cellmend_version
from cellmend.registry.card import ModelCard

_TASKS = {
    "segmentation": "Finds cells in microscope images.",
    "denoise": "Removes shot noise from microscope images.",
    "deblur": "Sharpens microscope images that are out of focus.",
    "upsample": "Restores microscope images that were sampled too coarsely.",
}

_PAGE = """\
# {name}

{description}

A model of Cellmend (written by version {version}) for 2D images; volumes are done plane by plane.

## What it takes

{channels}
Resize the image first so that cells are about {diameter:g} pixels in diameter, the size that the
network was trained on. Normalisation is part of the package's preprocessing. Both sides of the
image, or of each tile of it, must be multiples of 16 pixels.

## What it gives

{output}

## Back to Cellmend

`cellmend models add PACKAGE.zip --name NAME` makes the model usable there: it takes
`cellmend.safetensors`, the model's own file, from the package.

## Validation

{validation}

## Training and licence

{training}

The test image is a part of image `d6eb7ce7723e2f6d` of stage1_test of the 2018 Data Science Bowl
(BBBC038v1, Caicedo et al. 2019, Nature Methods 16:1247; CC0 1.0){noise}.
"""

_CHANNELS = {
    1: "One channel, the one to restore.",
    2: "Two channels: the cells to find, and an optional channel of nuclei, zeros where there is\n"
    "none.",
}

_FLOWS = """\
Three channels of the size of the input. `flow_y` and `flow_x` are 5 times a unit vector that points
to the middle of the cell; `cellprob` is a logit, above 0 in cells. Masks are made by following the
flows from each pixel in a cell and grouping those that end together (Stringer et al. 2021): in
Python, `cellmend.dynamics.flows_to_masks(output[0, :2], output[0, 2])`."""

_RESTORED = "The restored image, of the size of the input, scaled as the normalised input was."

_UNVALIDATED = """\
No results are kept in the model card. To judge the model, run it on images with true masks that it
was not trained on, and compare: `cellmend evaluate TRUTH PREDICTION`."""


def one_line(card: ModelCard) -> str:
    """Return what a model is for, in up to 500 characters."""
    return (card.description or _TASKS[card.task])[:500]


def model_page(name: str, card: ModelCard) -> str:
    """Return the page in Markdown.

    Parameters
    ----------
    name
        What the model is called.
    card
        Of a network, not of a size model.
    """
    record = dict(card.training)
    results = record.pop("validation", None)
    origin = {
        "licence": card.licence,
        "trained from": card.parent,
        "created": card.created,
        "sha256 of the list of images": card.data_sha256,
        "training": record,
    }
    return _PAGE.format(
        name=name,
        description=one_line(card),
        version=cellmend_version(),
        channels=_CHANNELS.get(card.nchan, f"{card.nchan} channels."),
        diameter=card.diam_mean,
        output=_RESTORED if card.restores else _FLOWS,
        validation=_listed(results) if results else _UNVALIDATED,
        training=_listed({key: value for key, value in origin.items() if value}),
        noise=", with Poisson noise added" if card.restores else "",
    )


def _listed(values: Any) -> str:
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return f"```yaml\n{text}```"
