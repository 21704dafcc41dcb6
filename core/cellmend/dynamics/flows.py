"""Flows from masks: where heat set free at a cell's centre would have come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.chunks import StopFlag, even_spans, run_chunks
from cellmend.dynamics.heat import Flows, cell_errors, cell_flows
from cellmend.dynamics.regions import Areas, Boxes, Labels, as_labels, boxes_and_areas
from cellmend.progress import SILENT, Reporter

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

    def kernel(first: int, last: int, stop: StopFlag) -> None:
        cell_flows(labels, boxes, areas, flows, first, last, stop)

    run_chunks(kernel, even_spans(_diffusion_work(boxes), LEAST_WORK), report)
    return flows


def flow_errors(
    labels: Labels, boxes: Boxes, areas: Areas, network: Flows, report: Reporter = SILENT
) -> NDArray[np.float64]:
    """Return how far each cell's own flows are from the network's.

    Parameters
    ----------
    labels
        int32 ``(Y, X)``.
    boxes, areas
        Of all labels, from `boxes_and_areas`; labels of area 0 are passed over.
    network
        float32 ``(2, Y, X)``, C-contiguous, 5 times the unit flow.

    Returns
    -------
    ndarray
        float64, indexed by label: the squared difference summed over both axes, averaged
        over the cell's pixels. 0 where there is no such label.
    """
    errors = np.zeros(len(areas), np.float64)

    def kernel(first: int, last: int, stop: StopFlag) -> None:
        cell_errors(labels, boxes, areas, network, errors, first, last, stop)

    run_chunks(kernel, even_spans(_diffusion_work(boxes), LEAST_WORK), report)
    return errors


def _diffusion_work(boxes: Boxes) -> NDArray[np.int64]:
    """Return the pixel updates that the diffusion in each box takes."""
    height, width = (boxes[:, [3, 5]] - boxes[:, [2, 4]] + np.int64(2)).T
    work: NDArray[np.int64] = 2 * (height + width) * height * width
    return work
