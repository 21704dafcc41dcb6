"""Cutting an image into blocks that overlap, and finding those that lie side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Window = dict[str, slice]
"""From where to where along each of the axes T, Z, Y and X that an image has."""


@dataclass(frozen=True)
class Block:
    """A part of an image.

    Attributes
    ----------
    index
        Number in the order of the blocks.
    place
        Row, column and so on in the grid of blocks, along each axis.
    core
        The part that this block alone is for; the cores cover the image.
    window
        The core and what is seen around it.
    """

    index: int
    place: tuple[int, ...]
    core: Window
    window: Window

    @property
    def core_in_window(self) -> tuple[slice, ...]:
        """Where the core lies in pixels of the window."""
        return within(self.core, self.window)


def cut(
    shape: Mapping[str, int], size: Mapping[str, int], overlap: Mapping[str, int]
) -> list[Block]:
    """Cut an image into as few blocks as will do, of about the same size.

    Parameters
    ----------
    shape
        Length of the image along each axis but C.
    size
        Largest length of a core along each axis; axes that are left out are not cut.
    overlap
        How far a window reaches beyond its core, where the image goes on; 0 if left out.
    """
    spans = [list(_spans(length, size.get(axis, length))) for axis, length in shape.items()]
    blocks: list[Block] = []
    for places in itertools.product(*(range(len(one)) for one in spans)):
        core: Window = {}
        window: Window = {}
        for axis, place, all_spans in zip(shape, places, spans, strict=True):
            start, stop = all_spans[place]
            reach = overlap.get(axis, 0)
            core[axis] = slice(start, stop)
            window[axis] = slice(max(0, start - reach), min(shape[axis], stop + reach))
        blocks.append(Block(len(blocks), places, core, window))
    return blocks


def neighbours(
    blocks: Iterable[Block], overlap: Mapping[str, int]
) -> Iterator[tuple[Block, Block]]:
    """Yield each pair of blocks that touch, at corners too, along axes with an overlap."""
    by_place = {block.place: block for block in blocks}
    for place, block in by_place.items():
        steps = [(-1, 0, 1) if overlap.get(axis, 0) else (0,) for axis in block.core]
        for step in itertools.product(*steps):
            other = by_place.get(tuple(a + b for a, b in zip(place, step, strict=True)))
            if other is not None and other.index > block.index:
                yield block, other


def seam(first: Block, second: Block) -> Window:
    """Return the region around the border of two neighbours that both of them see well.

    Across the border it reaches half as far as the windows do, for what lies at the end of a
    window lacks its surroundings.
    """
    region = {}
    for axis, core in first.core.items():
        other = second.core[axis]
        if core == other:
            region[axis] = core
            continue
        low, high = sorted((first, second), key=lambda block: block.core[axis].start)
        border = high.core[axis].start
        before = border - high.window[axis].start
        behind = low.window[axis].stop - border
        region[axis] = slice(border - (before + 1) // 2, border + (behind + 1) // 2)
    return region


def within(part: Window, window: Window) -> tuple[slice, ...]:
    """Return a part of a window in the window's own pixels."""
    return tuple(
        slice(part[axis].start - whole.start, part[axis].stop - whole.start)
        for axis, whole in window.items()
    )


def _spans(length: int, size: int) -> Iterator[tuple[int, int]]:
    count = -(-length // size)
    edges = [length * i // count for i in range(count + 1)]
    return itertools.pairwise(edges)
