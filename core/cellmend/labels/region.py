"""A part of a plane, and how cells found anew in it take the place of those it has.

Who stays and who comes:

- Old cells that lie wholly in the region go. Those that reach beyond it stay as they are.
- New cells come whose middle, that of their bounding box, lies in the region. They come whole,
  also with what reaches beyond it, so that none is cut where the region ends.
- New cells give way to old ones that stay: they lose the pixels in common, with what this parts
  from them. One that would lose most of itself is taken for the old cell, and does not come.
- A new cell that is the same as an old one that goes, by most of their pixels, has its id.

No old label outside of the region changes. Regions side by side, done in turn, have every cell
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.labels.index import LabelIndex
from cellmend.labels.overlap import overlaps
from cellmend.labels.paint import Shape, clip, polygon
from cellmend.labels.patches import Patch
from cellmend.labels.places import crop
from cellmend.labels.runs import Box
from cellmend.params import MaskSettings

Labels = NDArray[np.integer]
Mask = NDArray[np.bool_]

SAME = 0.5
"""Intersection over union above which a new cell is the same as an old one."""
MOST_LOST = 0.5
"""Share of its pixels that a new cell may lose to old ones."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a plane.

    Attributes
    ----------
    box
        ``(y0, x0, y1, x1)``, ends exclusive, inside the plane.
    mask
        Boolean (y1 - y0, x1 - x0): which pixels of the box.
    """

    box: Box
    mask: Mask

    @classmethod
    def of_box(cls, box: Box, shape: tuple[int, ...]) -> Region:
        """Return the part of a box that is inside a plane of `shape` (..., Y, X).

        Raises
        ------
        InputError
            If nothing of it is.
        """
        y0, x0, y1, x1 = box
        return cls._of((box, np.ones((max(y1 - y0, 0), max(x1 - x0, 0)), bool)), shape)

    @classmethod
    def of_outline(cls, points: ArrayLike, shape: tuple[int, ...]) -> Region:
        """Return what a closed outline (n, 2) of (y, x) encloses; errors are those of `of_box`."""
        return cls._of(polygon(points), shape)

    @classmethod
    def _of(cls, drawn: Shape, shape: tuple[int, ...]) -> Region:
        box, mask = clip(drawn, shape)
        if not mask.any():
            raise InputError("The region lies outside of the image.")
        return cls(box, mask)

    def within(self, window: Box) -> Mask:
        """Return which pixels of a window are in the region; the window holds all of it."""
        (y0, x0, y1, x1), (top, left, bottom, right) = self.box, window
        inside = np.zeros((bottom - top, right - left), bool)
        inside[y0 - top : y1 - top, x0 - left : x1 - left] = self.mask
        return inside


@dataclass(frozen=True, eq=False)
class Merged:
    """What becomes of a plane where a region of it is done anew.

    Attributes
    ----------
    patch
        The change to its labels.
    ids
        Those of the cells that came.
    stayed
        How many old cells stay that reach beyond the region.
    """

    patch: Patch
    ids: tuple[int, ...]
    stayed: int


def merge(
    labels: Labels,
    region: Region,
    found: Labels,
    window: Box,
    next_id: int,
    settings: MaskSettings | None = None,
) -> Merged:
    """Put cells that were found around a region into the labels of a plane.

    Parameters
    ----------
    labels
        (Y, X) labels of the plane; not changed.
    region
        The part that is done anew.
    found
        The new cells in a window around it, whose numbers mean nothing.
    window
        ``(y0, x0, y1, x1)``: where in the plane. It should hold the region and as much around it
        as a cell is large.
    next_id
        The first of the ids that are free.
    settings
        The smallest size, for cells that lose pixels, and whether cells go that touch the border
        of the plane.
    """
    settings = settings or MaskSettings()
    old, inside = crop(labels, window), region.within(window)
    gone, stayed = _who_goes(labels, old, inside)
    stays = (old > 0) & ~np.isin(old, gone)
    chosen = _middles_inside(found, inside, window, labels.shape, settings.exclude_on_edges)
    new = np.where(np.isin(found, chosen), found, 0)
    _give_way(new, stays, max(1, settings.min_size))
    known = _same(new, np.where(stays, 0, old))
    table = np.zeros(int(new.max(initial=0)) + 1, np.uint32)
    for label in LabelIndex(new).ids():
        table[label] = known.get(label, next_id)
        next_id += label not in known
    after = np.where(stays, old, table[new])
    changed = after != old
    patch = Patch.between(labels, window, changed, after[changed])
    return Merged(patch, tuple(table[table > 0].tolist()), stayed)


def _who_goes(labels: Labels, old: Labels, inside: Mask) -> tuple[list[int], int]:
    """Return the old cells wholly in the region, and how many reach beyond it."""
    index, met = LabelIndex(labels), overlaps(old, inside)
    touched = met.first_ids[met.first].tolist()
    within = zip(touched, met.shared.tolist(), strict=True)
    gone = [label for label, pixels in within if index.area(label) == pixels]
    return gone, len(touched) - len(gone)


def _middles_inside(
    found: Labels, inside: Mask, window: Box, shape: tuple[int, ...], whole: bool
) -> list[int]:
    """Return the new cells whose middle is in the region; if `whole`, none on the plane's edge."""
    top, left = window[:2]
    chosen = []
    for label, y0, x0, y1, x1 in LabelIndex(found).boxes():
        on_edge = min(y0 + top, x0 + left) == 0 or y1 + top == shape[0] or x1 + left == shape[1]
        if inside[(y0 + y1 - 1) // 2, (x0 + x1 - 1) // 2] and not (whole and on_edge):
            chosen.append(label)
    return chosen


def _give_way(new: Labels, stays: Mask, min_size: int) -> None:
    """Take from new cells, in place, what belongs to those that stay."""
    index, met = LabelIndex(new), overlaps(new, stays)
    for label in met.first_ids[met.first].tolist():
        box = index.box(label)
        assert box is not None
        part = crop(new, box)
        mine = part == label
        y0, x0, y1, x1 = box
        left = _largest_piece(mine & ~stays[y0:y1, x0:x1])
        part[mine & ~left] = 0
        if np.count_nonzero(left) < max(min_size, (1 - MOST_LOST) * np.count_nonzero(mine)):
            part[left] = 0


def _largest_piece(mask: Mask) -> Mask:
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def _same(new: Labels, gone: Labels) -> dict[int, int]:
    """Return the ids of new cells that are the same as old ones that go."""
    met = overlaps(new, gone)
    same = met.iou() > SAME
    ids = met.first_ids[met.first[same]].tolist(), met.second_ids[met.second[same]].tolist()
    return dict(zip(*ids, strict=True))
