"""Restore, then segment: what ``segment`` and the job without a display have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellmend.chain import OnChannels, restore_at_estimate, restore_in_turn
from cellmend.cli.arguments import restore_step
from cellmend.image import Image
from cellmend.io import read
from cellmend.params import SegmentSettings, Settings
from cellmend.progress import Reporter

if TYPE_CHECKING:
    from cellmend.restore import Restoration, Restorer
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
        Of the segmentation.
    restore
        Tasks or models to run before it, in this order, each with the channels it is for;
        see `cellmend.cli.arguments.restore_step`.
    device
        Where the networks run.
    """

    def __init__(self, settings: SegmentSettings, restore: Sequence[str], device: str) -> None:
        from cellmend.registry import find

        self._settings = settings
        self._restore = [restore_step(text) for text in restore]
        for name in (*(name for name, _ in self._restore), settings.model):
            find(name)
        self._device = device
        self._restorers: list[Restorer | OnChannels] = []
        self._segmenter: Segmenter | None = None

    def load(self) -> Segmenter:
        """Load the networks, once; return the one that segments."""
        if self._segmenter is None:
            from cellmend.restore import Restorer
            from cellmend.segment import Segmenter

            for name, channels in self._restore:
                restorer = Restorer(name, self._device)
                self._restorers.append(OnChannels(restorer, channels) if channels else restorer)
            self._segmenter = Segmenter(self._settings.model, self._device)
        return self._segmenter

    def run(self, source: Path, report: Reporter, axes: str | None = None) -> Found:
        """Restore and segment one file; `axes` are what it is read with."""
        segmenter = self.load()
        original = read(source, axes)
        steps = self._restored(original, segmenter, report)
        result = segmenter.run(
            steps[-1].image if steps else original,
            previous=tuple(step.provenance for step in steps),
            report=report,
            **keywords(self._settings),
        )
        return Found(source, original, steps[-1] if steps else None, result, self._settings)

    def _restored(
        self, original: Image, segmenter: Segmenter, report: Reporter
    ) -> list[Restoration]:
        size, channels = self._settings.diameter, self._settings.channels
        if size is None:
            return restore_at_estimate(
                original, self._restorers, segmenter, report, channels=channels
            )
        return restore_in_turn(original, self._restorers, size, report)


def keywords(settings: Settings) -> dict[str, Any]:
    """Return the fields of a settings object as keywords of ``run``, the model left out."""
    return {name: value for name, value in settings if name != "model"}
