"""The image view: which layers are shown and how, in one picture or in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cellmend_app.document import Document
from cellmend_app.tools.protocol import Tool
from cellmend_app.viewer.colormaps import Rgb
from cellmend_app.viewer.colours import Colouring
from cellmend_app.viewer.display import ChannelDisplay, fitted_limits
from cellmend_app.viewer.layers import Layers, ViewName
from cellmend_app.viewer.look import Look
from cellmend_app.viewer.masks import Masks
from cellmend_app.viewer.ortho import Ortho
from cellmend_app.viewer.panes import PaneGrid
from cellmend_app.viewer.preview import Preview
from cellmend_app.viewer.readout import Readout, read_at
from cellmend_app.viewer.render import Histogram, auto_limits, histogram
from cellmend_app.viewer.scale import ScaleBar, ScaleDisk
from cellmend_app.viewer.tiles import TileRenderer

Arrangement = Literal["single", "split", "two", "four", "ortho"]
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)
TITLES: dict[ViewName, str] = {
    "image": "Raw image",
    "restored": "Restored image",
    "flows": "Flows",
    "cellprob": "Cell probability",
    "flows-z": "Flows along Z",
}


class ImageView(QWidget):
    """Shows a document: image or another layer, labels above it, and takes the tool's input.

    Signals
    -------
    hovered(y, x)
        The pixel under the pointer, which may lie outside the image; see `readout`.
    left()
        The pointer left the view.
    view_changed(name), arrangement_changed(name)
        Another layer is shown; or in another arrangement.
    contrast_changed()
        Contrast, colours or visible channels of the layer on show are others.
    scale_changed(scale)
        Screen pixels per image pixel.
    """

    hovered = pyqtSignal(int, int)
    left = pyqtSignal()
    view_changed = pyqtSignal(str)
    arrangement_changed = pyqtSignal(str)
    contrast_changed = pyqtSignal()
    scale_changed = pyqtSignal(float)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._before_compare: ViewName | None = None
        self._arrangement: Arrangement = "single"
        self._split = 0.5
        self._restored = document.restored
        self._looks: dict[Path, Look] = {}
        self._path: Path | None = None
        self.layers = Layers(document)
        self._names: tuple[str, ...] = ()
        self._renderer = TileRenderer(self)
        self._panes = PaneGrid(self._renderer, self)
        self._main = self._panes.main
        self.canvas = self._main.canvas
        self.masks = Masks(document, self._main)
        self.preview = Preview(self._main)
        self._ortho = Ortho(document, self.masks, self._panes, self._renderer)
        self._disk, self._bar = ScaleDisk(self._main), ScaleBar(self._main)
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(0)
        self._repaint.timeout.connect(self._show_layers)
        self._build()
        self._connect()
        self._on_image()

    # -- zoom

    def fit(self) -> None:
        """Show the whole image."""
        self.canvas.fit()

    def zoom(self, factor: float) -> None:
        """Zoom about the middle of the view."""
        self.canvas.zoom(factor)

    def actual_size(self) -> None:
        """Show one image pixel as one screen pixel."""
        self.canvas.actual_size()

    def zoom_to_selection(self) -> None:
        """Show the selected cells of the plane on show as large as they fit."""
        boxes = [self._document.labels.box(label) for label in self._document.selection]
        there = [box for box in boxes if box is not None]
        if there:
            y0, x0, y1, x1 = zip(*there, strict=True)
            self.canvas.show_box((min(y0), min(x0), max(y1), max(x1)))

    def center_on_cell(self, label: int) -> None:
        """Move a cell of the plane on show to the middle of the view."""
        box = self._document.labels.box(label)
        if box is not None:
            self.canvas.center_on((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)

    def visible_box(self) -> tuple[int, int, int, int]:
        """Return what is seen of the image: (y0, x0, y1, x1), ends exclusive."""
        return self.canvas.visible_box()

    # -- layers

    @property
    def view(self) -> ViewName:
        """The layer on show."""
        return self.layers.current

    @property
    def plane(self) -> int:
        """The plane on show, counted from 0 along T, then Z."""
        return self._document.plane

    def available_views(self) -> list[ViewName]:
        """Return the layers that the document has."""
        return self.layers.available()

    def set_view(self, name: ViewName) -> None:
        """Show another layer; one that the document does not have shows the image instead."""
        shown: ViewName = name if name in self.available_views() else "image"
        changed, self.layers.current = shown != self.view, shown
        self._show_layers()
        if changed:
            self.view_changed.emit(shown)
            self.contrast_changed.emit()

    def compare(self, held: bool) -> None:
        """While held show the raw image instead of a restored one, or the other way round."""
        if held and self._before_compare is None:
            self._before_compare = self.view
            self.set_view("restored" if self.view == "image" else "image")
        elif not held and self._before_compare is not None:
            former, self._before_compare = self._before_compare, None
            self.set_view(former)

    @property
    def arrangement(self) -> Arrangement:
        """How many layers are shown at once, and how."""
        return self._arrangement

    def can_arrange(self, arrangement: Arrangement) -> bool:
        """Whether the document has what an arrangement shows."""
        image = self._document.image
        if arrangement == "ortho":
            return image is not None and image.size("Z") > 1
        return arrangement != "split" or bool(self._others())

    def arrange(self, arrangement: Arrangement) -> None:
        """Show one layer; two of them split by a line; linked pictures; or slices along Z."""
        if arrangement != self._arrangement:
            self._arrangement = arrangement
            self._show_layers()
            self.arrangement_changed.emit(arrangement)

    @property
    def split(self) -> float:
        """Where the line between the raw image and another layer stands, 0 to 1 of the width."""
        return self._split

    def set_split(self, fraction: float) -> None:
        """Move the line between the raw image at its left and another layer at its right."""
        self._split = min(max(fraction, 0.0), 1.0)
        self._show_layers()

    # -- masks

    def cell_colour(self, label: int) -> Rgb:
        """Return the red, green and blue of a cell, for lists and tables."""
        return self.masks.colour(label)

    def colour_cells_by(self, colouring: Colouring | None) -> None:
        """Colour cells by a measurement, or None: so that neighbours differ."""
        self.masks.colour_by(colouring)

    def set_scale_disk_visible(self, visible: bool) -> None:
        """Show the disk of the cell diameter, or not."""
        self._disk.set_on(visible)

    # -- contrast and channels

    @property
    def channels(self) -> Sequence[ChannelDisplay]:
        """How the channels of the layer on show are shown; empty for flows and cellprob."""
        return self.layers.display(self.view)

    def channel_names(self) -> tuple[str, ...]:
        """Return the names of the channels of the layer on show."""
        image = self.layers.image(self.view)
        return () if image is None else image.channel_names

    def histogram(self, channel: int) -> Histogram | None:
        """Return how often each brightness occurs in a channel of the plane on show."""
        plane = self.layers.plane(self.view)
        return None if plane is None or channel >= len(plane) else histogram(plane[channel])

    def set_contrast(self, channel: int, low: float, high: float) -> None:
        """Show `low` as black and `high` as full brightness; pixels are not changed."""
        display = self.channels[channel]
        display.low, display.high = low, max(high, low + 1e-9 * max(1.0, abs(low)))
        self._channels_changed()

    def auto_contrast(self, channel: int | None = None) -> None:
        """Set the contrast of a channel, or of all, once, by the 1st and 99th percentile."""
        plane = self.layers.plane(self.view)
        if plane is None:
            return
        if channel is not None:
            display = self.channels[channel]
            display.low, display.high = auto_limits(plane[channel])
        else:
            for display, limits in zip(self.channels, fitted_limits(plane), strict=True):
                display.low, display.high = limits
        self._channels_changed()

    def set_channel_visible(self, channel: int, visible: bool) -> None:
        """Show a channel, or not."""
        self.channels[channel].visible = visible
        self._channels_changed()

    def set_channel_colormap(self, channel: int, name: str) -> None:
        """Show a channel in another colour map, one of `colormaps.COLORMAPS`."""
        self.channels[channel].colormap = name
        self._channels_changed()

    # -- tools and reading

    def set_tool(self, tool: Tool | None) -> None:
        """Use another tool; what the former one has half done is dropped."""
        self.canvas.set_tool(tool)

    @property
    def tool(self) -> Tool | None:
        """The tool in use."""
        return self.canvas.tool

    def cancel(self) -> bool:
        """Drop what the tool has half done; return whether there was anything."""
        return self.canvas.cancel()

    def readout(self, y: int, x: int) -> Readout | None:
        """Return what is at a pixel, None outside the image."""
        return read_at(self._document, self.layers.plane("restored"), y, x)

    def grab_image(self) -> QImage:
        """Return what the view shows, as a picture."""
        self.finish()
        return self.grab().toImage()

    def finish(self) -> None:
        """Render at once what is still being rendered."""
        if self._repaint.isActive():
            self._repaint.stop()
            self._show_layers()
        self._panes.finish()

    @property
    def rendering(self) -> bool:
        """Whether there is something to be shown that is not ready yet."""
        return self._renderer.busy or self._repaint.isActive()

    def shutdown(self) -> None:
        """Stop rendering, before the program ends."""
        self._renderer.shutdown()

    # -- details

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._panes)
        self.setFocusProxy(self.canvas)
        self._disk.raise_()
        self._bar.raise_()

    def _connect(self) -> None:
        document, canvas = self._document, self.canvas
        document.image_changed.connect(self._on_image)
        document.layers_changed.connect(self._on_layers)
        document.plane_changed.connect(self._on_plane)
        document.diameter_changed.connect(self._place_marks)
        document.pixel_size_changed.connect(self._place_marks)
        self._panes.hovered.connect(self.hovered)
        self._panes.left.connect(self.left)
        canvas.compare_held.connect(self.compare)
        canvas.moved.connect(self._place_marks)
        canvas.scale_changed.connect(self.scale_changed)
        canvas.divider_moved.connect(
            lambda x: self.set_split(x / self._document.labels.array.shape[1])
        )

    def _on_image(self) -> None:
        self._remember()
        self._path = self._document.path
        known = self._looks.get(self._path, Look()) if self._path is not None else Look()
        image = self._document.image
        names = () if image is None else image.channel_names
        like = self.layers.displays.get("image", ()) if names == self._names else ()
        self.layers, self._names = Layers(self._document, like), names
        count = len(names)
        if len(known.displays.get("image", ())) == count:
            self.layers.displays = {"image": known.displays["image"]} if count else {}
        self._before_compare = None
        self.masks.reset()
        self._panes.set_image_size(*self._document.labels.array.shape)
        if known.place is not None:
            self.canvas.look_at(*known.place)
        self._document.plane = known.plane
        self._show_layers()
        self._place_marks()
        self.view_changed.emit(self.view)
        self.contrast_changed.emit()

    def _remember(self) -> None:
        """Keep how the image that was open so far was looked at."""
        if self._path is None:
            return
        canvas = self.canvas
        place = None if canvas.fitted else (canvas.center, canvas.scale_factor)
        displays = {
            view: [replace(channel) for channel in channels]
            for view, channels in self.layers.displays.items()
        }
        self._looks[self._path] = Look(self._plane_shown, self.view, displays, place)

    def _on_plane(self, _: int) -> None:
        self._show_layers()
        self.contrast_changed.emit()

    def _on_layers(self) -> None:
        if self._document.restored is not self._restored:
            self._restored = self._document.restored
            self.layers.forget("restored")
        self.set_view(self.view)

    def _channels_changed(self) -> None:
        self._repaint.start()
        self.contrast_changed.emit()

    def _show_layers(self) -> None:
        self._plane_shown = self._document.plane
        others = self._others()
        splits = self._arrangement == "split" and bool(others)
        first: ViewName = "image" if splits else self.view
        self._main.show_image(self.layers.source(first))
        self.preview.paint_like(self.layers.display("image"))
        other = (self.view if self.view != "image" else others[0]) if splits else None
        self._main.show_split(None if other is None else self.layers.source(other), self._split)
        self.canvas.divider = self._split * self._document.labels.array.shape[1] if splits else None
        self._show_beside(others)
        if other is not None:
            self._main.show_title(f"{TITLES[first]}  |  {TITLES[other]}")
        ortho = self._arrangement == "ortho" and self.can_arrange("ortho")
        self._ortho.show(self.layers if ortho else None)

    def _others(self) -> list[ViewName]:
        """Return what can be shown beside the layer on show."""
        return [view for view in self.available_views() if view != self.view]

    def _show_beside(self, others: Sequence[ViewName]) -> None:
        """Show further pictures, without masks, beside the main one."""
        count = {"two": 1, "four": 3}.get(self._arrangement, 0)
        shown = (others or ["image"])[:count]
        pictures = [(TITLES[view], self.layers.source(view)) for view in shown]
        self._panes.show_beside(pictures, f"{TITLES[self.view]} and masks")

    def _place_marks(self, _: float = 0.0) -> None:
        scale = self.canvas.scale_factor
        self._disk.rearrange(self._document.diameter, scale)
        self._bar.setVisible(self._document.image is not None)
        self._bar.rearrange(scale, self._document.pixel_size.get("X"))
