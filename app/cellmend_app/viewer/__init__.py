"""The picture: image and labels on screen, zoom, pan, and the pointer's way to the tool.

`ImageView` is the widget; `Canvas` inside it maps Qt events to image coordinates;
`render` and `colours` are plain numpy.
"""

from cellmend_app.viewer.display import ChannelDisplay
from cellmend_app.viewer.view import VIEWS, ImageView, Readout, ViewName

__all__ = ["VIEWS", "ChannelDisplay", "ImageView", "Readout", "ViewName"]
