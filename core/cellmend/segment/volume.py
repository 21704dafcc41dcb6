"""3D flows from the network run on YX, ZY and ZX slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellmend.net.scaled import check_enlarged
from cellmend.progress import SILENT, Reporter, shares
from cellmend.segment.network import Network

Floats = NDArray[np.float32]

ORIENTATIONS = ((0, 1, 2), (2, 0, 1), (1, 0, 2))
"""Axes (Z, Y, X) in the order slices, rows, columns: YX, ZY and ZX slices."""


def segment_volume(
    network: Network,
    data: Floats,
    diameter: float,
    anisotropy: float = 1.0,
    flow_smoothing: float = 0.0,
    report: Reporter = SILENT,
) -> tuple[Floats, Floats]:
    """Combine the flows of three slice directions.

    Each component of the flow is the mean, not the sum, of the two directions that show it:
    steps along the flows are then one pixel long at most. Twice as long they miss the centres,
    and of true flows of two volumes only 70 % and 88 % of the cells came back at an IoU of 0.9.

    Parameters
    ----------
    network
        The segmentation network.
    data
        (nchan, Z, Y, X) normalised.
    diameter
        Of the cells in pixels of Y and X.
    anisotropy
        Distance of planes over the size of a pixel; the volume is stretched by it in Z.
    flow_smoothing
        Standard deviation, in voxels of `data`, of a Gaussian over the flows; 0 for none.

    Returns
    -------
    tuple
        Flows (3, Z, Y, X), 5 times the unit flow, and cell probability (Z, Y, X), the
        mean of all three directions.

    Raises
    ------
    MemoryLimitError
        If the stretched volume does not fit in the memory.
    """
    stretched = data.shape[1] * anisotropy
    check_enlarged((stretched, *data.shape[2:]), "Give a smaller anisotropy.")
    depth = max(1, round(stretched))
    cube = _stretched(data, depth)
    flows = np.zeros((3, *cube.shape[1:]), np.float32)
    cellprob = np.zeros(cube.shape[1:], np.float32)
    for axes, part in zip(ORIENTATIONS, shares(report, len(ORIENTATIONS)), strict=True):
        turned = cube.transpose(0, *(a + 1 for a in axes))
        for index, slice_part in enumerate(shares(part, turned.shape[1])):
            plane = np.ascontiguousarray(turned[:, index])
            (rows, columns), logits = network.flows(plane, diameter, slice_part)
            flows[axes[1]].transpose(axes)[index] += rows / 2
            flows[axes[2]].transpose(axes)[index] += columns / 2
            cellprob.transpose(axes)[index] += logits / 3
    flows = _stretched(flows, data.shape[1])
    if flow_smoothing:
        for component in flows:
            ndimage.gaussian_filter(component, flow_smoothing, output=component)
    return flows, _stretched(cellprob[None], data.shape[1])[0]


def _stretched(stack: Floats, depth: int) -> Floats:
    """Resize (C, Z, Y, X) to `depth` planes by linear interpolation."""
    if stack.shape[1] == depth:
        return stack
    zoom = (1, depth / stack.shape[1], 1, 1)
    stretched: Floats = ndimage.zoom(stack, zoom, order=1, mode="nearest", grid_mode=True)
    return stretched
