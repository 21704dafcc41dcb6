"""Masks from flows: follow the flows, group their ends, drop what cannot be a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.filters import fill_holes, label_sums, renumber
from cellmend.dynamics.flows import flow_errors
from cellmend.dynamics.follow import follow
from cellmend.dynamics.regions import Areas, Boxes, Labels, boxes_and_areas
from cellmend.dynamics.seeds import labels_from_ends
from cellmend.errors import InputError
from cellmend.params import MaskSettings, make_settings
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


@dataclass(eq=False)
class _Cells:
    """All cells found at one threshold and number of steps, before any is dropped."""

    found_with: tuple[float, int]
    labels: Labels
    boxes: Boxes
    areas: Areas
    errors: NDArray[np.float64]
    """By label; nan where the flow error was not asked for yet."""


class MaskMaker:
    """Makes masks from one output of the network, again and again with other settings.

    What a change leaves as it was is kept. Following the flows and grouping their ends is
    done anew only for another cell probability threshold or number of steps, flow errors
    only for cells not seen yet; any other setting just filters again.

    Parameters
    ----------
    flows
        ``(2, Y, X)`` or ``(3, Z, Y, X)``, 5 times the unit flow. Never altered.
    cellprob
        ``(Y, X)`` or ``(Z, Y, X)`` logits. Never altered.
    default_niter
        Steps to follow where the settings leave it open: 200 at the network's resolution,
        200·diameter/diam_mean at the image's own.

    Raises
    ------
    InputError
        If the shapes do not belong together.
    """

    def __init__(
        self,
        flows: NDArray[np.floating[Any]],
        cellprob: NDArray[np.floating[Any]],
        default_niter: int = NETWORK_STEPS,
    ) -> None:
        if cellprob.ndim not in (2, 3) or flows.shape != (cellprob.ndim, *cellprob.shape):
            raise InputError(
                f"Flows of shape {flows.shape} do not fit cell probabilities of {cellprob.shape}.",
                hint="Expected (2, Y, X) with (Y, X), or (3, Z, Y, X) with (Z, Y, X).",
            )
        self._shape = cellprob.shape
        depth, height, width = (1, *cellprob.shape)[-3:]
        self._volume = depth, height, width
        with np.errstate(over="ignore"):  # What is too large becomes infinite.
            field = np.ascontiguousarray(flows, np.float32)
            logits = np.ascontiguousarray(cellprob, np.float32)
        self._flows = field.reshape(len(flows), *self._volume)
        self._logits = logits.reshape(self._volume)
        self._default_niter = default_niter
        self._cells: _Cells | None = None

    def make(self, settings: MaskSettings = DEFAULTS, report: Reporter = SILENT) -> MaskResult:
        """Return the masks that `settings` ask for.

        Raises
        ------
        Cancelled
            If `report` says so; what was computed until then may be kept.
        """
        cells = self._find(settings, report)
        keep = cells.areas > 0
        too_large = keep & (cells.areas > settings.max_size_fraction * cells.labels.size)
        keep &= ~too_large
        wrong = np.zeros_like(keep)
        if len(self._flows) == 2:
            self._compare(cells, keep, report)
            if settings.flow_threshold > 0:
                wrong = keep & (cells.errors > settings.flow_threshold)
                keep &= ~wrong
        small = keep & (cells.areas < settings.min_size)
        keep &= ~small
        cut = keep & settings.exclude_on_edges & _on_edge(cells.boxes, self._volume)
        labels, errors, cellprobs, shrunk = self._finish(
            cells, keep & ~cut, settings.min_size, report
        )
        return MaskResult(
            masks=labels.reshape(self._shape).view(np.uint32),
            flow_errors=errors,
            cellprobs=cellprobs,
            removed={
                "too large": int(too_large.sum()),
                "flow error": int(wrong.sum()),
                "too small": int(small.sum()) + shrunk,
                "on the edge": int(cut.sum()),
            },
        )

    def _find(self, settings: MaskSettings, report: Reporter) -> _Cells:
        """Follow the flows and group their ends, unless they are those of the last call."""
        wanted = (settings.cellprob_threshold, settings.niter or self._default_niter)
        if self._cells is None or self._cells.found_with != wanted:
            self._cells = None
            threshold, niter = wanted
            report.check()
            ends = follow(self._flows, self._logits > threshold, niter, report)
            labels = labels_from_ends(ends, self._volume)
            del ends
            boxes, areas = boxes_and_areas(labels)
            self._cells = _Cells(wanted, labels, boxes, areas, np.full(len(areas), np.nan))
        return self._cells

    def _compare(self, cells: _Cells, keep: NDArray[np.bool_], report: Reporter) -> None:
        """Compute the flow errors of the cells to keep that have none yet."""
        missing = keep & np.isnan(cells.errors)
        if missing.any():
            areas = np.where(missing, cells.areas, 0)
            errors = flow_errors(cells.labels[0], cells.boxes, areas, self._flows[:, 0], report)
            cells.errors = np.where(missing, errors, cells.errors)

    def _finish(
        self, cells: _Cells, keep: NDArray[np.bool_], min_size: int, report: Reporter
    ) -> tuple[Labels, NDArray[np.float64], NDArray[np.float64], int]:
        """Fill the holes of the cells to keep.

        Returns their labels from 1, their flow errors and mean cell probabilities, and how
        many became too small, because the cell around them swallowed them.
        """
        labels = cells.labels.copy()
        errors = cells.errors[_drop(labels, keep)]
        areas = _fill(labels, int(len(self._flows) == 3), report)
        shrunk = areas < max(min_size, 1)
        shrunk[0] = False
        if shrunk.any():
            errors = errors[_drop(labels, ~shrunk)]
            areas = areas[~shrunk]
        sums = np.zeros(len(areas))
        label_sums(labels.ravel(), self._logits.ravel(), sums)
        return labels, errors[1:], sums[1:] / areas[1:], int(shrunk.sum())


def masks_from_flows(
    flows: NDArray[np.floating[Any]],
    cellprob: NDArray[np.floating[Any]],
    settings: MaskSettings = DEFAULTS,
    *,
    default_niter: int = NETWORK_STEPS,
    report: Reporter = SILENT,
) -> MaskResult:
    """Turn the network's output into masks; `MaskMaker` tells of the parameters.

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
    return MaskMaker(flows, cellprob, default_niter).make(settings, report)


