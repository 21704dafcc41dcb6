"""The picture: image and labels on screen, zoom, pan, and the pointer's way to the tool.

`ImageView` is the widget; it holds one or several `Pane`s. A pane is a `Canvas`, which
maps Qt events to image coordinates, with `TileItem`s, which show `sources`: parts of an
image or of labels at any zoom, rendered in other threads. `render`, `levels`, `display`
and `colours` are plain numpy.
"""

from cellmend_app.viewer.display import ChannelDisplay
from cellmend_app.viewer.layers import VIEWS, ViewName
from cellmend_app.viewer.readout import Readout
from cellmend_app.viewer.view import ARRANGEMENTS, TITLES, Arrangement, ImageView

__all__ = [
    "ARRANGEMENTS",
    "TITLES",
    "VIEWS",
    "Arrangement",
    "ChannelDisplay",
    "ImageView",
    "Readout",
    "ViewName",
]
