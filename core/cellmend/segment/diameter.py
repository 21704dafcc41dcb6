"""The diameter of cells, from the masks found at a few guesses.

A size model is not needed: the guess is kept whose masks cover most
of the image with cells of the size that was guessed, then it is refined.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import masks_from_flows
from cellmend.progress import SILENT, Reporter, shares
from cellmend.segment.network import Network
from cellmend.size import diameters

Floats = NDArray[np.float32]

GUESSES = (12.0, 30.0, 75.0)
REFINEMENTS = 2
CLOSE_ENOUGH = 0.1
LARGEST_VIEW = 512
"""Side in network pixels of the part of an image that is looked at."""


def estimate_diameter(network: Network, plane: Floats, report: Reporter = SILENT) -> float:
    """Estimate the median diameter of the cells in pixels of the image.

    Parameters
    ----------
    network
        The segmentation network.
    plane
        (nchan, Y, X) normalised; of a large one the middle is looked at.

    Returns
    -------
    float
        Diameter; the network's own where no cells are found.
    """
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
    side = max(1, round(LARGEST_VIEW * guess / network.diam_mean))
    view = _middle_part(plane, side)
    pixels = network.raw(view, guess, report).pixels
    masks = masks_from_flows(pixels[:2], pixels[2], report=report).masks
    each = diameters(masks)
    if len(each) == 0:
        return 0.0, 0.0
    relative = float(np.median(each)) / network.diam_mean
    covered = np.count_nonzero(masks) / masks.size
    return guess * relative, covered * math.exp(-abs(math.log(relative)))


def _middle_part(plane: Floats, side: int) -> Floats:
    height, width = plane.shape[1:]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return plane[:, top : top + side, left : left + side]
