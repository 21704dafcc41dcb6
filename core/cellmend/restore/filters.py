"""Classical filters: the same image in, a smoother, sharper or flatter one out.

They need no model. Like the restoration networks they work on an image scaled to 0 at
its 1st and 1 at its 99th percentile, and give one on that scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image, as_image
from cellmend.io.dark_frame import dark_frame
from cellmend.normalize import normalize
from cellmend.params import FILTER_USES, FilterName, FilterSettings, make_settings
from cellmend.planes import check_usable
from cellmend.progress import SILENT, Reporter, shares
from cellmend.provenance import Provenance
from cellmend.restore.result import Restoration

Floats = NDArray[np.float32]

FILTERS = FILTER_USES
NL_MEANS_PATCH = 5
NL_MEANS_REACH = 6
LEVELS = 65_535
TINY = np.float32(1e-6)


def filter_image(
    image: Image | NDArray[np.generic],
    name: str,
    *,
    axes: str | None = None,
    report: Reporter = SILENT,
    **options: Any,
) -> Restoration:
    """Filter every channel and plane of an image.

    Parameters
    ----------
    image
        The image, or an array: 2D is ``YX``, any other needs `axes`.
    name
        One of `FILTERS`.
    axes
        Axes of an array, such as ``"CYX"``.
    report
        Hears of progress and may cancel; asked before each plane.
    **options
        Further fields of `FilterSettings`: ``radius``, ``strength``, ``iterations``,
        and how the image is normalised.

    Returns
    -------
    Restoration
        float32, of the axes and shape given, scaled as by the networks: 0 and 1 are the
        1st and 99th percentile of the image given. `cellmend.restore.to_scale` brings
        it back to the intensities of the original.

    Raises
    ------
    InputError
        If there is no such filter, a setting is out of bounds or one that the filter does
        not have, or the image is constant.
    """
    settings = complete(make_settings(FilterSettings, filter=name, **options))
    source = as_image(image, axes)
    check_usable(source.data)
    filtered = np.empty(source.data.shape, np.float32)
    for index, part in enumerate(shares(report, source.n_channels, f"{name} filter")):
        place = tuple(index if a == "C" else slice(None) for a in source.axes)
        filtered[place] = _channel(source.channel(index), settings, part)
    made = Image(filtered, source.axes, source.channel_names, source.pixel_size_um, source.source)
    provenance = Provenance(
        action="filter", model=name, model_sha256="", settings=settings.model_dump(mode="json")
    )
    return Restoration(made, provenance)


def complete(settings: FilterSettings) -> FilterSettings:
    """Return settings in which the filter's own defaults fill the gaps.

    Raises
    ------
    InputError
        If a setting is given that the filter does not have.
    """
    chosen = FILTERS[settings.filter]
    filled = {}
    for name in ("radius", "strength", "iterations"):
        default, given = getattr(chosen, name), getattr(settings, name)
        if given is not None and not default:
            raise InputError(
                f"The {settings.filter} filter has no {name}.", hint=f"It does: {chosen.text}."
            )
        filled[name] = given or default or None
    return settings.model_copy(update=filled)


def filter_plane(plane: Floats, settings: FilterSettings) -> Floats:
    """Filter a normalised (Y, X) plane; the settings are `complete`."""
    return _RUN[settings.filter](plane, settings)


def _channel(channel: NDArray[np.generic], settings: FilterSettings, report: Reporter) -> Floats:
    data = normalize(channel, settings.normalize, dark_frame=dark_frame(settings.normalize))
    planes = data.reshape(-1, *data.shape[-2:])
    for index, part in enumerate(shares(report, len(planes))):
        part.check()
        planes[index] = filter_plane(planes[index], settings)
        part.step(1, 1)
    return planes.reshape(data.shape)


def _gaussian(plane: Floats, settings: FilterSettings) -> Floats:
    return _blurred(plane, settings.radius or 0)


def _median(plane: Floats, settings: FilterSettings) -> Floats:
    from scipy import ndimage

    return np.asarray(
        ndimage.median_filter(plane, footprint=_disc(settings.radius or 0), mode="reflect")
    )


def _nl_means(plane: Floats, settings: FilterSettings) -> Floats:
    """Non-local means (Buades et al., CVPR 2005), by scikit-image."""
    try:
        from skimage.restoration import denoise_nl_means
    except ModuleNotFoundError as error:
        raise InputError(
            "Non-local means needs scikit-image.", hint="Run: pip install 'cellmend[study]'."
        ) from error
    noise = noise_level(plane)
    smooth = denoise_nl_means(
        plane,
        patch_size=NL_MEANS_PATCH,
        patch_distance=NL_MEANS_REACH,
        h=max((settings.strength or 0) * noise, float(TINY)),
        sigma=noise,
        fast_mode=True,
    )
    return np.asarray(smooth, np.float32)


def noise_level(plane: Floats) -> float:
    """Estimate the standard deviation of the noise of a (Y, X) plane.

    From the mean absolute response to a filter that is blind to slopes and to evenly
    curved brightness (Immerkaer, Computer Vision and Image Understanding 1996).
    """
    import cv2

    line = np.array([1, -2, 1], np.float32)
    response = cv2.filter2D(plane, cv2.CV_32F, np.outer(line, line))
    return float(np.abs(response).mean() * np.sqrt(np.pi / 2) / 6)


def _richardson_lucy(plane: Floats, settings: FilterSettings) -> Floats:
    """Richardson (1972) and Lucy (1974) for a Gaussian point spread function.

    As that function is separable and symmetric, both convolutions are Gaussian blurs.
    """
    observed = np.maximum(plane, 0) + TINY
    estimate = observed
    for _ in range(settings.iterations or 0):
        ratio = observed / (_blurred(estimate, settings.radius or 0) + TINY)
        estimate = estimate * _blurred(ratio, settings.radius or 0)
    return np.asarray(estimate, np.float32)


def _sharpen(plane: Floats, settings: FilterSettings) -> Floats:
    detail = plane - _blurred(plane, settings.radius or 0)
    return plane + np.float32(settings.strength or 0) * detail


def _clahe(plane: Floats, settings: FilterSettings) -> Floats:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994), by OpenCV."""
    import cv2

    side = 2 * (settings.radius or 1)
    tiles = tuple(max(1, round(length / side)) for length in reversed(plane.shape))
    equalize = cv2.createCLAHE(clipLimit=settings.strength or 1, tileGridSize=tiles)
    levels = np.rint(np.clip(plane, 0, 1) * LEVELS).astype(np.uint16)
    return equalize.apply(levels).astype(np.float32) / np.float32(LEVELS)


def _background(plane: Floats, settings: FilterSettings) -> Floats:
    """Subtract what is left of the image where nothing narrower than a disc may stay.

    The morphological opening is made of a slightly smoothed image, so that it does not
    follow the darkest grains of the noise, and smoothed again.
    """
    import cv2

    radius = settings.radius or 1
    opened = cv2.morphologyEx(_blurred(plane, 1), cv2.MORPH_OPEN, _disc(radius))
    return plane - _blurred(np.asarray(opened, np.float32), radius / 2)


def _blurred(plane: Floats, sigma: float) -> Floats:
    import cv2

    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def _disc(radius: float) -> NDArray[np.uint8]:
    reach = max(1, int(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(y**2 + x**2 <= max(radius, 1) ** 2, np.uint8)


_RUN: dict[FilterName, Callable[[Floats, FilterSettings], Floats]] = {
    "gaussian": _gaussian,
    "median": _median,
    "nl-means": _nl_means,
    "richardson-lucy": _richardson_lucy,
    "sharpen": _sharpen,
    "clahe": _clahe,
    "background": _background,
}
