"""Running a network over planes in tiles that leave no trace: the result is the whole plane's.

What tiles show of themselves in a result has three causes, and each has its remedy here. The
style is that of the whole plane, for which the encoder runs over all of it first. Pooling
groups the same pixels as in the whole plane, and what is used of a tile's result lies well
inside it (see `cellmend.tiling.HaloPlan`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.net.predict import FLIPS, Attempt, Flip, attempts, first_that_fits, unflip
from cellmend.net.runner import Runner
from cellmend.params import TileSettings
from cellmend.progress import SILENT, Reporter
from cellmend.tiling import Box, HaloPlan

Floats = NDArray[np.float32]

ENCODER_HALO = 32
"""Pixels around a core that the encoder sees, as `cellmend.tiling.HALO` for the whole network."""


class _Plane:
    """A plane while the results of its tiles come back."""

    def __init__(self, plane: Floats, runner: Runner, size: int) -> None:
        _, height, width = plane.shape
        self.plan = HaloPlan(height, width, size=size)
        self.padded = self.plan.pad(plane)
        self.result = np.zeros((runner.nout, *self.plan.padded_shape), np.float32)
        self.style_sum = np.zeros(runner.net.widths[-1], np.float32)
        self.tiles = [
            _Tile(self, *places) for places in zip(self.plan.boxes, self.plan.cores, strict=True)
        ]

    def style(self) -> Floats:
        return self.style_sum / np.float32(max(float(np.linalg.norm(self.style_sum)), 1e-12))


@dataclass(frozen=True, eq=False)
class _Tile:
    """A part of a plane that the network sees, and the core of it that is used."""

    plane: _Plane
    box: Box
    core: Box

    @property
    def shares_style(self) -> bool:
        return len(self.plane.tiles) > 1

    def view(self, flip: Flip = ()) -> Floats:
        y0, x0, y1, x1 = self.box
        return np.flip(self.plane.padded[:, y0:y1, x0:x1], flip)

    def features(self, runner: Runner, report: Reporter) -> Floats:
        """Return the sum of the deepest features over the core: (S,)."""
        height, width = self.plane.plan.padded_shape
        y0, x0, y1, x1 = self.core
        top, left = max(0, y0 - ENCODER_HALO), max(0, x0 - ENCODER_HALO)
        bottom, right = min(height, y1 + ENCODER_HALO), min(width, x1 + ENCODER_HALO)
        view = self.plane.padded[None, :, top:bottom, left:right]
        deepest = runner.deepest(view, report.check)[0]
        step = (bottom - top) // deepest.shape[1]
        rows = slice((y0 - top) // step, (y1 - top) // step)
        columns = slice((x0 - left) // step, (x1 - left) // step)
        return np.asarray(deepest[:, rows, columns].sum(axis=(1, 2), dtype=np.float32))

    def add_output(self, output: Floats) -> None:
        """Add what the network made of the tile, (nout, h, w), to the result of the plane."""
        top, left = self.box[:2]
        y0, x0, y1, x1 = self.core
        inner = output[:, y0 - top : y1 - top, x0 - left : x1 - left]
        self.plane.result[:, y0:y1, x0:x1] += inner


def predict_seamless(
    runner: Runner, planes: Sequence[Floats], tiles: TileSettings, report: Reporter = SILENT
) -> list[Floats]:
    """Run a network on normalised (nchan, Y, X) planes: (nout, Y, X) of each.

    A batch has as many pixels as `tiles.batch_size` tiles of full size, so that small planes
    share one. Flips, memory and errors are as in `cellmend.net.predict.predict_all`.
    """

    def run(attempt: Attempt) -> list[Floats]:
        opened = [_Plane(plane, runner, attempt.tiles.size) for plane in planes]
        return _run(attempt, opened, report)

    return first_that_fits(attempts(runner, tiles), lambda way: way.tiles.batch_pixels, run)


def _run(attempt: Attempt, planes: Sequence[_Plane], report: Reporter) -> list[Floats]:
    runner, tiles, notice = attempt
    flips = FLIPS if tiles.augment else FLIPS[:1]
    batches = list(_batches([tile for plane in planes for tile in plane.tiles], tiles))
    sharing = [tile for batch in batches for tile in batch if tile.shares_style]
    total = len(sharing) + len(flips) * len(batches)
    done = itertools.count(1)
    for tile in sharing:
        report.check()
        tile.plane.style_sum += tile.features(runner, report)
        report.step(next(done), total, notice)
    for batch, flip in itertools.product(batches, flips):
        report.check()
        views = np.stack([tile.view(flip) for tile in batch])
        outputs, _ = runner(views, _styles(batch), report.check)
        for tile, output in zip(batch, outputs, strict=True):
            tile.add_output(unflip(output, flip))
        report.step(next(done), total, notice)
    return [plane.plan.crop(plane.result) / np.float32(len(flips)) for plane in planes]


def _styles(batch: Sequence[_Tile]) -> Floats | None:
    if not batch[0].shares_style:
        return None
    return np.stack([tile.plane.style() for tile in batch])


def _batches(tiles: Sequence[_Tile], settings: TileSettings) -> Iterator[list[_Tile]]:
    """Group tiles of like shape; those that share the style of a plane come apart from others."""
    alike: dict[tuple[tuple[int, int], bool], list[_Tile]] = {}
    for tile in tiles:
        alike.setdefault((tile.plane.plan.tile_shape, tile.shares_style), []).append(tile)
    for (shape, _), group in alike.items():
        count = max(1, settings.batch_pixels // math.prod(shape))
        for start in range(0, len(group), count):
            yield group[start : start + count]
