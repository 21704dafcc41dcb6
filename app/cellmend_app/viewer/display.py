"""How the channels of a layer are shown: colours, contrast, which are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend_app.viewer.render import Bytes, Limits, Rgb, auto_limits, blend, to_bytes

WHITE: Rgb = (255, 255, 255)
_RED, _GREEN, _BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
_MANY: tuple[Rgb, ...] = (
    (0, 255, 0),
    (255, 0, 255),
    (0, 200, 255),
    (255, 200, 0),
    (255, 60, 60),
    (120, 120, 255),
)


@dataclass
class ChannelDisplay:
    """How one channel is shown.

    Parameters
    ----------
    colour
        Red, green, blue of full brightness.
    low, high
        Pixel values shown as black and as full brightness.
    visible
        Whether the channel is shown.
    """

    colour: Rgb
    low: float
    high: float
    visible: bool = True

    @property
    def limits(self) -> Limits:
        """The pixel values shown as black and as full brightness."""
        return self.low, self.high


def channel_colours(count: int) -> list[Rgb]:
    """Return the colours for a number of channels.

    One is grey; two are green and magenta, which people with any colour vision can
    tell apart; three are red, green and blue; more take six colours in turn.
    """
    if count == 1:
        return [WHITE]
    if count == 3:
        return [_RED, _GREEN, _BLUE]
    return [_MANY[i % len(_MANY)] for i in range(count)]


def default_display(plane: NDArray[np.generic]) -> list[ChannelDisplay]:
    """Choose colours and contrast for a plane (C, Y, X).

    Colour photographs (three channels of bytes) share one contrast, so that their
    colours stay as they are.
    """
    limits = [auto_limits(channel) for channel in plane]
    if len(plane) == 3 and plane.dtype == np.uint8:
        limits = [(min(low for low, _ in limits), max(high for _, high in limits))] * 3
    colours = channel_colours(len(plane))
    return [ChannelDisplay(c, low, high) for c, (low, high) in zip(colours, limits, strict=True)]


def picture(plane: NDArray[np.generic], display: Sequence[ChannelDisplay]) -> Bytes:
    """Return a plane (C, Y, X) as grey (Y, X), or as colour (Y, X, 4) for Qt."""
    shown = [(c, d) for c, d in zip(plane, display, strict=True) if d.visible]
    if not shown:
        return np.zeros(plane.shape[1:], np.uint8)
    channels = [to_bytes(channel, d.limits) for channel, d in shown]
    if len(shown) == 1 and shown[0][1].colour == WHITE:
        return channels[0]
    return blend(channels, [d.colour for _, d in shown])
