"""Random fields and distances that shapes and looks are made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellmend.labels.outlines import outline_mask

Floats = NDArray[np.float32]
Labels = NDArray[np.uint32]
Rng = np.random.Generator


def noise(shape: tuple[int, int], scale: float, rng: Rng) -> Floats:
    """Return smooth noise of mean 0 and standard deviation 1; `scale` pixels per grain."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = blur(white, scale)
    smooth -= smooth.mean()
    deviation = float(smooth.std())
    return smooth / np.float32(deviation) if deviation > 0 else smooth


def blur(image: Floats, sigma: float) -> Floats:
    """Return a Gaussian average; the image goes on as in a mirror."""
    if sigma <= 0:
        return image
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32
    )


def depth(labels: Labels) -> Floats:
    """Return the distance in pixels of each pixel of a cell to the cell's outline."""
    inside = (labels > 0) & ~outline_mask(labels)
    return np.asarray(ndimage.distance_transform_edt(inside), np.float32)


def per_cell(labels: Labels, low: float, high: float, rng: Rng) -> Floats:
    """Return an image that has one random value per cell, and 0 outside."""
    values = rng.uniform(low, high, int(labels.max()) + 1).astype(np.float32)
    values[0] = 0
    return values[labels]


def whole_cells(labels: Labels, least: float) -> Labels:
    """Keep the largest piece of each cell; drop those of fewer than `least` pixels.

    Returns
    -------
    ndarray
        Labels from 1 on without gaps.
    """
    result = np.zeros_like(labels)
    count = 0
    for label, box in enumerate(ndimage.find_objects(labels.astype(np.int32)), start=1):
        if box is None:
            continue
        pieces, pieces_count = ndimage.label(labels[box] == label)
        if not pieces_count:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() >= least:
            count += 1
            result[box][pieces == sizes.argmax() + 1] = count
    return result


def spread_points(
    shape: tuple[int, int], distance: float, rng: Rng, limit: int = 100_000
) -> NDArray[np.float64]:
    """Return (n, 2) points (y, x) no closer than `distance`, until no more fit or `limit` is met.

    Points lie up to half a distance outside, so that cells are cut by the border.
    """
    margin = distance / 2
    high = (shape[0] + margin, shape[1] + margin)
    count = int(6 * (high[0] + margin) * (high[1] + margin) / distance**2) + 10
    candidates = rng.uniform((-margin, -margin), high, (count, 2))
    kept: list[NDArray[np.float64]] = []
    for point in candidates:
        if len(kept) >= limit:
            break
        near = not kept or bool((((np.array(kept) - point) ** 2).sum(axis=1) >= distance**2).all())
        if near:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)
