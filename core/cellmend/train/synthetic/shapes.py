"""Where synthetic cells are: label images of nuclei, of cells that touch, and of tissues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.train.synthetic.fields import Labels, Rng, noise, spread_points, whole_cells

LEAST_SHARE = 0.3
"""Cells of which less than this share of the usual area is left are dropped."""


@dataclass(frozen=True)
class Blob:
    """An ellipse with a wavy outline.

    Attributes
    ----------
    y, x
        Centre.
    radius
        Of the disc of the same area, in pixels.
    elongation
        Long axis over short axis.
    angle
        Of the long axis, in radians.
    waves
        (k, 2) amplitude and phase of the waves with 2, 3, ... periods.
    """

    y: float
    x: float
    radius: float
    elongation: float
    angle: float
    waves: NDArray[np.float64]

    def box(self, shape: tuple[int, int], reach: float) -> tuple[slice, slice]:
        """Return the part of an image within `reach` radii."""
        extent = reach * self.radius * np.sqrt(self.elongation) + 2
        low, high = (
            np.clip((self.y + sign * extent, self.x + sign * extent), 0, shape).astype(int)
            for sign in (-1, 1)
        )
        return slice(low[0], high[0]), slice(low[1], high[1])

    def distance(self, y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the distance of points to the centre; the outline is where it is 1."""
        dy, dx = y - self.y, x - self.x
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along, across = dx * cos + dy * sin, dy * cos - dx * sin
        stretch = np.sqrt(self.elongation)
        u, v = along / stretch, across * stretch
        theta = np.arctan2(v, u)
        edge = np.ones_like(theta)
        for order, (amplitude, phase) in enumerate(self.waves, start=2):
            edge += amplitude * np.cos(order * theta + phase)
        return np.asarray(np.hypot(u, v) / (self.radius * edge))


def random_blob(
    centre: NDArray[np.float64],
    diameter: float,
    rng: Rng,
    *,
    spread: float = 0.12,
    elongation: float = 1.5,
    waviness: float = 0.04,
) -> Blob:
    """Draw a blob.

    Parameters
    ----------
    centre
        (y, x).
    diameter
        Median of the diameters.
    spread
        Standard deviation of the logarithm of the diameter.
    elongation
        Largest ratio of the axes.
    waviness
        Standard deviation of the amplitudes of the waves, falling with their number.
    """
    orders = np.arange(2, 7)
    waves = np.stack(
        [rng.normal(0, waviness, 5) * 2 / orders, rng.uniform(0, 2 * np.pi, 5)], axis=1
    )
    return Blob(
        float(centre[0]),
        float(centre[1]),
        float(diameter / 2 * np.exp(rng.normal(0, spread))),
        float(rng.uniform(1, elongation)),
        float(rng.uniform(0, np.pi)),
        waves,
    )


def nuclei(shape: tuple[int, int], diameter: float, density: float, rng: Rng) -> Labels:
    """Return separate and touching nuclei; some lie in clusters."""
    distance = diameter * (1.9 - 0.95 * density)
    points = spread_points(shape, distance, rng)
    crowd = noise(shape, 1.5 * diameter, rng)
    inside = np.clip(points.astype(int), 0, np.array(shape) - 1)
    keep = crowd[inside[:, 0], inside[:, 1]] > rng.normal(-1.2 * density, 0.5, len(points))
    blobs = [random_blob(p, diameter, rng, elongation=1.7) for p in points[keep]]
    return drawn(shape, blobs, diameter)


def drawn(shape: tuple[int, int], blobs: list[Blob], diameter: float) -> Labels:
    """Draw blobs one behind the other; those that are mostly hidden are left out."""
    labels = np.zeros(shape, np.uint32)
    for number, blob in enumerate(blobs, start=1):
        box = blob.box(shape, 1.5)
        if not labels[box].size:
            continue
        y, x = np.mgrid[box]
        body = blob.distance(y, x) <= 1
        free = body & (labels[box] == 0)
        if free.sum() >= 0.75 * body.sum():
            labels[box][free] = number
    return whole_cells(labels, LEAST_SHARE * np.pi / 4 * diameter**2)


def touching_cells(shape: tuple[int, int], diameter: float, density: float, rng: Rng) -> Labels:
    """Return cells that grew until they met, with wavy borders and gaps between groups."""
    distance = diameter * 0.85
    points = spread_points(shape, distance, rng)
    keep = rng.random(len(points)) < 0.35 + 0.6 * density
    return _grown(
        shape, points[keep], diameter, rng, elongation=1.9, limit=1.05, warp=0.14 * diameter
    )


def tissue(shape: tuple[int, int], diameter: float, density: float, rng: Rng) -> Labels:
    """Return cells that tile the image, as in an epithelium; a few are missing."""
    points = spread_points(shape, diameter * 0.72, rng)
    keep = rng.random(len(points)) < 0.9 + 0.1 * density
    return _grown(
        shape, points[keep], diameter, rng, elongation=1.5, limit=1.6, warp=0.07 * diameter
    )


def _grown(
    shape: tuple[int, int],
    points: NDArray[np.float64],
    diameter: float,
    rng: Rng,
    *,
    elongation: float,
    limit: float,
    warp: float,
) -> Labels:
    """Give each pixel to the nearest cell, in the metric of each, within `limit` radii.

    Coordinates are warped by smooth noise first, which makes borders wavy.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = (axis + np.float32(warp) * noise(shape, diameter / 2.5, rng) for axis in (y, x))
    nearest = np.full(shape, limit, np.float32)
    labels = np.zeros(shape, np.uint32)
    for number, point in enumerate(points, start=1):
        blob = random_blob(point, 1.1 * diameter, rng, elongation=elongation, waviness=0.06)
        box = blob.box(shape, limit * 1.3)
        if not labels[box].size:
            continue
        distance = blob.distance(y[box], x[box])
        closer = distance < nearest[box]
        nearest[box][closer] = distance[closer]
        labels[box][closer] = number
    return whole_cells(labels, LEAST_SHARE * np.pi / 4 * diameter**2)
