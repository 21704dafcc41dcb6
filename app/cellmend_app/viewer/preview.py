"""Filtered pixels over a part of the image, as a preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cellmend_app.services.pipelines import FilteredPart
from cellmend_app.viewer.display import ChannelDisplay, picture
from cellmend_app.viewer.levels import Levels
from cellmend_app.viewer.pane import Pane
from cellmend_app.viewer.sources import PlaneSource


class Preview:
    """Shows a filtered part in its place, in the contrast and colours of the raw image.

    Parameters
    ----------
    pane
        Where it is shown.
    """

    def __init__(self, pane: Pane) -> None:
        self._pane = pane
        self._display: list[ChannelDisplay] = []
        self._channels: list[Levels] = []
        self.part: FilteredPart | None = None

    def show(self, part: FilteredPart | None) -> None:
        """Show another part; None for none."""
        self.part = part
        self._channels = [] if part is None else [Levels(channel) for channel in part.pixels]
        self._draw()

    def paint_like(self, display: Sequence[ChannelDisplay]) -> None:
        """Take over how the channels of the raw image are shown."""
        if list(display) != self._display:
            self._display = [replace(channel) for channel in display]
            self._draw()

    def _draw(self) -> None:
        part, display = self.part, self._display
        if part is None or len(display) != len(self._channels):
            self._pane.show_patch(None, (0, 0))
            return
        y0, x0, y1, x1 = part.box
        source = PlaneSource(self._channels, (y1 - y0, x1 - x0), lambda b: picture(b, display))
        self._pane.show_patch(source, (y0, x0))
