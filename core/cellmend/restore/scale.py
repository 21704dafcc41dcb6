"""The scale on which a restored image is saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.normalize import limits
from cellmend.params import SCALES, NormalizeSettings, Scale

USUAL = NormalizeSettings()


def to_scale(
    restored: Image, original: Image, scale: Scale, normalize: NormalizeSettings = USUAL
) -> Image:
    """Bring a restored image, 0 and 1 at the raw percentiles, to another scale.

    Parameters
    ----------
    restored
        Output of `Restorer.run`.
    original
        The image it was made from.
    scale
        ``raw``: float32 in the intensities of the original, channel by channel,
        by the affine map back from what became 0 and 1, the 1st and 99th percentile if
        `normalize` says nothing else; ``unit``: as it is; ``uint8`` and ``uint16``: 0-1 over
        the whole range, clipped.
    normalize
        How the original was scaled before it was restored.

    Raises
    ------
    InputError
        If there is no such scale.
    """
    if scale == "unit":
        return restored
    if scale == "raw":
        return replace(restored, data=_raw(restored, original, normalize))
    if scale in ("uint8", "uint16"):
        top = np.iinfo(scale).max
        data = np.rint(np.clip(restored.data.astype(np.float64), 0, 1) * top).astype(scale)
        return replace(restored, data=data)
    raise InputError(f"There is no scale {scale!r}.", hint=f"Use one of {', '.join(SCALES)}.")


def seen_as(how: NormalizeSettings) -> NormalizeSettings:
    """Return settings of only the limits that 0 and 1 stood for, in the original's intensities.

    What was done besides, such as smoothing, is left out, and so is the inversion.
    """
    fixed = how.lowhigh if how.enabled else (0.0, 1.0)
    if fixed is not None and how.enabled:
        fixed = (fixed[0] + how.background, fixed[1] + how.background)
    return NormalizeSettings(
        lowhigh=fixed, percentiles=how.percentiles, per_plane=how.per_plane and how.enabled
    )


def _raw(restored: Image, original: Image, how: NormalizeSettings) -> NDArray[np.float32]:
    data = np.array(restored.data, np.float32)
    seen, inverted = seen_as(how), how.enabled and how.invert
    for index in range(restored.n_channels):
        place = tuple(index if a == "C" else slice(None) for a in restored.axes)
        values = original.channel(index).astype(np.float32)
        parts = np.ndindex(values.shape[:-2]) if seen.per_plane else [()]
        for part in parts:
            low, high = seen.lowhigh or limits(values[part], seen.percentiles)
            if inverted:
                low, high = high, low
            data[place][part] = data[place][part] * (high - low) + low
    return data
