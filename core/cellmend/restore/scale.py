"""The scale on which a restored image is saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.params import SCALES, Scale


def to_scale(restored: Image, original: Image, scale: Scale) -> Image:
    """Bring a restored image, 0 and 1 at the raw percentiles, to another scale.

    Parameters
    ----------
    restored
        Output of `Restorer.run`.
    original
        The image it was made from.
    scale
        ``raw``: float32 in the intensities of the original, channel by channel,
        by the affine map back from the 1st and 99th percentile; ``unit``: as it
        is; ``uint8`` and ``uint16``: 0-1 over the whole range, clipped.

    Raises
    ------
    InputError
        If there is no such scale.
    """
    if scale == "unit":
        return restored
    if scale == "raw":
        return replace(restored, data=_raw(restored, original))
    if scale in ("uint8", "uint16"):
        top = np.iinfo(scale).max
        data = np.rint(np.clip(restored.data.astype(np.float64), 0, 1) * top).astype(scale)
        return replace(restored, data=data)
    raise InputError(f"There is no scale {scale!r}.", hint=f"Use one of {', '.join(SCALES)}.")


def _raw(restored: Image, original: Image) -> NDArray[np.float32]:
    data = np.array(restored.data, np.float32)
    for index in range(restored.n_channels):
        place = tuple(index if a == "C" else slice(None) for a in restored.axes)
        low, high = np.percentile(original.channel(index).astype(np.float32), (1, 99))
        data[place] = data[place] * (high - low) + low
    return data
