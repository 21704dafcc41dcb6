"""The diameter of cells: a first estimate, refined by the masks found at that size.

The first estimate is that of a size model. Where the network has none, or no cell is found
at that size, masks are made at a few guesses, and the guess is kept whose masks cover most of
the image with cells of the size that was guessed.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import masks_from_flows
from cellmend.progress import SILENT, Reporter, shares
from cellmend.segment.network import Network
from cellmend.size import SizeModel, diameters

Floats = NDArray[np.float32]

GUESSES = (12.0, 30.0, 75.0)
REFINEMENTS = 2
CLOSE_ENOUGH = 0.1
LOOKS = 2
"""Times that the style is asked, the second time at the size it told first."""
SMALLEST = 3.0
"""Diameter in pixels under which nothing is a cell."""
LARGEST_VIEW = 512
"""Side in network pixels of the part of an image that is looked at."""


def estimate_diameter(
    network: Network,
    plane: Floats,
    size_model: SizeModel | None = None,
    report: Reporter = SILENT,
) -> float:
    """Estimate the median diameter of the cells in pixels of the image.

    Parameters
    ----------
    network
        The segmentation network.
    plane
        (nchan, Y, X) normalised; of a large one the middle is looked at.
    size_model
        Maps the style that the network sees to a diameter.

    Returns
    -------
    float
        Diameter; the network's own where no cells are found.
    """
    if size_model is None:
        return _by_guesses(network, plane, report)
    parts = shares(report, LOOKS + 2)
    seen = network.diam_mean
    for part in itertools.islice(parts, LOOKS):
        seen = _by_style(network, plane, seen, size_model, part)
    found, _ = _trial(network, plane, seen, next(parts))
    # Where the size that the style tells shows no cell at all, it is wrong.
    return found or _by_guesses(network, plane, next(parts))


def _by_style(
    network: Network, plane: Floats, assumed: float, model: SizeModel, report: Reporter
) -> float:
    """Return the diameter that the style tells when `assumed` is brought to the network's."""
    view = _view(network, plane, assumed)
    relative = model.diameter(network.raw(view, assumed, report).style) / network.diam_mean
    return float(np.clip(assumed * relative, SMALLEST, max(plane.shape)))


def _by_guesses(network: Network, plane: Floats, report: Reporter) -> float:
    parts = shares(report, len(GUESSES) + REFINEMENTS)
    trials = [_trial(network, plane, guess, next(parts)) for guess in GUESSES]
    found, score = max(trials, key=lambda trial: trial[1])
    if score == 0:
        return network.diam_mean
    assumed = GUESSES[trials.index((found, score))]
    for part in parts:
        if abs(math.log(found / assumed)) < CLOSE_ENOUGH:
            break
        assumed, found = found, _trial(network, plane, found, part)[0] or found
    return found


def _trial(network: Network, plane: Floats, guess: float, report: Reporter) -> tuple[float, float]:
    """Return the median diameter found when `guess` is assumed, and how well that fits."""
    pixels = network.raw(_view(network, plane, guess), guess, report).pixels
    masks = masks_from_flows(pixels[:2], pixels[2], report=report).masks
    each = diameters(masks)
    if len(each) == 0:
        return 0.0, 0.0
    relative = float(np.median(each)) / network.diam_mean
    covered = np.count_nonzero(masks) / masks.size
    return guess * relative, covered * math.exp(-abs(math.log(relative)))


def _view(network: Network, plane: Floats, diameter: float) -> Floats:
    """Return the middle of the plane, as much as `LARGEST_VIEW` lets the network see."""
    side = max(1, round(LARGEST_VIEW * diameter / network.diam_mean))
    height, width = plane.shape[1:]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return plane[:, top : top + side, left : left + side]
