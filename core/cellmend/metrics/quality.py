"""How close a restored image is to the clean one; reported beside AP, never instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError


def psnr(
    clean: NDArray[np.generic], image: NDArray[np.generic], *, data_range: float | None = None
) -> float:
    """Return the peak signal-to-noise ratio in dB.

    Parameters
    ----------
    clean, image
        Arrays of the same shape.
    data_range
        What counts as the peak: by default the range of `clean`.

    Returns
    -------
    float
        ``10 log10(range² / mean squared difference)``; infinity where they are equal.

    Raises
    ------
    InputError
        If the shapes differ or the range is not positive.
    """
    if clean.shape != image.shape:
        raise InputError(f"Images of shape {clean.shape} and {image.shape} cannot be compared.")
    reference = np.asarray(clean, np.float64)
    span = float(np.ptp(reference)) if data_range is None else data_range
    if span <= 0:
        raise InputError("The clean image is constant.", hint="Give the data range.")
    error = float(np.mean((reference - np.asarray(image, np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(span**2 / error))
