"""Running a network over planes of any size: tiles, batches, flips, bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellmend.device import free_memory
from cellmend.errors import MemoryLimitError
from cellmend.net.runner import Runner
from cellmend.params import TileSettings
from cellmend.progress import SILENT, Reporter
from cellmend.tiling import MULTIPLE, Blender, Box, TilePlan

Floats = NDArray[np.float32]
Flip = tuple[int, ...]

FLIPS: tuple[Flip, ...] = ((), (-1,), (-2,), (-2, -1))
AUGMENT_OVERLAP = 0.5
SMALLEST_TILE = 64
"""Side in pixels below which tiles are not made to save memory."""


class Prediction(NamedTuple):
    """What the network says of one plane.

    Attributes
    ----------
    pixels
        (nout, Y, X) float32.
    style
        (S,) float32 unit vector, averaged over the tiles.
    """

    pixels: Floats
    style: Floats


class Attempt(NamedTuple):
    """A way to run: where, with which tiles, and what to tell of it."""

    runner: Runner
    tiles: TileSettings
    notice: str


def predict(
    runner: Runner, plane: Floats, tiles: TileSettings, report: Reporter = SILENT
) -> Prediction:
    """Run a network on one normalised (nchan, Y, X) plane; see `predict_all`."""
    return predict_all(runner, [plane], tiles, report)[0]


def predict_all(
    runner: Runner, planes: Sequence[Floats], tiles: TileSettings, report: Reporter = SILENT
) -> list[Prediction]:
    """Run a network on normalised (nchan, Y, X) planes; tiles of like shape share batches.

    With `tiles.augment` every tile is also seen flipped, at 50 % overlap; the
    flow components of a flipped tile are turned back before averaging.

    Where the memory that is free does not suffice, batches are made smaller, then
    tiles, and then the CPU takes over; the messages of `report` say so.

    Raises
    ------
    MemoryLimitError
        If not even a small tile fits the memory of the CPU.
    Cancelled
        If `report` says so; asked between batches, and within them on a CPU.
    """

    def run(attempt: Attempt) -> list[Prediction]:
        return _run(
            attempt, [_Plane(plane, runner.nout, attempt.tiles) for plane in planes], report
        )

    return first_that_fits(attempts(runner, tiles), lambda attempt: _pixels(attempt, planes), run)


Result = TypeVar("Result")


def first_that_fits(
    ways: Iterable[Attempt],
    pixels: Callable[[Attempt], int],
    run: Callable[[Attempt], Result],
) -> Result:
    """Try one way after another, and leave out those that need more memory than is free.

    Parameters
    ----------
    ways
        What to try, in this order.
    pixels
        Tells how many pixels are on the device at once.
    run
        Computes the result; it may find that the memory does not suffice.

    Raises
    ------
    MemoryLimitError
        If the memory does not suffice for any.
    """
    shortage = MemoryLimitError("There is not enough memory for a single small tile.")
    for attempt in ways:
        free = free_memory(attempt.runner.device)
        if free is not None and attempt.runner.bytes_needed(pixels(attempt)) > free:
            continue
        try:
            return run(attempt)
        except MemoryLimitError as error:
            shortage = error
    raise shortage


def attempts(runner: Runner, tiles: TileSettings) -> Iterator[Attempt]:
    """Yield ways to run, each of less memory than the one before; the CPU comes last."""
    wanted = tiles
    yield Attempt(runner, tiles, "")
    while tiles.batch_size > 1:
        tiles = tiles.model_copy(update={"batch_size": tiles.batch_size // 2})
        yield Attempt(runner, tiles, f"little memory: batches of {tiles.batch_size}")
    while tiles.size > SMALLEST_TILE:
        half = tiles.size // 2 // MULTIPLE * MULTIPLE
        tiles = tiles.model_copy(update={"size": max(SMALLEST_TILE, half)})
        yield Attempt(runner, tiles, f"little memory: tiles of {tiles.size} px")
    if runner.device.type != "cpu":
        for attempt in attempts(runner.on_cpu, wanted):
            yield attempt._replace(notice=attempt.notice or "little memory: on the CPU")


def _pixels(attempt: Attempt, planes: Sequence[Floats]) -> int:
    """Return how many pixels the largest batch has."""
    shapes = [_plan(plane, attempt.tiles).tile_shape for plane in planes]
    return attempt.tiles.batch_size * max(height * width for height, width in shapes)


def _plan(plane: Floats, tiles: TileSettings) -> TilePlan:
    overlap = AUGMENT_OVERLAP if tiles.augment else tiles.overlap
    _, height, width = plane.shape
    return TilePlan(height, width, size=tiles.size, overlap=overlap)


class _Plane:
    """A plane while its tiles come back."""

    def __init__(self, plane: Floats, outputs: int, tiles: TileSettings) -> None:
        self.plan = _plan(plane, tiles)
        self.padded = self.plan.pad(plane)
        self.blend = Blender(outputs, self.plan)
        self.styles: list[Floats] = []

    def view(self, box: Box, flip: Flip) -> Floats:
        y0, x0, y1, x1 = box
        return np.flip(self.padded[:, y0:y1, x0:x1], flip)

    def add(self, output: Floats, style: Floats, box: Box, flip: Flip) -> None:
        self.blend.add(unflip(output, flip), box)
        self.styles.append(style)

    def result(self) -> Prediction:
        style = np.mean(self.styles, axis=0)
        return Prediction(self.blend.result(), style / max(float(np.linalg.norm(style)), 1e-12))


def _run(attempt: Attempt, planes: Sequence[_Plane], report: Reporter) -> list[Prediction]:
    runner, tiles, notice = attempt
    flips = FLIPS if tiles.augment else FLIPS[:1]
    by_shape: dict[tuple[int, int], list[tuple[_Plane, Box, Flip]]] = {}
    for plane in planes:
        jobs = [(plane, box, flip) for box in plane.plan.boxes for flip in flips]
        by_shape.setdefault(plane.plan.tile_shape, []).extend(jobs)
    done, total = 0, sum(len(jobs) for jobs in by_shape.values())
    for jobs in by_shape.values():
        for start in range(0, len(jobs), tiles.batch_size):
            report.check()
            batch = jobs[start : start + tiles.batch_size]
            views = np.stack([plane.view(box, flip) for plane, box, flip in batch])
            outputs, styles = runner(views, check=report.check)
            for (plane, box, flip), output, style in zip(batch, outputs, styles, strict=True):
                plane.add(output, style, box, flip)
            done += len(batch)
            report.step(done, total, notice)
    return [plane.result() for plane in planes]


def unflip(output: Floats, flip: Flip) -> Floats:
    """Turn an output back; of flows (3 outputs) the flipped component changes sign."""
    output = np.flip(output, flip)
    if not flip or len(output) < 3:
        return output
    output = output.copy()
    for axis in flip:
        output[axis + 2] *= -1
    return output
