"""An image on its way to the network, plane by plane, and what is found on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics import MaskResult
from cellmend.dynamics.stitch import link_results
from cellmend.params import MaskSettings, SegmentSettings

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Part:
    """Masks, flows and cell probability of a plane, a volume or a series."""

    result: MaskResult
    flows: Floats
    cellprob: Floats


@dataclass(frozen=True, eq=False)
class Scene:
    """A normalised image with cells of a known size.

    Attributes
    ----------
    data
        (nchan, T, Z, Y, X), one long where the image lacks the axis.
    axes
        Of the image, without C.
    diameter
        Of the cells in pixels.
    """

    data: Floats
    axes: str
    diameter: float

    @classmethod
    def of(cls, data: Floats, axes: str, diameter: float) -> Scene:
        """Make a scene of (nchan, [T,] [Z,] Y, X), with these axes after the first."""
        missing = [1 + place for place, axis in enumerate("TZ") if axis not in axes]
        return cls(np.expand_dims(data, missing), axes, diameter)

    @property
    def frames(self) -> list[Floats]:
        """The time points, each (nchan, Z, Y, X)."""
        return list(self.data.swapaxes(0, 1))

    @property
    def planes(self) -> list[Floats]:
        """The planes of all time points, each (nchan, Y, X)."""
        return [plane for frame in self.frames for plane in frame.swapaxes(0, 1)]

    def mask_settings(self, settings: SegmentSettings) -> MaskSettings:
        """Return how masks of a plane are made.

        While planes are linked, small cells and those on the edge stay.
        """
        if self._linked(settings):
            all_stay = {"min_size": -1, "exclude_on_edges": False}
            return settings.masks.model_copy(update=all_stay)
        return settings.masks

    def of_planes(self, parts: Sequence[Part], settings: SegmentSettings) -> Part:
        """Put together what was found in `planes`."""
        depth = self.data.shape[2]
        begins = range(0, len(parts), depth)
        return self.of_frames(
            [self._of_frame(parts[begin : begin + depth], settings) for begin in begins]
        )

    def of_frames(self, parts: Sequence[Part]) -> Part:
        """Put together what was found in `frames`."""
        return _joined(parts) if "T" in self.axes else parts[0]

    def _of_frame(self, parts: Sequence[Part], settings: SegmentSettings) -> Part:
        if "Z" not in self.axes:
            return parts[0]
        if not self._linked(settings):
            return _joined(_with_own_ids(parts))
        results = [part.result for part in parts]
        linked = link_results(results, settings.stitch_threshold, settings.masks)
        return replace(_joined(parts), result=linked)

    def _linked(self, settings: SegmentSettings) -> bool:
        return "Z" in self.axes and settings.stitch_threshold > 0


def _with_own_ids(parts: Sequence[Part]) -> list[Part]:
    """Return the planes with ids that go on from one to the next: an id is one cell in all."""
    numbered, before = [], 0
    for part in parts:
        masks = np.where(part.result.masks > 0, part.result.masks + np.uint32(before), 0)
        result = replace(part.result, masks=masks.astype(np.uint32, copy=False))
        numbered.append(replace(part, result=result))
        before += len(part.result.cellprobs)
    return numbered


def _joined(parts: Sequence[Part]) -> Part:
    """Stack planes or time points along a new leading axis."""
    results = [part.result for part in parts]
    names = results[0].removed
    return Part(
        MaskResult(
            masks=np.stack([r.masks for r in results]),
            flow_errors=np.concatenate([r.flow_errors for r in results]),
            cellprobs=np.concatenate([r.cellprobs for r in results]),
            removed={name: sum(r.removed[name] for r in results) for name in names},
        ),
        np.stack([part.flows for part in parts], axis=1),
        np.stack([part.cellprob for part in parts]),
    )
