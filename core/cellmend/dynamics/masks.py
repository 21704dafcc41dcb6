"""Masks from flows: follow the flows, group their ends, drop what cannot be a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.filters import fill_holes, label_sums, renumber
from cellmend.dynamics.flows import flow_errors
from cellmend.dynamics.follow import follow
from cellmend.dynamics.regions import Labels, boxes_and_areas
from cellmend.dynamics.seeds import labels_from_ends
from cellmend.errors import InputError
from cellmend.params import MaskSettings
from cellmend.progress import SILENT, Reporter

NETWORK_STEPS = 200
"""Steps to follow when the network's own resolution is used."""

FILL_CHUNK = 5000

DEFAULTS = MaskSettings()


@dataclass(frozen=True, eq=False)
class MaskResult:
    """Masks and what is known about each cell.

    Attributes
    ----------
    masks
        uint32 ``(Y, X)`` or ``(Z, Y, X)``, numbered 1 to n in the order of their first pixels.
    flow_errors
        float64 ``(n,)``: mean squared difference between the flows of the mask and the
        network's; nan in volumes, where it is not computed.
    cellprobs
        float64 ``(n,)``: mean of the network's cell probability over the mask (logit).
    removed
        How many cells each filter removed.
    """

    masks: NDArray[np.uint32]
    flow_errors: NDArray[np.float64]
    cellprobs: NDArray[np.float64]
    removed: dict[str, int]


def masks_from_flows(
    flows: NDArray[np.floating[Any]],
    cellprob: NDArray[np.floating[Any]],
    settings: MaskSettings = DEFAULTS,
    *,
    default_niter: int = NETWORK_STEPS,
    report: Reporter = SILENT,
) -> MaskResult:
    """Turn the network's output into masks.

    Parameters
    ----------
    flows
        ``(2, Y, X)`` or ``(3, Z, Y, X)``, 5 times the unit flow. Never altered.
    cellprob
        ``(Y, X)`` or ``(Z, Y, X)`` logits. Never altered.
    settings
        Thresholds and sizes.
    default_niter
        Steps to follow where the settings leave it open: 200 at the network's resolution,
        200·diameter/diam_mean at the image's own.
    report
        Asked for cancellation while the work goes on.

    Raises
    ------
    InputError
        If the shapes do not belong together.
    Cancelled
        If `report` says so.

    References
    ----------
    Stringer et al., "Cellpose: a generalist algorithm for cellular segmentation",
    Nature Methods 2021.
    """
    if cellprob.ndim not in (2, 3) or flows.shape != (cellprob.ndim, *cellprob.shape):
        raise InputError(
            f"Flows of shape {flows.shape} do not fit cell probabilities of {cellprob.shape}.",
            hint="Expected (2, Y, X) with (Y, X), or (3, Z, Y, X) with (Z, Y, X).",
        )
    shape = cellprob.shape if cellprob.ndim == 3 else (1, *cellprob.shape)
    field = np.ascontiguousarray(flows, np.float32).reshape(len(flows), *shape)
    logits = np.ascontiguousarray(cellprob, np.float32).reshape(shape)
    report.check()
    ends = follow(
        field, logits > settings.cellprob_threshold, settings.niter or default_niter, report
    )
    labels = labels_from_ends(ends, shape)
    del ends
    report.check()
    return _filtered(labels, field, logits, settings, report, cellprob.shape)


def flows_to_masks(
    flows: NDArray[np.floating[Any]],
    cellprob: NDArray[np.floating[Any]],
    *,
    cellprob_threshold: float = 0.0,
    flow_threshold: float = 0.4,
    niter: int | None = None,
    min_size: int = 15,
    max_size_fraction: float = 0.4,
    report: Reporter = SILENT,
) -> NDArray[np.uint32]:
    """Return only the masks of `masks_from_flows`, its settings given one by one."""
    settings = MaskSettings(
        cellprob_threshold=cellprob_threshold,
        flow_threshold=flow_threshold,
        niter=niter,
        min_size=min_size,
        max_size_fraction=max_size_fraction,
    )
    return masks_from_flows(flows, cellprob, settings, report=report).masks


def _filtered(
    labels: Labels,
    field: NDArray[np.float32],
    logits: NDArray[np.float32],
    settings: MaskSettings,
    report: Reporter,
    shape: tuple[int, ...],
) -> MaskResult:
    """Apply the filters to `labels` ``(Z, Y, X)``, in place, and describe what is left."""
    boxes, areas = boxes_and_areas(labels)
    keep = areas > 0
    too_large = keep & (areas > settings.max_size_fraction * labels.size)
    keep &= ~too_large
    is_volume = len(field) == 3
    errors = np.full(len(areas), np.nan)
    wrong = np.zeros_like(keep)
    if not is_volume:
        errors = flow_errors(labels[0], boxes, np.where(keep, areas, 0), field[:, 0], report)
        if settings.flow_threshold > 0:
            wrong = keep & (errors > settings.flow_threshold)
            keep &= ~wrong
    small = keep & (areas < settings.min_size)
    errors = errors[_drop(labels, keep & ~small)]
    areas = _fill(labels, int(is_volume), report)
    shrunk = areas < max(settings.min_size, 1)
    shrunk[0] = False
    if shrunk.any():
        errors = errors[_drop(labels, ~shrunk)]
        areas = areas[~shrunk]
    sums = np.zeros(len(areas))
    label_sums(labels.ravel(), logits.ravel(), sums)
    return MaskResult(
        masks=labels.reshape(shape).view(np.uint32),
        flow_errors=errors[1:],
        cellprobs=sums[1:] / areas[1:],
        removed={
            "too large": int(too_large.sum()),
            "flow error": int(wrong.sum()),
            "too small": int(small.sum() + shrunk.sum()),
        },
    )


def _drop(labels: Labels, keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Renumber in place; return the old label of every new one, 0 first."""
    table = np.zeros(len(keep), np.int32)
    count = renumber(labels.ravel(), keep, table)
    old = np.zeros(count + 1, np.int64)
    old[table] = np.arange(len(table))
    old[0] = 0
    return old


def _fill(labels: Labels, rim: int, report: Reporter) -> NDArray[np.int64]:
    """Fill the holes of all cells in place; return the areas afterwards."""
    boxes, _ = boxes_and_areas(labels)
    for first in range(1, len(boxes), FILL_CHUNK):
        fill_holes(labels, boxes, rim, first, min(first + FILL_CHUNK, len(boxes)))
        report.check()
    areas = np.bincount(labels.ravel(), minlength=len(boxes))
    return areas.astype(np.int64)
