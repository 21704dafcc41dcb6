"""Restoring with one model after another, at a diameter that need not be known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cellmend.image import Image
from cellmend.progress import SILENT, Reporter, shares

if TYPE_CHECKING:
    from cellmend.restore import Restoration, Restorer
    from cellmend.segment import Segmenter

ANOTHER_SIZE = 0.2
"""Difference of the logarithms of two diameters from which restoring anew is worth it."""


@dataclass(frozen=True)
class OnChannels:
    """A restorer for some channels of an image, counted from 1; see `Restorer.run_all`."""

    restorer: Restorer
    channels: tuple[int, ...]

    def run_all(self, images: Sequence[Image], **options: Any) -> list[Restoration]:
        """Restore these channels; the others are only normalised."""
        return self.restorer.run_all(images, channels=self.channels, **options)


def restore_in_turn(
    original: Image,
    restorers: Sequence[Restorer | OnChannels],
    diameter: float,
    report: Reporter = SILENT,
    **options: Any,
) -> list[Restoration]:
    """Run restorers, each on the result of the one before.

    Parameters
    ----------
    original
        The image to restore.
    restorers
        The models to run, in order; each on all channels, or on those of its own.
    diameter
        Of the cells in pixels.
    report
        Hears of progress and may cancel.
    **options
        Passed on to each `Restorer.run_all`.
    """
    return restore_all_in_turn([original], restorers, diameter, report, **options)[0]


def restore_all_in_turn(
    originals: Sequence[Image],
    restorers: Sequence[Restorer | OnChannels],
    diameter: float,
    report: Reporter = SILENT,
    **options: Any,
) -> list[list[Restoration]]:
    """Do to several images what `restore_in_turn` does to one; small ones share batches."""
    steps: list[list[Restoration]] = [[] for _ in originals]
    images = list(originals)
    for restorer, part in zip(restorers, shares(report, len(restorers)), strict=True):
        restored = restorer.run_all(images, diameter=diameter, report=part, **options)
        images = [one.image for one in restored]
        for before, one in zip(steps, restored, strict=True):
            before.append(one)
    return steps


def restore_at_estimate(
    original: Image,
    restorers: Sequence[Restorer | OnChannels],
    segmenter: Segmenter,
    report: Reporter = SILENT,
    *,
    channels: tuple[int, int] | None = None,
    **options: Any,
) -> list[Restoration]:
    """Run restorers like `restore_in_turn`, at a diameter that `segmenter` estimates.

    Noise misleads the estimate, so the restored image is looked at too; where it
    shows cells of quite another size, the original is restored again at that size.

    Parameters
    ----------
    channels
        Where to look for the cells, as in `Segmenter.run`.
    """
    if not restorers:
        return []
    look, first, look_again, second = shares(report, 4)
    size = segmenter.estimate_diameter(original, channels=channels, report=look)
    steps = restore_in_turn(original, restorers, size, first, **options)
    seen = segmenter.estimate_diameter(steps[-1].image, channels=channels, report=look_again)
    if abs(math.log(seen / size)) <= ANOTHER_SIZE:
        return steps
    return restore_in_turn(original, restorers, seen, second, **options)
