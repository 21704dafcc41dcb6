"""How an image was looked at, for when it is opened again."""

from __future__ import annotations

from dataclasses import dataclass, field

from PyQt6.QtCore import QPointF

from cellmend_app.viewer.display import ChannelDisplay
from cellmend_app.viewer.layers import ViewName


@dataclass
class Look:
    """What is remembered of how an image was looked at.

    Parameters
    ----------
    plane, view
        The plane and the layer on show.
    displays
        How the channels of each layer are shown.
    place
        Middle of the view in the image and scale; None where the whole image is fitted.
    """

    plane: int = 0
    view: ViewName = "image"
    displays: dict[ViewName, list[ChannelDisplay]] = field(default_factory=dict)
    place: tuple[QPointF, float] | None = None
