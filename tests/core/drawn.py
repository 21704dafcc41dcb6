"""Cells drawn on the spot."""

import numpy as np


def draw_cells(
    size: int = 96, radius: int = 9, spacing: int = 26, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a textured uint16 image of round cells and its uint32 masks."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size]
    masks = np.zeros((size, size), np.uint32)
    image = rng.normal(200, 10, (size, size))
    centres = range(spacing // 2, size - radius, spacing)
    for label, (cy, cx) in enumerate(((y, x) for y in centres for x in centres), start=1):
        jitter = rng.integers(-2, 3, 2)
        inside = (yy - cy - jitter[0]) ** 2 + (xx - cx - jitter[1]) ** 2 <= radius**2
        masks[inside] = label
        image[inside] += rng.uniform(800, 1200)
    return np.clip(image, 0, None).astype(np.uint16), masks
