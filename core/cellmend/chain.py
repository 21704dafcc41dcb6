"""Restoring step by step, by models and filters, at a diameter that need not be known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from cellmend.image import Image
from cellmend.params import AnyStep, FilterSettings, RestoreSettings
from cellmend.progress import SILENT, Reporter, shares

if TYPE_CHECKING:
    from cellmend.restore import Restoration, Restorer
    from cellmend.segment import Segmenter

ANOTHER_SIZE = 0.2
"""Difference of the logarithms of two diameters from which restoring anew is worth it."""


class Restoring(Protocol):
    """Whatever restores images: a network, one for some channels, or a filter."""

    def run_all(
        self, images: Sequence[Image], *, report: Reporter = SILENT, **settings: Any
    ) -> list[Restoration]:
        """Restore several images alike."""


@dataclass(frozen=True)
class OnChannels:
    """A restorer for some channels of an image, counted from 1; see `Restorer.run_all`."""

    restorer: Restorer
    channels: tuple[int, ...]

    def run_all(self, images: Sequence[Image], **options: Any) -> list[Restoration]:
        """Restore these channels; the others are only normalised."""
        return self.restorer.run_all(images, channels=self.channels, **options)


@dataclass(frozen=True)
class Filtering:
    """A classical filter in the place of a restorer; no size of cells matters to it."""

    settings: FilterSettings

    def run_all(
        self, images: Sequence[Image], *, report: Reporter = SILENT, **_: Any
    ) -> list[Restoration]:
        """Filter every channel of the images; what is for networks only is not used."""
        from cellmend.restore import filter_image

        options = dict(self.settings)
        name = options.pop("filter")
        parts = shares(report, len(images))
        return [
            filter_image(image, name, report=part, **options)
            for image, part in zip(images, parts, strict=True)
        ]


def check_steps(steps: Sequence[AnyStep]) -> None:
    """See to it that steps can be done, before anything is loaded.

    Raises
    ------
    ModelError
        If a model is not installed.
    InputError
        If a filter is given a setting that it does not have.
    """
    from cellmend.registry import find
    from cellmend.restore.filters import complete

    for step in steps:
        if isinstance(step, FilterSettings):
            complete(step)
        else:
            find(step.model)


def make_restorers(steps: Sequence[AnyStep], load: Callable[[str], Restorer]) -> list[Restoring]:
    """Return what does each step; `load` gives the network of a model's name or file."""
    restorers: list[Restoring] = []
    for step in steps:
        if isinstance(step, FilterSettings):
            restorers.append(Filtering(step))
        elif step.channels:
            restorers.append(OnChannels(load(step.model), step.channels))
        else:
            restorers.append(load(step.model))
    return restorers


def last_of(steps: Sequence[Restoration]) -> Restoration | None:
    """Return the last step, if there is any; its record tells of those before."""
    if not steps:
        return None
    *before, last = steps
    earlier = tuple(step.provenance for step in before)
    return replace(last, provenance=replace(last.provenance, previous=earlier))


def restore_in_turn(
    original: Image,
    restorers: Sequence[Restoring],
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
        The models and filters to run, in order; each on all channels, or on those of its own.
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
    restorers: Sequence[Restoring],
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
    restorers: Sequence[Restoring],
    segmenter: Segmenter,
    report: Reporter = SILENT,
    *,
    channels: tuple[int, int] | None = None,
    **options: Any,
) -> list[Restoration]:
    """Run restorers like `restore_in_turn`, at a diameter that `segmenter` estimates.

    Noise misleads the estimate, so the restored image is looked at too; where it
    shows cells of quite another size, the original is restored again at that size.
    Where there are only filters, nothing is estimated.

    Parameters
    ----------
    channels
        Where to look for the cells, as in `Segmenter.run`.
    """
    if all(isinstance(one, Filtering) for one in restorers):
        return restore_in_turn(original, restorers, RestoreSettings().diameter, report, **options)
    look, first, look_again, second = shares(report, 4)
    size = segmenter.estimate_diameter(original, channels=channels, report=look)
    steps = restore_in_turn(original, restorers, size, first, **options)
    seen = segmenter.estimate_diameter(steps[-1].image, channels=channels, report=look_again)
    if abs(math.log(seen / size)) <= ANOTHER_SIZE:
        return steps
    return restore_in_turn(original, restorers, seen, second, **options)
