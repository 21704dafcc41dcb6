"""Flows from masks: where heat set free at a cell's centre would have come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.chunks import even_spans, run_chunks
from cellmend.dynamics.heat import cell_flows
from cellmend.dynamics.regions import Boxes, Labels, as_labels, boxes_and_areas
from cellmend.progress import SILENT, Reporter

Flows = NDArray[np.float32]

LEAST_WORK = 2e6
"""Pixel updates below which handing a span to another thread costs more than it saves."""


def masks_to_flows(masks: NDArray[np.generic], *, report: Reporter = SILENT) -> Flows:
    """Return the flow field of a label image, pointing to each cell's centre.

    Heat diffuses inside each cell from the pixel nearest to its centre of mass for
    ``2 (height + width + 4)`` iterations of its bounding box; the flow is the heat's
    central difference divided by its length. In a volume the flows of its YX, ZY and ZX
    slices are summed per axis.

    Parameters
    ----------
    masks
        Labels ``(Y, X)`` or ``(Z, Y, X)``, 0 background, any integer, bool or float dtype;
        ids may have gaps.
    report
        Asked for cancellation while the work goes on.

    Returns
    -------
    ndarray
        float32 ``(2, Y, X)`` = (dY, dX) or ``(3, Z, Y, X)`` = (dZ, dY, dX); 0 outside
        cells, length 1 inside (in 2D).

    Raises
    ------
    InputError
        If the array is not 2D or 3D.

    References
    ----------
    Stringer et al., "Cellpose: a generalist algorithm for cellular segmentation",
    Nature Methods 2021.
    """
    labels = as_labels(masks)
    if labels.ndim == 2:
        return _plane_flows(labels, report)
    flows = np.zeros((3, *labels.shape), np.float32)
    for axis in range(3):
        others = [a for a in range(3) if a != axis]
        slices = np.moveaxis(labels, axis, 0)
        sums = np.moveaxis(flows, 1 + axis, 1)
        for index, plane in enumerate(slices):
            sums[others, index] += _plane_flows(np.ascontiguousarray(plane), report)
    return flows


def _plane_flows(labels: Labels, report: Reporter) -> Flows:
    flows = np.zeros((2, *labels.shape), np.float32)
    boxes, areas = boxes_and_areas(labels)

    def kernel(first: int, last: int, stop: NDArray[np.bool_]) -> None:
        cell_flows(labels, boxes, areas, flows, first, last, stop)

    run_chunks(kernel, even_spans(diffusion_work(boxes), LEAST_WORK), report)
    return flows


def diffusion_work(boxes: Boxes) -> NDArray[np.int64]:
    """Return the pixel updates that the diffusion in each box takes."""
    height, width = (boxes[:, [3, 5]] - boxes[:, [2, 4]] + np.int64(2)).T
    work: NDArray[np.int64] = 2 * (height + width) * height * width
    return work
