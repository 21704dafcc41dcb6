"""How the channels of a layer are shown: colour maps, contrast, which are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend_app.viewer.colormaps import colormap
from cellmend_app.viewer.render import Bytes, Limits, auto_limits, blend, to_bytes

_MANY = ("green", "magenta", "cyan", "yellow", "red", "blue", "orange")


@dataclass
class ChannelDisplay:
    """How one channel is shown.

    Parameters
    ----------
    colormap
        A name of `colormaps.COLORMAPS`.
    low, high
        Pixel values shown as black and as full brightness.
    visible
        Whether the channel is shown.
    """

    colormap: str
    low: float
    high: float
    visible: bool = True

    @property
    def limits(self) -> Limits:
        """The pixel values shown as black and as full brightness."""
        return self.low, self.high


def default_colormaps(count: int) -> list[str]:
    """Return the colour maps for a number of channels.

    One is grey; two are green and magenta, which people with any colour vision can
    tell apart; three are red, green and blue; more take seven colours in turn.
    """
    if count == 1:
        return ["grey"]
    if count == 3:
        return ["red", "green", "blue"]
    return [_MANY[i % len(_MANY)] for i in range(count)]


def fitted_limits(plane: NDArray[np.generic]) -> list[Limits]:
    """Choose the contrast of each channel of a plane (C, Y, X).

    Colour photographs (three channels of bytes) share one contrast, so that their
    colours stay as they are.
    """
    limits = [auto_limits(channel) for channel in plane]
    if len(plane) == 3 and plane.dtype == np.uint8:
        return [(min(low for low, _ in limits), max(high for _, high in limits))] * 3
    return limits


def default_display(
    *planes: NDArray[np.generic], like: Sequence[ChannelDisplay] = ()
) -> list[ChannelDisplay]:
    """Choose colours for planes (C, Y, X), and a contrast in which none of them is too bright.

    Parameters
    ----------
    *planes
        One or several planes of an image.
    like
        Where there are as many of them, whose colours its channels have, and which are shown.
    """
    fitted = zip(*map(fitted_limits, planes), strict=True)
    widest = [(min(low for low, _ in each), max(high for _, high in each)) for each in fitted]
    names = default_colormaps(len(widest))
    shown = [ChannelDisplay(n, low, high) for n, (low, high) in zip(names, widest, strict=True)]
    if len(like) == len(shown):
        for display, other in zip(shown, like, strict=True):
            display.colormap, display.visible = other.colormap, other.visible
    return shown


def picture(blocks: Sequence[NDArray[np.generic]], display: Sequence[ChannelDisplay]) -> Bytes:
    """Return channels (Y, X) as grey (Y, X), or added in colour (Y, X, 4) for Qt."""
    shown = [(c, d) for c, d in zip(blocks, display, strict=True) if d.visible]
    if not shown:
        return np.zeros(blocks[0].shape, np.uint8)
    channels = [to_bytes(channel, d.limits) for channel, d in shown]
    if len(shown) == 1 and shown[0][1].colormap == "grey":
        return channels[0]
    return blend(channels, [colormap(d.colormap) for _, d in shown])
