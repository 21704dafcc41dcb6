"""Linking the masks of consecutive planes into cells of a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.masks import MaskResult
from cellmend.errors import InputError
from cellmend.labels.overlap import Overlaps, overlaps
from cellmend.params import MaskSettings


def link_planes(masks: NDArray[np.generic], threshold: float = 0.25) -> NDArray[np.uint32]:
    """Give cells of consecutive planes the same label where they overlap enough.

    A cell takes the label of the cell in the plane before with which it has the largest
    intersection over union, if that reaches the threshold and no other cell of its plane
    fits that one better. So every label occurs at most once per plane.

    Parameters
    ----------
    masks
        ``(Z, Y, X)`` or ``(T, Y, X)`` labels, each plane numbered for itself; not altered.
    threshold
        Least intersection over union, above 0 and at most 1.

    Returns
    -------
    ndarray
        uint32, same shape, numbered from 1 in the order of the first planes.

    Raises
    ------
    InputError
        If the array is not three-dimensional or the threshold is out of bounds.
    """
    if masks.ndim != 3:
        raise InputError(f"Linking planes needs (Z, Y, X) masks, not shape {masks.shape}.")
    if not 0 < threshold <= 1:
        raise InputError(f"A linking threshold of {threshold:g} is not above 0 and at most 1.")
    linked = np.zeros(masks.shape, np.uint32)
    before = np.zeros(masks.shape[1:], np.uint32)
    count = 0
    for plane, out in zip(masks, linked, strict=True):
        pairs = overlaps(before, plane)
        labels = _carried(pairs, threshold)
        new = labels == 0
        labels[new] = count + 1 + np.arange(new.sum())
        count += int(new.sum())
        found = plane > 0
        out[found] = labels[np.searchsorted(pairs.second_ids, plane[found])]
        before = out
    return linked


def link_results(
    results: Sequence[MaskResult], threshold: float, settings: MaskSettings
) -> MaskResult:
    """Link the cells of consecutive planes, then drop what is small or on the edge as a whole.

    A cell that is cut thinly by a plane is kept this way, if it is large in others, and one
    that touches the border of any plane is dropped from all.

    Parameters
    ----------
    results
        Of each plane, with small cells and those on the edge.
    threshold
        See `link_planes`.
    settings
        What is dropped: `min_size` counts voxels; see `exclude_on_edges`.

    Returns
    -------
    MaskResult
        Of the volume; flow errors and cell probabilities are means over the cell's pixels.
    """
    linked = link_planes(np.stack([result.masks for result in results]), threshold)
    parts = [_parts(result, plane) for result, plane in zip(results, linked, strict=True)]
    labels = np.concatenate([label for label, _ in parts])
    pixels = np.concatenate([count for _, count in parts])
    sizes = np.bincount(labels, pixels, minlength=1)
    keep = sizes >= max(settings.min_size, 1)
    keep[0] = False
    small = len(keep) - 1 - int(keep.sum())
    cut = keep & settings.exclude_on_edges & _on_edge(linked, len(keep))
    keep &= ~cut

    def mean(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        sums = np.bincount(labels, np.concatenate(values) * pixels, minlength=len(sizes))
        return np.asarray(sums[keep] / sizes[keep])

    removed = {name: sum(result.removed[name] for result in results) for name in results[0].removed}
    removed["too small"] += small
    removed["on the edge"] += int(cut.sum())
    return MaskResult(
        masks=np.where(keep, np.cumsum(keep), 0).astype(np.uint32)[linked],
        flow_errors=mean([result.flow_errors for result in results]),
        cellprobs=mean([result.cellprobs for result in results]),
        removed=removed,
    )


def _on_edge(linked: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    """Tell of each label below `count` whether it touches the border of a plane."""
    cut = np.zeros(count, bool)
    cut[linked[:, [0, -1]]] = True
    cut[linked[:, :, [0, -1]]] = True
    return cut


def _parts(
    result: MaskResult, linked: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each cell of a plane, its label in the volume and how many pixels it has."""
    cells = len(result.flow_errors)
    labels = np.zeros(cells + 1, np.int64)
    labels[result.masks] = linked
    return labels[1:], np.bincount(result.masks.ravel(), minlength=cells + 1)[1:]


def _carried(pairs: Overlaps, threshold: float) -> NDArray[np.uint32]:
    """Return, for each cell of the second plane, the label of its match or 0."""
    iou = pairs.iou()
    good = iou >= threshold
    first, second, iou = pairs.first[good], pairs.second[good], iou[good]
    best_of_first = np.zeros(pairs.first_ids.size)
    np.maximum.at(best_of_first, first, iou)
    mutual = iou == best_of_first[first]
    labels = np.zeros(pairs.second_ids.size, np.uint32)
    taken: set[int] = set()
    for i, j in _best_first(first[mutual], second[mutual], iou[mutual]):
        if labels[j] == 0 and i not in taken:
            labels[j] = pairs.first_ids[i]
            taken.add(i)
    return labels


def _best_first(
    first: NDArray[np.int64], second: NDArray[np.int64], iou: NDArray[np.float64]
) -> list[tuple[int, int]]:
    order = np.argsort(-iou, kind="stable")
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))
