"""Joining the labels of neighbouring blocks that are parts of one cell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.labels.overlap import overlaps
from cellmend.progress import Reporter
from cellmend.scale.blocks import Block, seam, within
from cellmend.scale.stage import made_of

LEAST_IOU = 0.25
"""Intersection over union, near the border, from which two labels can be the same cell."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BlockCells:
    """What is known of the labels of a block.

    Attributes
    ----------
    sizes
        Pixels in the core, of the background and of each label.
    dropped
        Labels of cells that shall not stay, such as those on the edge of the image.
    """

    sizes: Ids
    dropped: Ids


def match(folder: Path, pair: tuple[Block, Block], report: Reporter) -> Ids:
    """Return which labels of two neighbours are the same cell: (N, 2).

    Two labels are where, around the border, each overlaps no other one more.
    """
    report.check()
    region = seam(*pair)
    first, second = (
        np.asarray(made_of(folder, block)[within(region, block.window)]) for block in pair
    )
    found = overlaps(first, second)
    iou = found.iou()
    best_of_first = np.zeros(found.first_ids.size)
    best_of_second = np.zeros(found.second_ids.size)
    np.maximum.at(best_of_first, found.first, iou)
    np.maximum.at(best_of_second, found.second, iou)
    same = (
        (iou >= LEAST_IOU)
        & (iou == best_of_first[found.first])
        & (iou == best_of_second[found.second])
    )
    return np.stack([found.first_ids[found.first[same]], found.second_ids[found.second[same]]], 1)


def number_cells(
    cells: Sequence[BlockCells],
    pairs: Sequence[tuple[int, int]],
    matches: Sequence[Ids],
    min_size: int,
    times: Sequence[int],
) -> tuple[list[NDArray[np.uint32]], int]:
    """Give every cell of the image a number.

    Parameters
    ----------
    cells
        Of each block.
    pairs
        Indices of the blocks that are neighbours.
    matches
        What `match` told of each pair.
    min_size
        Pixels that a cell must have in all.
    times
        The time point of each block.

    Returns
    -------
    tables
        For each block, the label in the image of each of its labels, 0 for the background
        and for cells that do not stay.
    count
        Number of cells. Those of a time point are numbered from 1 in the order of the blocks.
    """
    begins = np.cumsum([0, *(len(one.sizes) for one in cells)])
    whole = _components(begins, pairs, matches)
    sizes = np.bincount(whole, np.concatenate([one.sizes for one in cells]))
    stays = sizes >= max(min_size, 1)
    for begin, one in zip(begins[:-1], cells, strict=True):
        stays[whole[begin + one.dropped]] = False
        stays[whole[begin]] = False  # its background
    _, first = np.unique(whole, return_index=True)
    order = np.argsort(first, kind="stable")
    numbers = np.zeros(len(sizes), np.uint32)
    numbers[order] = np.cumsum(stays[order])
    numbers[~stays] = 0
    tables = [numbers[whole[a:b]] for a, b in itertools.pairwise(begins)]
    return _from_one_at_each_time(tables, times), int(stays.sum())


def _from_one_at_each_time(
    tables: Sequence[NDArray[np.uint32]], times: Sequence[int]
) -> list[NDArray[np.uint32]]:
    """Begin anew with 1 at every time point; the numbers of one follow those of another."""
    before: dict[int, int] = {}
    highest = 0
    for table, time in zip(tables, times, strict=True):
        before.setdefault(time, highest)
        highest = max(highest, int(table.max()))
    return [
        np.where(table > 0, table - np.uint32(before[time]), 0).astype(np.uint32)
        for table, time in zip(tables, times, strict=True)
    ]


def _components(begins: Ids, pairs: Sequence[tuple[int, int]], matches: Sequence[Ids]) -> Ids:
    """Return, for every label of every block, the number of the cell that it is a part of."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    none = np.zeros((0, 2), np.int64)
    shifted = [m + begins[[i, j]] for (i, j), m in zip(pairs, matches, strict=True)]
    edges = np.concatenate([none, *shifted])
    total = int(begins[-1])
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), (total, total))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
