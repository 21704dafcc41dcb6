"""How synthetic cells look before optics: brightness from 0 on, about 1 in the cells."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellmend.train.synthetic.fields import Floats, Labels, Rng, blur, depth, noise, per_cell


def chromatin(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return stained nuclei: grainy chromatin, dark nucleoli, brightness from cell to cell."""
    shape = labels.shape
    dome = 0.65 + 0.35 * (1 - np.exp(-depth(labels) / (0.15 * diameter)))
    grain = 1 + 0.22 * noise(shape, diameter / 10, rng) + 0.1 * noise(shape, diameter / 25, rng)
    nucleoli = blur((noise(shape, diameter / 11, rng) > 1.5).astype(np.float32), diameter / 40)
    body = per_cell(labels, 0.45, 1.3, rng) * dome * grain * (1 - 0.45 * nucleoli)
    return np.asarray(np.maximum(body, 0), np.float32)


def cytoplasm(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return stained cytoplasm: thin rims, granules or fibres, and often a dark nucleus."""
    shape = labels.shape
    inside = depth(labels)
    height = 0.35 + 0.65 * (1 - np.exp(-inside / (0.22 * diameter)))
    texture = 1 + 0.25 * noise(shape, diameter / 6, rng) + 0.18 * noise(shape, 0.8, rng)
    if rng.random() < 0.5:
        texture = texture + rng.uniform(0.2, 0.6) * fibres(shape, diameter, rng)
    body = per_cell(labels, 0.35, 1.2, rng) * height * np.maximum(texture, 0.05)
    if rng.random() < 0.6:
        holes = nuclei_in(labels, diameter, rng) > 0
        body = body * (1 - rng.uniform(0.3, 0.7) * blur(holes.astype(np.float32), diameter / 30))
    return np.asarray(body, np.float32)


def nuclei_in(labels: Labels, diameter: float, rng: Rng) -> Labels:
    """Return one nucleus per cell, where the cell is deepest."""
    inside = depth(labels)
    jitter = 0.12 * diameter * noise(labels.shape, diameter / 4, rng)
    ids = np.arange(int(labels.max()) + 1)
    deepest = np.zeros(len(ids), np.float32)
    if len(ids) > 1:
        deepest[1:] = ndimage.maximum(inside, labels, ids[1:])
    share = rng.uniform(0.4, 0.65, len(ids)).astype(np.float32)
    core = (inside + jitter > (1 - share)[labels] * deepest[labels]) & (inside > 1)
    return np.where(core, labels, 0).astype(np.uint32)


def junctions(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return stained membranes: bright uneven lines between cells, dim spotted cells."""
    shape = labels.shape
    width = max(0.8, diameter / rng.uniform(22, 40))
    line = np.exp(-((depth(labels) / width) ** 2)) * (labels > 0)
    uneven = np.clip(1 + 0.35 * noise(shape, diameter / 2.5, rng), 0.15, None)
    beads = 1 + 0.25 * noise(shape, diameter / 18, rng)
    spots = blur((noise(shape, 1.0, rng) > 2.6).astype(np.float32), 0.9)
    inner = per_cell(labels, 0.03, 0.22, rng) * (1 + 0.3 * noise(shape, diameter / 8, rng))
    return np.asarray(
        np.maximum(line * uneven * beads + inner + 0.8 * spots * (labels > 0), 0), np.float32
    )


def fluorescent_bodies(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return microbes that glow: bright along the middle, with a few spots."""
    inside = depth(labels)
    height = np.sqrt(np.clip(inside / max(float(inside.max()), 1), 0, 1))
    spots = blur((noise(labels.shape, 1.2, rng) > 2.3).astype(np.float32), 1)
    grain = 1 + 0.15 * noise(labels.shape, diameter / 10, rng)
    body = per_cell(labels, 0.4, 1.2, rng) * (0.3 + 0.7 * height) * grain
    return np.asarray(np.maximum(body + spots * height, 0), np.float32)


def phase_contrast(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return microbes in phase contrast: dark bodies, bright halos, an uneven ground."""
    shape = labels.shape
    rim = np.exp(-depth(labels) / max(1.0, diameter / 12)) * (labels > 0)
    solid = (labels > 0).astype(np.float32)
    halo = np.clip(blur(solid, diameter / 8) - blur(solid, diameter / 25), 0, None) * (1 - solid)
    body = per_cell(labels, 0.3, 0.55, rng) * (1 + 0.12 * noise(shape, diameter / 9, rng))
    ground = 1 + 0.05 * noise(shape, 2 * diameter, rng) + 0.025 * noise(shape, 1.5, rng)
    image = ground - body - 0.18 * rim + rng.uniform(0.8, 1.6) * halo
    return np.asarray(np.maximum(image, 0.02), np.float32)


def bright_rims(labels: Labels, diameter: float, rng: Rng) -> Floats:
    """Return yeast in phase contrast: dark walls, bright halos, vacuoles in grey cells."""
    shape = labels.shape
    inside = depth(labels)
    solid = (labels > 0).astype(np.float32)
    wall = np.exp(-(((inside - 0.03 * diameter) / (0.05 * diameter)) ** 2)) * solid
    halo = np.exp(-ndimage.distance_transform_edt(labels == 0) / (0.09 * diameter)) * (1 - solid)
    vacuoles = blur(
        ((noise(shape, diameter / 7, rng) > 1.1) & (inside > 0.14 * diameter)).astype(np.float32),
        diameter / 30,
    )
    body = per_cell(labels, -0.05, 0.2, rng) * (1 + 0.6 * noise(shape, diameter / 9, rng))
    ground = 0.7 + 0.03 * noise(shape, 2 * diameter, rng) + 0.02 * noise(shape, 1.5, rng)
    image = ground + body - 0.45 * wall + rng.uniform(0.25, 0.5) * halo
    return np.asarray(np.maximum(image + rng.choice([-0.2, 0.15]) * vacuoles, 0.02), np.float32)


def fibres(shape: tuple[int, int], diameter: float, rng: Rng) -> Floats:
    """Return thin bent lines: where smooth noise, stretched along one direction, is near 0."""
    angle = float(rng.uniform(0, 180))
    side = int(np.hypot(*shape)) + 4
    long = stretched_noise((side, side), diameter, rng)
    turned = ndimage.rotate(long, angle, reshape=False, order=1, mode="reflect")
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    field = turned[top : top + shape[0], left : left + shape[1]]
    return np.asarray(np.exp(-((field / 0.18) ** 2)), np.float32)


def stretched_noise(shape: tuple[int, int], diameter: float, rng: Rng) -> Floats:
    """Return noise whose grains are ten times as long as wide."""
    white = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(white, (diameter / 24, diameter / 2.4))
    return np.asarray(field / field.std(), np.float32)
