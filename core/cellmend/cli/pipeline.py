"""Restore, then segment: what ``segment`` and the job without a display have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cellmend.chain import (
    Restoring,
    check_steps,
    last_of,
    make_restorers,
    restore_all_in_turn,
    restore_at_estimate,
)
from cellmend.cli.ahead import Ahead
from cellmend.image import Image
from cellmend.io import read
from cellmend.params import PipelineSettings, SegmentSettings
from cellmend.progress import Reporter, shares
from cellmend.registry import find
from cellmend.scale.models import ModelOnWorkers

if TYPE_CHECKING:
    from cellmend.restore import Restoration
    from cellmend.segment import Segmentation, Segmenter


@dataclass(frozen=True, eq=False)
class Found:
    """What a run made of one file."""

    source: Path
    original: Image
    restored: Restoration | None
    result: Segmentation
    settings: SegmentSettings

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(np.count_nonzero(np.unique(self.result.masks)))


class Pipeline:
    """Networks that are loaded once and run on many files.

    Parameters
    ----------
    settings
        Of the restoration and the segmentation.
    device
        Where the networks run.
    """

    def __init__(self, settings: PipelineSettings, device: str) -> None:
        self._settings = settings
        check_steps(settings.restore)
        find(settings.model)
        self._device = device
        self._restorers: list[Restoring] = []
        self._segmenter: Segmenter | None = None

    def load(self) -> Segmenter:
        """Load the networks, once; return the one that segments."""
        if self._segmenter is None:
            self._restorers = make_restorers(
                self._settings.restore, lambda model: self._model(model).restorer()
            )
            self._segmenter = self._model(self._settings.model).segmenter()
        return self._segmenter

    def _model(self, name: str) -> ModelOnWorkers:
        return ModelOnWorkers.of(name, find(name), self._device)

    def ahead(self, files: Sequence[Path], axes: str | None = None) -> Ahead[Found]:
        """Return what restores and segments files; `axes` are what they are read with."""
        pixels = self._settings.tiles.batch_pixels
        return Ahead(files, lambda file: read(file, axes), self._run, pixels)

    def _run(self, originals: Mapping[Path, Image], report: Reporter) -> list[Found]:
        """Restore and segment the images of some files."""
        segmenter = self.load()
        images = list(originals.values())
        steps = self._restored(images, segmenter, report)
        last = [last_of(one) for one in steps]
        results = segmenter.run_all(
            [one.image if one else image for one, image in zip(last, images, strict=True)],
            previous=[tuple(step.provenance for step in one) for one in steps],
            report=report,
            **self._settings.segment,
        )
        return [
            Found(source, image, restored, result, self._settings)
            for (source, image), restored, result in zip(
                originals.items(), last, results, strict=True
            )
        ]

    def _restored(
        self, originals: Sequence[Image], segmenter: Segmenter, report: Reporter
    ) -> list[list[Restoration]]:
        size, channels = self._settings.diameter, self._settings.channels
        if size is not None:
            return restore_all_in_turn(originals, self._restorers, size, report)
        parts = shares(report, len(originals))
        return [
            restore_at_estimate(image, self._restorers, segmenter, part, channels=channels)
            for image, part in zip(originals, parts, strict=True)
        ]
