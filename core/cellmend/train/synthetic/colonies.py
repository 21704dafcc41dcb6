"""Where synthetic microbes are: label images of rods and of budding yeast."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellmend.train.synthetic.fields import Labels, Rng, spread_points, whole_cells
from cellmend.train.synthetic.shapes import LEAST_SHARE, drawn, random_blob

BUDDING = 0.5
"""Share of yeast cells that have a bud."""
TRIES = 12
SUBPIXELS = 16
"""Steps per pixel at which OpenCV takes the points of a line."""


@dataclass(frozen=True)
class Rod:
    """A capsule along a circular arc.

    Attributes
    ----------
    y, x, angle
        Middle and direction.
    length, width
        In pixels, caps included.
    bend
        Angle in radians by which the rod turns over its length.
    """

    y: float
    x: float
    angle: float
    length: float
    width: float
    bend: float

    def centreline(self) -> NDArray[np.float64]:
        """Return (n, 2) points (y, x) along the middle, without the caps."""
        n = max(2, int(self.length / 2))
        along = np.linspace(-0.5, 0.5, n) * max(self.length - self.width, 0)
        angles = self.angle + self.bend * np.linspace(-0.5, 0.5, n)
        step = np.gradient(along)
        y, x = np.cumsum(step * np.sin(angles)), np.cumsum(step * np.cos(angles))
        return np.stack([self.y + y - y.mean(), self.x + x - x.mean()], axis=1)


def rods(shape: tuple[int, int], diameter: float, density: float, rng: Rng) -> Labels:
    """Return rod-shaped bacteria in small colonies, side by side and end to end."""
    labels = np.zeros(shape, np.uint32)
    aspect = float(rng.uniform(2.5, 6))
    seeds = spread_points(shape, diameter * (4.5 - 2.5 * density), rng)
    number = 0
    for seed in seeds:
        colony = [_random_rod(seed, float(rng.uniform(0, np.pi)), diameter, aspect, rng)]
        wanted = 1 + int(rng.poisson(2 + 8 * density))
        for _ in range(TRIES * wanted):
            rod = colony[-1]
            body = _body(shape, rod)
            hidden = labels[body].any() if body[0].size else True
            if not hidden:
                number += 1
                labels[body] = number
            elif len(colony) > 1:
                colony.pop()
            if number and len(colony) > wanted:
                break
            colony.append(_neighbour(colony[int(rng.integers(len(colony)))], diameter, aspect, rng))
    return whole_cells(labels, LEAST_SHARE * np.pi / 4 * diameter**2)


def yeast(shape: tuple[int, int], diameter: float, density: float, rng: Rng) -> Labels:
    """Return round cells in clumps; half of them have a bud, which is a cell of its own."""
    centres = spread_points(shape, diameter * (1.25 - 0.2 * density), rng)
    hubs = rng.uniform((0, 0), shape, (2 + int(6 * density), 2))
    reach = (1 + 4 * density) * diameter
    near = np.sqrt(((centres[:, None] - hubs[None]) ** 2).sum(-1)).min(axis=1) < reach
    blobs = []
    for centre in centres[near]:
        mother = random_blob(
            centre, 1.1 * diameter, rng, spread=0.1, elongation=1.25, waviness=0.01
        )
        blobs.append(mother)
        if rng.random() < BUDDING:
            turn, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.75)
            away = mother.radius * (1 + 0.85 * size)
            place = centre + away * np.array([np.sin(turn), np.cos(turn)])
            blobs.append(
                random_blob(
                    place, 2 * size * mother.radius, rng, spread=0, elongation=1.2, waviness=0.01
                )
            )
    return drawn(shape, blobs, 0.6 * diameter)


def _random_rod(
    place: NDArray[np.float64], angle: float, diameter: float, aspect: float, rng: Rng
) -> Rod:
    """Draw a rod whose area is about that of a disc of `diameter`."""
    ratio = aspect * float(rng.uniform(0.75, 1.35))
    width = diameter * np.sqrt(np.pi / 4 / (aspect - 1 + np.pi / 4))
    bend = float(rng.normal(0, 0.25))
    return Rod(float(place[0]), float(place[1]), angle, width * ratio, width, bend)


def _neighbour(rod: Rod, diameter: float, aspect: float, rng: Rng) -> Rod:
    """Draw a rod beside another or at its end."""
    turn = float(rng.normal(0, 0.15))
    along = np.array([np.sin(rod.angle), np.cos(rod.angle)])
    across = np.array([along[1], -along[0]])
    side = rng.choice([-1.0, 1.0])
    if rng.random() < 0.65:
        shift = side * rod.width * rng.uniform(1.02, 1.25) * across
        shift = shift + rng.uniform(-0.5, 0.5) * rod.length * along
    else:
        shift = side * rod.length * rng.uniform(1.02, 1.15) * along
    return _random_rod(np.array([rod.y, rod.x]) + shift, rod.angle + turn, diameter, aspect, rng)


def _body(shape: tuple[int, int], rod: Rod) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pixels of a rod that lie in the image."""
    line = rod.centreline()
    low = np.maximum(np.floor(line.min(axis=0) - rod.width), 0).astype(int)
    high = np.minimum(np.ceil(line.max(axis=0) + rod.width) + 1, shape).astype(int)
    if (high <= low).any():
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    corner = low[::-1]
    drawing = np.zeros((high - low).tolist(), np.uint8)
    path = np.rint((line[:, ::-1] - corner) * SUBPIXELS).astype(np.int32)
    width = max(1, round(rod.width))
    cv2.polylines(drawing, [path], False, 1, width, shift=int(np.log2(SUBPIXELS)))
    y, x = np.nonzero(drawing)
    return y + low[0], x + low[1]
