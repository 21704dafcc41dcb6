"""A segmentation network seen through the size of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.dynamics.masks import NETWORK_STEPS
from cellmend.net.predict import Prediction, predict, predict_all
from cellmend.net.runner import Runner
from cellmend.net.scaled import scaled_shape
from cellmend.params import TileSettings
from cellmend.planes import resize_plane
from cellmend.progress import SILENT, Reporter
from cellmend.tiling import TilePlan

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """Gives flows and cell probability at the resolution of the image."""

    runner: Runner
    tiles: TileSettings

    @property
    def diam_mean(self) -> float:
        """Diameter in pixels of the cells that the network knows."""
        return float(self.runner.net.diam_mean)

    def steps(self, diameter: float) -> int:
        """Return how long flows are followed in an image with cells of `diameter` pixels."""
        return max(1, round(NETWORK_STEPS * diameter / self.diam_mean))

    def raw(self, plane: Floats, diameter: float, report: Reporter = SILENT) -> Prediction:
        """Return (3, Yn, Xn) at the network's resolution, and the style, of (nchan, Y, X)."""
        return predict(self.runner, self._seen(plane, diameter), self.tiles, report)

    def flows(
        self, plane: Floats, diameter: float, report: Reporter = SILENT
    ) -> tuple[Floats, Floats]:
        """Return flows (2, Y, X), 5 x unit, and logits (Y, X) for a (nchan, Y, X) plane."""
        return self.flows_of([(plane, diameter)], report)[0]

    def flows_of(
        self, planes: Sequence[tuple[Floats, float]], report: Reporter = SILENT
    ) -> list[tuple[Floats, Floats]]:
        """Return what `flows` gives for each plane and diameter; small planes share batches."""
        seen = [self._seen(plane, diameter) for plane, diameter in planes]
        found = []
        for (plane, _), prediction in zip(
            planes, predict_all(self.runner, seen, self.tiles, report), strict=True
        ):
            y, x, cellprob = (resize_plane(p, plane.shape[1:]) for p in prediction.pixels[:3])
            found.append((np.stack([y, x]), cellprob))
        return found

    def count_tiles(self, plane: Floats, diameter: float) -> int:
        """Return how many tiles a plane is cut into."""
        height, width = scaled_shape(plane.shape, self.diam_mean / diameter)
        plan = TilePlan(height, width, size=self.tiles.size, overlap=self.tiles.overlap)
        return len(plan.boxes)

    def _seen(self, plane: Floats, diameter: float) -> Floats:
        """Return the plane at the size the network works at."""
        shape = scaled_shape(plane.shape, self.diam_mean / diameter)
        return np.stack([resize_plane(channel, shape) for channel in plane])