def flows_to_masks(
    flows: NDArray[np.floating[Any]],
    cellprob: NDArray[np.floating[Any]],
    *,
    cellprob_threshold: float = 0.0,
    flow_threshold: float = 0.4,
    niter: int | None = None,
    min_size: int = 15,
    max_size_fraction: float = 0.4,
    exclude_on_edges: bool = False,
    report: Reporter = SILENT,
) -> NDArray[np.uint32]:
    """Return only the masks of `masks_from_flows`, its settings given one by one.

    Raises
    ------
    InputError
        As `masks_from_flows`, or if a setting is out of bounds.
    """
    settings = make_settings(
        MaskSettings,
        cellprob_threshold=cellprob_threshold,
        flow_threshold=flow_threshold,
        niter=niter,
        min_size=min_size,
        max_size_fraction=max_size_fraction,
        exclude_on_edges=exclude_on_edges,
    )
    return masks_from_flows(flows, cellprob, settings, report=report).masks


def _on_edge(boxes: Boxes, volume: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Tell of each box whether it touches the border of the plane."""
    _, height, width = volume
    y0, y1, x0, x1 = boxes[:, 2:].T
    return np.asarray((y0 == 0) | (y1 == height) | (x0 == 0) | (x1 == width))


def _drop(labels: Labels, keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Renumber in place; return the old label of every new one, 0 first."""
    table = np.zeros(len(keep), np.int32)
    count = renumber(labels.ravel(), keep, table)
    old = np.zeros(count + 1, np.int64)
    old[table] = np.arange(len(table))
    old[0] = 0
    return old


def _fill(labels: Labels, rim: int, report: Reporter) -> Areas:
    """Fill the holes of all cells in place; return the areas afterwards."""
    boxes, areas = boxes_and_areas(labels)
    for first in range(1, len(boxes), FILL_CHUNK):
        fill_holes(labels, boxes, areas, rim, first, min(first + FILL_CHUNK, len(boxes)))
        report.check()
    return areas
