"""Random geometry: one affine map from an image to a crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SCALE_RANGE = (0.75, 1.25)


@dataclass(frozen=True)
class Geometry:
    """Rotation, flip, scale and shift as a 2x3 matrix from image to crop (x, y).

    Attributes
    ----------
    matrix
        (2, 3) float64, as OpenCV takes it.
    size
        Side of the square crop in pixels.
    """

    matrix: NDArray[np.float64]
    size: int

    def image(self, planes: NDArray[np.floating]) -> Floats:
        """Warp (C, Y, X) planes to (C, size, size); zeros outside."""
        out = np.empty((len(planes), self.size, self.size), np.float32)
        for source, crop in zip(planes, out, strict=True):
            cv2.warpAffine(
                np.asarray(source, np.float32),
                self.matrix,
                (self.size, self.size),
                dst=crop,
                flags=cv2.INTER_LINEAR,
            )
        return out

    def target(self, planes: NDArray[np.floating]) -> Floats:
        """Warp (3, Y, X) flows and cell map; the flow vectors turn with the image."""
        dy, dx, inside = self.image(planes)
        linear = self.turning
        turned_x = linear[0, 0] * dx + linear[0, 1] * dy
        turned_y = linear[1, 0] * dx + linear[1, 1] * dy
        # Rounded: 1 inside, -1 where nothing is known, 0 in between.
        return np.stack([turned_y, turned_x, np.rint(inside)]).astype(np.float32)

    @property
    def turning(self) -> NDArray[np.float64]:
        """The (2, 2) rotation and flip, without the scale."""
        linear = self.matrix[:, :2]
        return np.asarray(linear / np.sqrt(abs(np.linalg.det(linear))))

    def cut(
        self, image: NDArray[Any], target: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], Geometry]:
        """Copy the part of (C, Y, X) arrays that the crop needs; and return its own map."""
        corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]) * (self.size - 1)
        back = np.linalg.inv(_square(self.matrix))
        places = back[:2, :2] @ corners + back[:2, 2:]
        (x0, y0), (x1, y1) = places.min(axis=1), places.max(axis=1)
        rows = _within(y0, y1, image.shape[1])
        columns = _within(x0, x1, image.shape[2])
        shift = self.matrix[:, :2] @ np.array([columns.start, rows.start])
        matrix = np.column_stack([self.matrix[:, :2], self.matrix[:, 2] + shift])
        window = (slice(None), rows, columns)
        return np.array(image[window]), np.array(target[window]), Geometry(matrix, self.size)

    def then(self, second: Geometry) -> Geometry:
        """Return the map that applies this one, then `second`."""
        whole = _square(second.matrix) @ _square(self.matrix)
        return Geometry(whole[:2], second.size)


def crop(shape: tuple[int, int], scale: float, size: int, rng: np.random.Generator) -> Geometry:
    """Scale an image of `shape` (Y, X) and cut a random square of `size`."""
    return _around(_random_centre(shape, scale, size, rng), scale * np.eye(2), size)


def turn(shape: tuple[int, int], scale: float, size: int, rng: np.random.Generator) -> Geometry:
    """Like `crop`, with a random rotation and flip."""
    angle = rng.uniform(0, 2 * np.pi)
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _around(_random_centre(shape, scale, size, rng), scale * rotation @ flip, size)


def random_scale(rng: np.random.Generator) -> float:
    """Draw the scale around the network's diameter."""
    return float(rng.uniform(*SCALE_RANGE))


def _random_centre(
    shape: tuple[int, int], scale: float, size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Choose the (x, y) of the image that lands in the middle of the crop."""
    height, width = shape
    free = np.maximum(0, np.array([width, height]) - size / scale)
    middle = (np.array([width, height]) - 1) / 2
    return np.asarray(middle + (rng.random(2) - 0.5) * free)


def _around(centre: NDArray[np.float64], linear: NDArray[np.float64], size: int) -> Geometry:
    shift = (size - 1) / 2 - linear @ centre
    return Geometry(np.column_stack([linear, shift]), size)


def _within(low: float, high: float, length: int) -> slice:
    """Return the pixels between two places and those next to them, one at least."""
    start = min(max(0, int(np.floor(low)) - 1), length - 1)
    return slice(start, max(start + 1, min(length, int(np.ceil(high)) + 2)))


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])
