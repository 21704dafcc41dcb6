"""From brightness to the numbers of a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.train.synthetic.fields import Floats, Rng, blur


@dataclass(frozen=True)
class Optics:
    """A microscope and its camera.

    Attributes
    ----------
    focus
        Standard deviation of the point spread function in pixels.
    haze
        Share of the light that comes from out of focus.
    haze_reach
        Standard deviation of the out-of-focus light in pixels.
    unevenness
        Relative difference between the brightest and the darkest part of the field.
    photons
        That a brightness of 1 gives per pixel.
    background
        Brightness of the empty field.
    gain
        Grey values per photon.
    offset, read_noise
        Of the camera, in grey values.
    """

    focus: float = 1.0
    haze: float = 0.15
    haze_reach: float = 25.0
    unevenness: float = 0.2
    photons: float = 200.0
    background: float = 0.05
    gain: float = 4.0
    offset: float = 100.0
    read_noise: float = 3.0


def random_optics(diameter: float, photons: float, rng: Rng) -> Optics:
    """Draw a microscope for cells of `diameter` pixels."""
    return Optics(
        focus=float(rng.uniform(0.6, 0.6 + diameter / 30)),
        haze=float(rng.uniform(0.05, 0.35)),
        haze_reach=float(rng.uniform(0.4, 1.2)) * diameter,
        unevenness=float(rng.uniform(0, 0.5)),
        photons=photons,
        background=float(rng.uniform(0.02, 0.15)),
        gain=float(rng.uniform(1, 8)),
        offset=float(rng.uniform(50, 200)),
        read_noise=float(rng.uniform(1, 5)),
    )


def photograph(scene: Floats, optics: Optics, rng: Rng) -> NDArray[np.uint16]:
    """Return what the camera sees of a (Y, X) scene: grey values, uint16.

    In order: the point spread function, light from out of focus, uneven illumination,
    Poisson noise of the photons, gain, offset and read noise.
    """
    sharp = blur(scene, optics.focus)
    seen = (1 - optics.haze) * sharp + optics.haze * blur(scene, optics.haze_reach)
    seen = (seen + optics.background) * illumination(scene.shape, optics.unevenness, rng)
    photons = rng.poisson(np.maximum(seen, 0) * optics.photons)
    grey = photons * optics.gain + optics.offset
    grey = grey + rng.normal(0, optics.read_noise, scene.shape)
    return np.clip(np.rint(grey), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def illumination(shape: tuple[int, ...], unevenness: float, rng: Rng) -> Floats:
    """Return a smooth field between ``1 - unevenness`` and 1: a slope and a fall-off."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    slope_y, slope_x, centre_y, centre_x = rng.uniform(-0.5, 0.5, 4)
    field = -((y[:, None] - centre_y) ** 2 + (x - centre_x) ** 2) / 2
    field = field + slope_y * y[:, None] + slope_x * x
    field = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
    return np.asarray(1 - unevenness * (1 - field), np.float32)
