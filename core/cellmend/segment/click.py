"""Find the one cell at a place that a person clicked, looking only around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellmend.dynamics import masks_from_flows
from cellmend.labels.paint import Shape
from cellmend.labels.places import grown
from cellmend.labels.split import cheapest_seed
from cellmend.params import MaskSettings
from cellmend.progress import SILENT, Reporter
from cellmend.segment.pipeline import Segmenter

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

REACH = 2.0
"""How far from the click a cell may reach, in diameters."""
SIGHT = 3.0
"""How far from the click the network looks, in diameters: the cell and what is around it."""
LEAST_REACH = 24
MIN_SIZE = 5


def cell_from_flows(
    flows: Floats,
    cellprob: Floats,
    at: tuple[int, int],
    diameter: float,
    report: Reporter = SILENT,
) -> Shape | None:
    """Find a cell by the flows of an earlier run; None if none lead there.

    The flows of a window around the click are followed. Where the network was less sure
    than usual, the threshold of the cell probability is lowered until the click is inside,
    which is what finds the cells that a run left out.

    Parameters
    ----------
    flows
        float (2, Y, X), 5 times the unit flow.
    cellprob
        float (Y, X), logits.
    at
        The pixel (y, x) that was clicked.
    diameter
        Of cells, in pixels.
    report
        Asked for cancellation.

    Returns
    -------
    tuple or None
        The box and the mask of the cell.
    """
    y0, x0, y1, x1 = box = _window(at, diameter, cellprob.shape)
    y, x = at[0] - y0, at[1] - x0
    probability = cellprob[y0:y1, x0:x1]
    threshold = min(0.0, float(probability[y, x]) - 0.5)
    settings = MaskSettings(
        cellprob_threshold=max(threshold, -6.0),
        flow_threshold=0.0,
        min_size=MIN_SIZE,
        max_size_fraction=1.0,
    )
    masks = masks_from_flows(flows[:, y0:y1, x0:x1], probability, settings, report=report).masks
    return (box, masks == masks[y, x]) if masks[y, x] else None


def cell_from_network(
    segmenter: Segmenter,
    plane: NDArray[np.generic],
    at: tuple[int, int],
    diameter: float,
    report: Reporter = SILENT,
) -> Shape | None:
    """Find a cell by a network that looks at a window around a click; None if it sees none.

    Parameters
    ----------
    segmenter
        The network.
    plane
        (Y, X) of any scale.
    at, diameter, report
        As in `cell_from_flows`.
    """
    reach = max(LEAST_REACH, int(np.ceil(SIGHT * diameter)))
    y0, x0, y1, x1 = grown((at[0], at[1], at[0] + 1, at[1] + 1), reach, plane.shape)
    seen = segmenter.run(plane[y0:y1, x0:x1], axes="YX", diameter=diameter, report=report)
    inside = (at[0] - y0, at[1] - x0)
    found = cell_from_flows(seen.flows, seen.cellprob, inside, diameter, report)
    if found is None:
        return None
    (top, left, bottom, right), mask = found
    return (top + y0, left + x0, bottom + y0, right + x0), mask


def cell_from_image(plane: Floats, at: tuple[int, int], diameter: float) -> Shape | None:
    """Find a cell by the intensities around a click; None if there is nothing to tell it by.

    Pixels nearer to the intensity of the click than to that of the surroundings are taken;
    what hangs together is parted at its necks, as `split_seeds` does.

    Parameters
    ----------
    plane
        (Y, X) of any scale; the cell may be brighter or darker than its surroundings.
    at, diameter
        As in `cell_from_flows`.
    """
    y0, x0, y1, x1 = box = _window(at, diameter, plane.shape)
    y, x = at[0] - y0, at[1] - x0
    window = np.nan_to_num(plane[y0:y1, x0:x1].astype(np.float32))
    smooth = ndimage.gaussian_filter(window, max(0.7, diameter / 12))
    here = float(smooth[y, x])
    surroundings = float(np.percentile(smooth, 20 if here > np.median(smooth) else 80))
    if abs(here - surroundings) <= 1e-6 * max(abs(here), abs(surroundings), 1e-30):
        return None
    like_here = (smooth - surroundings) / (here - surroundings) > 0.5
    pieces, _ = ndimage.label(like_here)
    blob = pieces == pieces[y, x]
    cell = ndimage.binary_fill_holes(_parted(blob, (y, x), diameter))
    return (box, np.asarray(cell)) if np.count_nonzero(cell) >= MIN_SIZE else None


def _window(
    at: tuple[int, int], diameter: float, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    reach = max(LEAST_REACH, int(np.ceil(REACH * diameter)))
    return grown((at[0], at[1], at[0] + 1, at[1] + 1), reach, shape)


def _parted(blob: Mask, at: tuple[int, int], diameter: float) -> Mask:
    """Return the part of a blob around a pixel, cut at its necks."""
    depth = ndimage.distance_transform_edt(np.pad(blob, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, max(1.0, diameter / 15)) * blob
    size = max(3, int(diameter / 2) | 1)
    peaks = (depth == ndimage.maximum_filter(depth, size)) & (depth > 0.25 * depth[at])
    marks, count = ndimage.label(peaks, structure=np.ones((3, 3)))
    if count < 2:
        return blob
    firsts = np.unique(marks, return_index=True)[1][1:]
    middles = [divmod(int(first), blob.shape[1]) for first in firsts]
    parts = cheapest_seed(blob, middles)
    return np.asarray(parts == parts[at])
