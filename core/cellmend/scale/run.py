"""Restoring and segmenting an image block by block, from the file to the labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellmend.io.windows import ImageWindows
from cellmend.params import NormalizeSettings
from cellmend.progress import SILENT, Reporter, Share, shares
from cellmend.provenance import Provenance
from cellmend.scale.blocks import neighbours
from cellmend.scale.join import match, number_cells
from cellmend.scale.look import estimate_diameter
from cellmend.scale.plan import Plan
from cellmend.scale.restore import restore
from cellmend.scale.scaling import find_scaling
from cellmend.scale.segment import SegmentJob, cells_of
from cellmend.scale.stage import create_array, made_of, run_stage
from cellmend.scale.workers import ThisProcess, Workers

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True, eq=False)
class BlockwiseResult:
    """The cells of an image, on the disk.

    Attributes
    ----------
    windows
        The image.
    labels
        uint32 array on the disk, with the image's axes but C.
    restored
        The restored image, if it was restored.
    count
        Number of cells.
    provenance
        What ran; its settings have the diameter that was used.
    """

    windows: ImageWindows
    labels: zarr.Array[Any]
    restored: BlockwiseRestoration | None
    count: int
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class BlockwiseRestoration:
    """A restored image, on the disk.

    Attributes
    ----------
    original
        The image it was made from.
    image
        The restored one: float32, with the same axes.
    provenance
        What ran.
    """

    original: ImageWindows
    image: ImageWindows
    provenance: Provenance


def restore_image(
    plan: Plan, workplace: Path, workers: Workers | None = None, report: Reporter = SILENT
) -> BlockwiseRestoration:
    """Restore an image; parameters and errors are those of `run`."""
    workplace.mkdir(parents=True, exist_ok=True)
    work = _Run(plan, workplace, workers or ThisProcess())
    diameter = work.diameter(Share(report, 0, 0.05, "estimating the diameter"))
    image, records = work.restored(diameter, Share(report, 0.05, 1))
    return _restoration(plan, image, records)


def run(
    plan: Plan, workplace: Path, workers: Workers | None = None, report: Reporter = SILENT
) -> BlockwiseResult:
    """Restore an image and find its cells.

    Parameters
    ----------
    plan
        What is to be done.
    workplace
        A folder for what is made on the way, and for the result. What is there already, from a
        run of a plan with the same `key`, is not made again.
    workers
        Who works on the blocks; this process if left out.
    report
        Hears of progress and may cancel.

    Raises
    ------
    InputError
        If the image is constant, lacks a channel or holds values that are not numbers, or the
        settings do not go together.
    Cancelled
        If `report` says so.
    """
    workplace.mkdir(parents=True, exist_ok=True)
    work = _Run(plan, workplace, workers or ThisProcess())
    begin = 0.4 if plan.settings.restore else 0.05
    diameter = work.diameter(Share(report, 0, 0.05, "estimating the diameter"))
    seen, records = work.restored(diameter, Share(report, 0.05, begin))
    restored = _restoration(plan, seen, records) if records else None
    numbers = work.found(seen, diameter, Share(report, begin, 0.95))
    labels, count = work.joined(numbers, diameter, Share(report, 0.95, 1, "joining blocks"))
    record = plan.record(diameter, records)
    return BlockwiseResult(plan.windows, labels, restored, count, record)


def _restoration(
    plan: Plan, image: ImageWindows, records: Sequence[Provenance]
) -> BlockwiseRestoration:
    """Return a restored image; the record of its last step tells of those before."""
    *before, last = records
    return BlockwiseRestoration(plan.windows, image, replace(last, previous=tuple(before)))


@dataclass(frozen=True)
class _Run:
    plan: Plan
    workplace: Path
    workers: Workers

    @property
    def _found(self) -> Path:
        return self.workplace / "found"

    def diameter(self, report: Reporter) -> float:
        """Return the diameter of the cells, which is estimated once unless it is given."""
        plan, page = self.plan, self.workplace / "diameter.json"
        if plan.settings.diameter:
            return plan.settings.diameter
        if not page.exists():
            segmenter = plan.model(plan.settings.model).segmenter()
            found = estimate_diameter(
                plan.windows, segmenter, plan.restorers, plan.channels, report
            )
            page.write_text(json.dumps(found), encoding="utf-8")
        return float(json.loads(page.read_text(encoding="utf-8")))

    def restored(
        self, diameter: float, report: Reporter
    ) -> tuple[ImageWindows, tuple[Provenance, ...]]:
        """Restore the image step by step; return what is to be segmented, and the records."""
        steps = self.plan.settings.restore
        seen, records = self.plan.windows, []
        parts = shares(report, len(steps), "restoring")
        for number, (step, part) in enumerate(zip(steps, parts, strict=True)):
            restoration = self.plan.restoration(step, seen, diameter)
            seen = restore(restoration, self.workplace / f"restored{number}", self.workers, part)
            records.append(restoration.step.record)
        return seen, tuple(records)

    def found(self, seen: ImageWindows, diameter: float, report: Reporter) -> list[Any]:
        """Find the cells of every block; return the numbers that go with them."""
        plan = self.plan
        used = plan.segmentation(diameter)
        blocks = plan.blocks_to_segment(diameter)
        main, nuclear = plan.channels
        channels = (main, nuclear) if nuclear else (main,)
        looking, working = Share(report, 0, 0.1, "looking"), Share(report, 0.1, 1, "finding cells")
        how = used.normalize or NormalizeSettings()
        scaling = find_scaling(seen, channels, how, blocks, self.workers, looking)
        job = SegmentJob(seen, plan.model(used.model), used, scaling)
        return run_stage(self._found, job, blocks, self.workers, working)

    def joined(
        self, numbers: Sequence[Any], diameter: float, report: Reporter
    ) -> tuple[zarr.Array[Any], int]:
        """Join the cells of all blocks; return their labels, and how many there are."""
        blocks = self.plan.blocks_to_segment(diameter)
        pairs = list(neighbours(blocks, self.plan.overlap(diameter)))
        matches = self.workers.map(partial(match, self._found), pairs, report)
        tables, count = number_cells(
            [cells_of(one) for one in numbers],
            [(first.index, second.index) for first, second in pairs],
            matches,
            self.plan.settings.masks.min_size,
            [block.core.get("T", slice(0, 1)).start for block in blocks],
        )
        shape = list(self.plan.windows.space.values())
        labels = create_array(self.workplace / "labels.zarr", shape, np.dtype(np.uint32))
        for block, table in zip(blocks, tables, strict=True):
            report.check()
            core = np.asarray(made_of(self._found, block)[block.core_in_window])
            labels[tuple(block.core.values())] = table[core]
        return labels, count
