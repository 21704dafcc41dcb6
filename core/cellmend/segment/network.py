"""A segmentation network seen through the size of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.dynamics.masks import NETWORK_STEPS
from cellmend.net.predict import predict
from cellmend.params import TileSettings
from cellmend.planes import resize_plane, scaled_shape
from cellmend.progress import SILENT, Reporter
from cellmend.registry.files import Model

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """Gives flows and cell probability at the resolution of the image."""

    model: Model
    device: torch.device
    tiles: TileSettings

    @property
    def diam_mean(self) -> float:
        """Diameter in pixels of the cells that the network knows."""
        return float(self.model.net.diam_mean)

    def steps(self, diameter: float) -> int:
        """Return how long flows are followed in an image with cells of `diameter` pixels."""
        return max(1, round(NETWORK_STEPS * diameter / self.diam_mean))

    def raw(self, plane: Floats, diameter: float, report: Reporter = SILENT) -> Floats:
        """Return (3, Yn, Xn) at the network's resolution for a (nchan, Y, X) plane."""
        shape = scaled_shape(plane.shape, self.diam_mean / diameter)
        seen = np.stack([resize_plane(channel, shape) for channel in plane])
        return predict(self.model.net, seen, self.tiles, self.device, report).pixels

    def flows(
        self, plane: Floats, diameter: float, report: Reporter = SILENT
    ) -> tuple[Floats, Floats]:
        """Return flows (2, Y, X), 5 x unit, and logits (Y, X) for a (nchan, Y, X) plane."""
        pixels = self.raw(plane, diameter, report)
        flow_y, flow_x, cellprob = (resize_plane(p, plane.shape[1:]) for p in pixels[:3])
        return np.stack([flow_y, flow_x]), cellprob
