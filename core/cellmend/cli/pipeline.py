"""Restore, then segment: what ``segment`` and the job without a display have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellmend.image import Image
from cellmend.io import read
from cellmend.params import SegmentSettings, Settings
from cellmend.progress import Reporter

if TYPE_CHECKING:
    from cellmend.restore import Restoration, Restorer
    from cellmend.segment import Segmentation, Segmenter

ANOTHER_SIZE = 0.2
"""Difference of the logarithms of two diameters from which restoring anew is worth it."""


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
        Tasks or models to run before it, in this order.
    device
        Where the networks run.
    """

    def __init__(self, settings: SegmentSettings, restore: Sequence[str], device: str) -> None:
        from cellmend.registry import find

        for name in (*restore, settings.model):
            find(name)
        self._settings = settings
        self._restore = tuple(restore)
        self._device = device
        self._restorers: list[Restorer] = []
        self._segmenter: Segmenter | None = None

    def load(self) -> Segmenter:
        """Load the networks, once; return the one that segments."""
        if self._segmenter is None:
            from cellmend.restore import Restorer
            from cellmend.segment import Segmenter

            self._restorers = [Restorer(name, self._device) for name in self._restore]
            self._segmenter = Segmenter(self._settings.model, self._device)
        return self._segmenter

    def run(self, source: Path, report: Reporter) -> Found:
        """Restore and segment one file."""
        segmenter = self.load()
        original = read(source)
        steps = restored(
            original,
            self._restorers,
            segmenter,
            self._settings.diameter,
            channels=self._settings.channels,
            report=report,
        )
        result = segmenter.run(
            steps[-1].image if steps else original,
            previous=tuple(step.provenance for step in steps),
            report=report,
            **keywords(self._settings),
        )
        return Found(source, original, steps[-1] if steps else None, result, self._settings)


def restored(
    original: Image,
    restorers: Sequence[Restorer],
    segmenter: Segmenter | None,
    diameter: float | None,
    *,
    channels: tuple[int, int] | None = None,
    report: Reporter,
    **options: Any,
) -> list[Restoration]:
    """Run restorers, each on the result of the one before.

    Without a diameter it is estimated. Noise misleads the estimate, so the
    restored image is looked at too; where it shows cells of quite another size,
    the original is restored again at that size.

    Parameters
    ----------
    original
        The image to restore.
    restorers
        The models to run, in order; none leaves nothing to do.
    segmenter
        Estimates the diameter; needed where none is given.
    diameter
        Of the cells in pixels; None to estimate it.
    channels
        Where to look for the cells, as in `Segmenter.run`.
    **options
        Passed on to each `Restorer.run`.
    """

    def chain(size: float) -> list[Restoration]:
        steps: list[Restoration] = []
        for restorer in restorers:
            image = steps[-1].image if steps else original
            steps.append(restorer.run(image, diameter=size, report=report, **options))
        return steps

    if not restorers:
        return []
    if diameter is not None:
        return chain(diameter)
    assert segmenter is not None
    size = segmenter.estimate_diameter(original, channels=channels, report=report)
    steps = chain(size)
    seen = segmenter.estimate_diameter(steps[-1].image, channels=channels, report=report)
    return chain(seen) if abs(math.log(seen / size)) > ANOTHER_SIZE else steps


def keywords(settings: Settings) -> dict[str, Any]:
    """Return the fields of a settings object as keywords of ``run``, the model left out."""
    return {name: value for name, value in settings if name != "model"}
