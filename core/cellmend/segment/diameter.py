"""The diameter of cells: a first estimate, refined by the masks found at that size.

The first estimate is that of a size model. Where the network has none, or no cell is found
at that size, masks are made at a few guesses. What is found is assumed in turn, until it is
found again (from the diameter of the network too, where few cells fit); failing that, the
trial is kept whose masks cover most of the image with cells of
the size that was assumed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import masks_from_flows
from cellmend.progress import SILENT, Reporter, shares
from cellmend.segment.network import Network
from cellmend.size import SizeModel, diameters

Floats = NDArray[np.float32]
Trial = tuple[float, float]
"""The median diameter found where another is assumed, and how well that fits."""

GUESSES = (12.0, 30.0, 75.0)
REFINEMENTS = 4
CLOSE_ENOUGH = 0.1
SPARSE = 0.1
"""Trials that fit less well leave room for another guess."""
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
    by_style, trials, others = shares(report, 3)
    seen = network.diam_mean
    for part in shares(by_style, LOOKS):
        seen = _by_style(network, plane, seen, size_model, part)
    found, score = _settled(network, plane, seen, trials)
    if score < SPARSE:  # few cells, or a size at which they are not seen
        other = _settled(network, plane, network.diam_mean, others)
        found, score = max((found, score), other, key=lambda trial: trial[1])
    return found or _by_guesses(network, plane, others)


def _by_style(
    network: Network, plane: Floats, assumed: float, model: SizeModel, report: Reporter
) -> float:
    """Return the diameter that the style tells when `assumed` is brought to the network's."""
    view = _view(network, plane, assumed)
    relative = model.diameter(network.raw(view, assumed, report).style) / network.diam_mean
    return float(np.clip(assumed * relative, SMALLEST, max(plane.shape)))


def _by_guesses(network: Network, plane: Floats, report: Reporter) -> float:
    parts = shares(report, len(GUESSES) + 1)
    trials = [_trial(network, plane, guess, next(parts)) for guess in GUESSES]
    found, score = max(trials, key=lambda trial: trial[1])
    if score == 0:
        return network.diam_mean
    return _settled(network, plane, found, next(parts))[0] or found


def _settled(network: Network, plane: Floats, guess: float, report: Reporter) -> Trial:
    """Assume what is found until that is found again, else take the trial that fits best."""
    best = (0.0, 0.0)
    for part in shares(report, REFINEMENTS):
        found, score = _trial(network, plane, guess, part)
        if found and abs(math.log(found / guess)) < CLOSE_ENOUGH:
            return found, score
        best = max(best, (found, score), key=lambda trial: trial[1])
        if not found:
            break
        guess = found
    return best


def _trial(network: Network, plane: Floats, guess: float, report: Reporter) -> Trial:
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
