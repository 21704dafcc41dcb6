"""What is known before an image is worked on block by block."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cellmend.chain import Restoring, make_restorers
from cellmend.io import scenes
from cellmend.io.windows import ImageWindows
from cellmend.params import (
    AnyStep,
    BlockwiseSettings,
    FilterSettings,
    RestoreSettings,
    RestoreStep,
    SegmentSettings,
)
from cellmend.provenance import Provenance
from cellmend.registry import ModelEntry, find
from cellmend.restore.filters import complete
from cellmend.scale.blocks import Block, cut
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.restore import BLOCK, FilterStep, NetworkStep, RestorePlan
from cellmend.scale.segment import goes_deep

VOLUME_BLOCK = 512
LINKED_OVERLAP = 2
"""Planes that windows of linked planes reach beyond their block."""


@dataclass(frozen=True)
class Plan:
    """An image, and how it is restored and segmented.

    Attributes
    ----------
    windows
        The image.
    settings
        Of the whole image.
    device
        Where the networks run, on every worker.
    restoring
        How each step restores: its normalisation, if it is given, and its tiles.
    """

    windows: ImageWindows
    settings: BlockwiseSettings
    device: str = "auto"
    restoring: RestoreSettings = field(default_factory=RestoreSettings)

    @cached_property
    def key(self) -> str:
        """A name for this image with these settings and models; it differs once they change."""
        path = self.windows.path.resolve()
        facts = {
            "source": str(path),
            "changed": scenes.split(path)[0].stat().st_mtime_ns,
            "shape": self.windows.shape,
            "settings": self.settings.model_dump(mode="json"),
            "restoring": self.restoring.model_dump(mode="json"),
            "models": {name: self.model(name).sha256 for name in sorted(self.entries)},
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]

    @cached_property
    def entries(self) -> dict[str, ModelEntry]:
        """The models that are used, by the names they are called by in the settings.

        Raises
        ------
        ModelError
            If one is not there.
        """
        steps = (step for step in self.settings.restore if isinstance(step, RestoreStep))
        names = (*(step.model for step in steps), self.settings.model)
        return {name: find(name) for name in names}

    def model(self, name: str) -> ModelOnWorkers:
        """Return what workers load of a model."""
        return self._models[name]

    @property
    def restorers(self) -> list[Restoring]:
        """What restores, in its order."""
        return make_restorers(self.settings.restore, lambda name: self.model(name).restorer())

    @property
    def channels(self) -> tuple[int, int]:
        """The channel to segment and the nuclear one, as in `SegmentSettings`."""
        return self.settings.channels or self.windows.about.usual_channels

    def restoration(self, step: AnyStep, seen: ImageWindows, diameter: float) -> RestorePlan:
        """Return how an image, which may be restored already, goes through a step."""
        if isinstance(step, FilterSettings):
            return RestorePlan(seen, FilterStep(complete(step)), self.settings.blocks)
        card = self.entries[step.model].card
        how = self.restoring.normalize or card.normalize
        known = {"model": step.model, "channels": step.channels, "diameter": diameter}
        settings = self.restoring.model_copy(update={**known, "normalize": how})
        network = NetworkStep(self.model(step.model), card, settings)
        return RestorePlan(seen, network, self.settings.blocks)

    def blocks_to_segment(self, diameter: float) -> list[Block]:
        """Cut the image to find its cells."""
        deep = goes_deep(self.settings)
        side = self.settings.blocks or (VOLUME_BLOCK if deep else BLOCK)
        sizes = {"T": 1, "Z": self.settings.block_depth if deep else 1, "Y": side, "X": side}
        return cut(self.windows.space, sizes, self.overlap(diameter))

    def overlap(self, diameter: float) -> dict[str, int]:
        """Return how far windows reach beyond their block, along each axis, to find cells."""
        side = self.settings.block_overlap or math.ceil(2 * diameter)
        depth = LINKED_OVERLAP if goes_deep(self.settings) else 0
        if self.settings.do_3d:
            depth = max(depth, math.ceil(side / self.settings.anisotropy))
        return {"Z": depth, "Y": side, "X": side}

    def segmentation(self, diameter: float) -> SegmentSettings:
        """Return the settings that the cells are found with; channels and scaling are known."""
        fields = {name: getattr(self.settings, name) for name in SegmentSettings.model_fields}
        how = self.settings.normalize or self.entries[self.settings.model].card.normalize
        known = {"diameter": diameter, "channels": self.channels, "normalize": how}
        return SegmentSettings(**{**fields, **known})

    def record(self, diameter: float, previous: tuple[Provenance, ...]) -> Provenance:
        """Return the record of the run that found the cells."""
        settings = self.segmentation(diameter)
        given = {"blocks", "block_depth", "block_overlap"}
        cut_by = self.settings.model_dump(include=given, exclude_defaults=True)
        return Provenance(
            action="segment",
            model=self.entries[settings.model].name,
            model_sha256=self.model(settings.model).sha256,
            settings={**settings.model_dump(mode="json"), **cut_by},
            device=self.device,
            previous=previous,
        )

    @cached_property
    def _models(self) -> dict[str, ModelOnWorkers]:
        return {
            name: ModelOnWorkers.of(name, entry, self.device)
            for name, entry in self.entries.items()
        }


def plan_of(
    source: str | Path, settings: BlockwiseSettings, axes: str | None = None, device: str = "auto"
) -> Plan:
    """Make the plan of an image file; `axes` are its dimensions, where it does not say them."""
    return Plan(ImageWindows(source, axes), settings, device)
