"""A picture of an image with its cells, ready to be looked at."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import TypeVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.atomic import replacing
from cellmend.labels.outlines import outline_mask

Pixel = TypeVar("Pixel", bound=np.generic)

_COLOURS = 256


def write_overlay(
    path: str | Path, image: Image, masks: NDArray[np.integer], *, opacity: float = 0.35
) -> None:
    """Write a PNG of the image with coloured cells and their outlines.

    Each channel is stretched from its 1st to its 99th percentile; one channel is
    grey, of several the first three are red, green and blue. Of volumes and
    series the plane in the middle is shown.

    Parameters
    ----------
    path
        The PNG file.
    image
        Any image.
    masks
        Of the image's size: its axes without C.
    opacity
        Of the colour inside the cells, 0 to 1; outlines are opaque.

    Raises
    ------
    InputError
        If image and masks differ in size.
    FileFormatError
        If the file cannot be written.
    """
    picture = _background(image)
    plane = _middle(masks)
    if plane.shape != picture.shape[:2]:
        raise InputError(
            f"The masks ({plane.shape[1]} x {plane.shape[0]}) and the image"
            f" ({picture.shape[1]} x {picture.shape[0]}) differ in size."
        )
    colours = colour_table()[plane % _COLOURS]
    cells = plane > 0
    edges = outline_mask(plane)
    mixed = picture[cells] * (1 - opacity) + colours[cells] * np.float32(opacity)
    picture[cells] = mixed
    picture[edges] = colours[edges]
    with replacing(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(np.rint(picture).astype(np.uint8)))


def colour_table() -> NDArray[np.uint8]:
    """Return (256, 3) colours in which neighbouring numbers differ well.

    Hues advance by the golden ratio; brightness alternates, so that cells can be
    told apart with colour-blind eyes too.
    """
    hues = (np.arange(_COLOURS) * 0.618034) % 1
    values = (1.0, 0.75, 0.9)
    table = [colorsys.hsv_to_rgb(h, 0.75, values[i % 3]) for i, h in enumerate(hues.tolist())]
    colours: NDArray[np.uint8] = np.rint(np.array(table) * 255).astype(np.uint8)
    return colours


def _background(image: Image) -> NDArray[np.float32]:
    """Return the plane in the middle as RGB, float32 from 0 to 255."""
    channels = [_stretched(_middle(image.channel(i))) for i in range(min(3, image.n_channels))]
    if len(channels) == 1:
        channels *= 3
    while len(channels) < 3:
        channels.append(np.zeros_like(channels[0]))
    return np.stack(channels, axis=-1)


def _middle(stack: NDArray[Pixel]) -> NDArray[Pixel]:
    """Return the plane in the middle of all but the last two axes."""
    while stack.ndim > 2:
        stack = stack[len(stack) // 2]
    return stack


def _stretched(plane: NDArray[np.generic]) -> NDArray[np.float32]:
    values = plane.astype(np.float32)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 0.0)
    if high <= low:
        return np.zeros_like(values)
    scaled = (values - np.float32(low)) * np.float32(255 / (high - low))
    shown: NDArray[np.float32] = np.nan_to_num(scaled, posinf=255, neginf=0)
    return shown.clip(0, 255)
