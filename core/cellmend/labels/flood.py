"""Fill background that is enclosed."""

from __future__ import annotations

import numpy as np
import scipy  # its parts load when they are first used: the window need not wait
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.patches import Patch
from cellmend.labels.places import Labels, crop, grown
from cellmend.labels.runs import Box

Mask = NDArray[np.bool_]

FIRST_REACH = 32
LARGEST_REACH = 1024
"""How far from the click the enclosed background may lie, in pixels."""


def fill_enclosed(labels: Labels, at: tuple[int, int], value: int = 0) -> Patch:
    """Give the enclosed background around a pixel to a cell.

    The background is looked at in a window around the pixel, which grows until it holds
    all of it, so that the cost follows what is filled.

    Parameters
    ----------
    labels
        (Y, X) label image.
    at
        The pixel (y, x).
    value
        The cell; by default the one that the background shares the longest border with.

    Raises
    ------
    InputError
        If the pixel is outside of the image or in a cell, or if the background around it
        is open: it reaches the border of the image, or is too large.
    """
    height, width = labels.shape
    y, x = at
    if not (0 <= y < height and 0 <= x < width) or labels[y, x]:
        raise InputError("Click on background that a cell encloses.")
    reach = FIRST_REACH
    while reach <= LARGEST_REACH:
        box = grown((y, x, y + 1, x + 1), reach, labels.shape)
        inside = _connected(crop(labels, box) == 0, (y - box[0], x - box[1]))
        if not _reaches_edge(inside):
            return Patch.between(
                labels, box, inside, value or _neighbour(crop(labels, box), inside)
            )
        if _at_image_border(inside, box, labels.shape):
            break
        reach *= 2
    raise InputError(
        "The background here is open.", hint="Close the border around it first, or draw the cell."
    )


def _connected(free: Mask, at: tuple[int, int]) -> Mask:
    pieces, _ = scipy.ndimage.label(free)
    return np.asarray(pieces == pieces[at])


def _reaches_edge(inside: Mask) -> bool:
    edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    return any(bool(edge.any()) for edge in edges)


def _at_image_border(inside: Mask, box: Box, shape: tuple[int, ...]) -> bool:
    y0, x0, y1, x1 = box
    edges = (
        (y0 == 0, inside[0]),
        (x0 == 0, inside[:, 0]),
        (y1 == shape[0], inside[-1]),
        (x1 == shape[1], inside[:, -1]),
    )
    return any(here and bool(edge.any()) for here, edge in edges)


def _neighbour(around: Labels, inside: Mask) -> int:
    border = scipy.ndimage.binary_dilation(inside) & ~inside
    ids, counts = np.unique(around[border], return_counts=True)
    return int(ids[counts.argmax()])
