"""Filtering a part of an image, to see what a filter does before all of it is filtered."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.normalize import limits, normalize
from cellmend.params import FilterSettings, NormalizeSettings
from cellmend.planes import check_usable
from cellmend.progress import SILENT, Reporter
from cellmend.restore.filters import complete, filter_plane

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]

SIGMAS = 4
"""A Gaussian looks as many standard deviations far."""
LEAST_REACH, MOST_REACH = 16, 256
"""Pixels around a part that are filtered with it. Filters of a larger radius are not exact near
the border of the part, for the sake of speed."""


class RegionFilter:
    """Filters parts of one image like `filter_image` filters all of it.

    The percentiles that scale a channel are those of all of it, and measured once. The noise that
    ``nl-means`` goes by is that of the part.

    Parameters
    ----------
    image
        The image.

    Raises
    ------
    InputError
        If the image is constant, or holds values that are not numbers.
    """

    def __init__(self, image: Image) -> None:
        check_usable(image.data)
        self.image = image
        self._limits: dict[int, tuple[float, float]] = {}

    def limits(self, channel: int) -> tuple[float, float]:
        """Return what becomes 0 and 1 of a channel: its percentiles."""
        if channel not in self._limits:
            values = np.asarray(self.image.channel(channel), np.float32)
            self._limits[channel] = limits(values, NormalizeSettings().percentiles)
        return self._limits[channel]

    def run(
        self,
        plane: NDArray[np.generic],
        settings: FilterSettings,
        box: Box,
        report: Reporter = SILENT,
    ) -> Floats:
        """Filter a part of a plane.

        Parameters
        ----------
        plane
            A plane of the image, (C, Y, X).
        settings
            The filter; how it scales the image is the usual way.
        box
            The part: (y0, x0, y1, x1), ends exclusive, inside the plane.
        report
            Asked before each channel.

        Returns
        -------
        ndarray
            float32 (C, y1 - y0, x1 - x0), in the intensities of the image, as on the scale
            ``raw`` of `to_scale`.
        """
        settings = complete(settings)
        y0, x0, y1, x1 = _around(box, settings, plane.shape[1:])
        inside = np.s_[box[0] - y0 : box[2] - y0, box[1] - x0 : box[3] - x0]
        made = []
        for index, channel in enumerate(plane):
            report.check()
            low, high = self.limits(index)
            report.check()
            seen = normalize(channel[y0:y1, x0:x1], NormalizeSettings(lowhigh=(low, high)))
            made.append(filter_plane(seen, settings)[inside] * (high - low) + low)
        return np.stack(made).astype(np.float32)


def reach_of(settings: FilterSettings) -> int:
    """Return how many pixels around a part are filtered with it."""
    reach = LEAST_REACH + math.ceil(SIGMAS * (settings.radius or 0))
    return min(reach * (2 if settings.iterations else 1), MOST_REACH)


def _around(box: Box, settings: FilterSettings, shape: tuple[int, ...]) -> Box:
    """Return a box with what the filter looks at around it; all of the plane for tiles."""
    if settings.filter == "clahe":  # its tiles divide the plane evenly
        return 0, 0, shape[0], shape[1]
    reach = reach_of(settings)
    y0, x0, y1, x1 = box
    return (
        max(0, y0 - reach),
        max(0, x0 - reach),
        min(shape[0], y1 + reach),
        min(shape[1], x1 + reach),
    )
