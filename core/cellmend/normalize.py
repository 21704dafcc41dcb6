"""Scaling one channel before a network sees it; the same in training and in use.

The steps come in this order: background subtraction; then either fixed limits, or
sharpening and smoothing followed by percentiles of the whole stack, of each plane or
of tiles; then inversion. Values are not clipped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.params import NormalizeSettings

Array = NDArray[np.float32]

TILE_OVERLAP = 0.1
"""Share of a tile that the tiles of tile-wise percentiles have in common at least."""

SAMPLE = 1 << 24
"""Pixels from which the percentiles of a large channel are taken where it is seen in parts."""

DEFAULTS = NormalizeSettings()


def normalize(
    channel: NDArray[np.generic],
    settings: NormalizeSettings = DEFAULTS,
    *,
    dark_frame: ArrayLike | None = None,
) -> Array:
    """Scale one channel so that its low percentile becomes 0 and its high one 1.

    Parameters
    ----------
    channel
        Pixels of one channel, ``(Y, X)`` or with leading plane axes ``(..., Y, X)``, any
        real dtype. It is never altered.
    settings
        What is done; where it is not ``enabled`` the values are only converted.
    dark_frame
        ``(Y, X)`` image of the camera's background, subtracted from every plane beside
        the constant ``settings.background``.

    Returns
    -------
    ndarray
        float32 copy, same shape. Pixels that are not finite become 0; so does every pixel
        of an image, plane or tiling that is constant.

    Raises
    ------
    InputError
        If the array has less than two dimensions, low is not below high, or the dark frame
        does not fit.
    """
    if channel.ndim < 2:
        raise InputError(f"An image needs rows and columns; its shape is {channel.shape}.")
    with np.errstate(over="ignore"):  # What is too large becomes infinite.
        data = np.array(channel, dtype=np.float32, order="C")
    finite = np.isfinite(data)
    whole = bool(finite.all())
    if not whole:
        data[~finite] = data[finite].mean(dtype=np.float64) if finite.any() else 0
    if settings.enabled:
        _subtract_background(data, settings.background, dark_frame)
        planes = data.reshape(-1, *data.shape[-2:])
        usable = None if whole else finite.reshape(planes.shape)
        _scale_planes(planes, usable, settings)
    if not whole:
        data[~finite] = 0
    return data


def _subtract_background(data: Array, constant: float, dark_frame: ArrayLike | None) -> None:
    if constant:
        data -= np.float32(constant)
    if dark_frame is None:
        return
    frame = np.asarray(dark_frame, dtype=np.float32)
    if frame.shape != data.shape[-2:]:
        raise InputError(
            f"The dark frame is {frame.shape}, the image {data.shape[-2:]}.",
            hint="Take the dark frame with the same camera settings as the image.",
        )
    data -= frame


def _scale_planes(
    planes: Array, usable: NDArray[np.bool_] | None, settings: NormalizeSettings
) -> None:
    """Scale ``(P, Y, X)`` in place; `usable` marks the pixels percentiles may see."""
    if settings.lowhigh is not None:
        _require_order(settings.lowhigh, "limits")
        _rescale(planes, *settings.lowhigh, invert=settings.invert)
        return
    _require_order(settings.percentiles, "percentiles")
    _sharpen_and_smooth(planes, settings.sharpen_radius, settings.smooth_radius)
    if settings.tile_size > 0:
        _scale_by_tiles(planes, settings)
        return
    groups = range(len(planes)) if settings.per_plane else [slice(None)]
    for group in groups:
        values = planes[group] if usable is None else planes[group][usable[group]]
        _rescale(planes[group], *limits(values, settings.percentiles), invert=settings.invert)


def _require_order(pair: Sequence[float], name: str) -> None:
    if not pair[0] < pair[1]:
        raise InputError(
            f"The {name} {pair[0]:g} and {pair[1]:g} are not in order.",
            hint="The first must be below the second.",
        )


def limits(values: Array, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return the two percentiles; the extremes where too few pixels differ to move them."""
    if values.size == 0:
        return 0.0, 0.0
    low, high = (float(value) for value in np.percentile(values, percentiles))
    if low < high:
        return low, high
    return float(values.min()), float(values.max())


def _rescale(data: Array, low: float, high: float, *, invert: bool) -> None:
    if not low < high:
        data[...] = 0
        return
    if invert:
        low, high = high, low
    data -= np.float32(low)
    data /= np.float32(high) - np.float32(low)


def _sharpen_and_smooth(planes: Array, sharpen_radius: float, smooth_radius: float) -> None:
    """Subtract a wide Gaussian and average with a narrow one, each plane for itself.

    With both, the result is the difference of the two Gaussians.
    """
    if not (sharpen_radius or smooth_radius):
        return
    for plane in planes:
        surround = ndimage.gaussian_filter(plane, sharpen_radius) if sharpen_radius else 0
        if smooth_radius:
            plane[...] = ndimage.gaussian_filter(plane, smooth_radius)
        plane -= surround


def _scale_by_tiles(planes: Array, settings: NormalizeSettings) -> None:
    """Scale every pixel by percentiles interpolated from the tiles around it.

    The maps of percentiles are smoothed over all their axes by a Gaussian of one tile
    (one plane along the stack); unless `per_plane`, one map serves the whole stack.
    """
    rows = _tile_starts(planes.shape[1], settings.tile_size)
    columns = _tile_starts(planes.shape[2], settings.tile_size)
    maps = np.empty((2, len(planes), len(rows), len(columns)), np.float32)
    for j, y in enumerate(rows):
        for i, x in enumerate(columns):
            tile = planes[:, y : y + settings.tile_size, x : x + settings.tile_size]
            maps[:, :, j, i] = np.percentile(tile, settings.percentiles, axis=(1, 2))
    flat = maps[1] <= maps[0]
    if flat.all():
        planes[...] = 0
        return
    if flat.any():
        nearest = ndimage.distance_transform_edt(flat, return_distances=False, return_indices=True)
        maps = maps[:, *nearest]
    maps = ndimage.gaussian_filter(maps, (0, 1, 1, 1))
    if not settings.per_plane:
        maps = maps.mean(axis=1, keepdims=True)
    y_weights = _interpolation(rows, planes.shape[1], settings.tile_size)
    x_weights = _interpolation(columns, planes.shape[2], settings.tile_size)
    for index, plane in enumerate(planes):
        low, high = (y_weights @ m[index % len(m)] @ x_weights.T for m in maps)
        if settings.invert:
            low, high = high, low
        plane -= low
        plane /= high - low


def _tile_starts(length: int, size: int) -> NDArray[np.int64]:
    if length <= size:
        return np.zeros(1, np.int64)
    count = int(np.ceil((1 + 2 * TILE_OVERLAP) * length / size))
    return np.linspace(0, length - size, count).astype(np.int64)


def _interpolation(starts: NDArray[np.int64], length: int, size: int) -> Array:
    """Return weights ``(length, tiles)`` that interpolate linearly between tile centres."""
    centres = starts + (min(size, length) - 1) / 2
    pixels = np.arange(length)
    each = np.eye(len(starts))
    return np.stack([np.interp(pixels, centres, row) for row in each], axis=1).astype(np.float32)
