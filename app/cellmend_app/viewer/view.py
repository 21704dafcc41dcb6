"""The image view: which layer is shown and how, over one canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cellmend.image import Image
from cellmend_app.document import Document
from cellmend_app.document.layers import plane_of
from cellmend_app.tools.protocol import Tool
from cellmend_app.viewer.canvas import Canvas
from cellmend_app.viewer.display import ChannelDisplay, default_display, picture
from cellmend_app.viewer.marks import ScaleDisk
from cellmend_app.viewer.overlay import LabelOverlay
from cellmend_app.viewer.pixels import PixelItem, Pyramid
from cellmend_app.viewer.render import Bytes, auto_limits, flow_picture, probability_picture

ViewName = Literal["image", "restored", "flows", "cellprob"]
VIEWS: tuple[ViewName, ...] = ("image", "restored", "flows", "cellprob")


@dataclass(frozen=True)
class Readout:
    """What is under the pointer.

    Parameters
    ----------
    y, x
        The pixel of the raw image.
    label
        The id of the cell there, 0 for none.
    values
        The raw value of each channel.
    restored
        The restored value of each channel, if there is a restored layer.
    """

    y: int
    x: int
    label: int
    values: tuple[float, ...]
    restored: tuple[float, ...] = ()


class ImageView(QWidget):
    """Shows a document: image or another layer, labels above it, and takes the tool's input.

    Signals
    -------
    hovered(y, x)
        The pixel under the pointer, which may lie outside the image; see `readout`.
    left()
        The pointer left the view.
    view_changed(name)
        Another layer is shown.
    contrast_changed()
        Contrast, colours or visible channels of the layer on show are others.
    scale_changed(scale)
        Screen pixels per image pixel.
    """

    hovered = pyqtSignal(int, int)
    left = pyqtSignal()
    view_changed = pyqtSignal(str)
    contrast_changed = pyqtSignal()
    scale_changed = pyqtSignal(float)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._view: ViewName = "image"
        self._before_compare: ViewName | None = None
        self._split: float | None = None
        self._restored = document.restored
        self._displays: dict[str, list[ChannelDisplay]] = {}
        self.canvas = Canvas(self)
        self._pixels = PixelItem()
        self._right = PixelItem()
        self._overlay = LabelOverlay(document)
        self._disk = ScaleDisk(self)
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(0)
        self._repaint.timeout.connect(self._show_layer)
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

    def center_on_cell(self, label: int) -> None:
        """Move a cell of the plane on show to the middle of the view."""
        box = self._document.labels.box(label)
        if box is not None:
            self.canvas.center_on((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)

    def visible_box(self) -> tuple[int, int, int, int]:
        """Return what is seen of the image: (y0, x0, y1, x1), ends exclusive."""
        return self.canvas.visible_box()

    # -- what is shown

    @property
    def view(self) -> ViewName:
        """The layer on show."""
        return self._view

    def available_views(self) -> list[ViewName]:
        """Return the layers that the document has."""
        have = {
            "image": self._document.image,
            "restored": self._document.restored,
            "flows": self._document.flows,
            "cellprob": self._document.cellprob,
        }
        return [name for name in VIEWS if name == "image" or have[name] is not None]

    def set_view(self, name: ViewName) -> None:
        """Show another layer; one that the document does not have shows the image instead."""
        shown: ViewName = name if name in self.available_views() else "image"
        changed, self._view = shown != self._view, shown
        self._show_layer()
        if changed:
            self.view_changed.emit(shown)
            self.contrast_changed.emit()

    def compare(self, held: bool) -> None:
        """While held show the raw image instead of a restored one, or the other way round."""
        if held and self._before_compare is None:
            self._before_compare = self._view
            self.set_view("restored" if self._view == "image" else "image")
        elif not held and self._before_compare is not None:
            former, self._before_compare = self._before_compare, None
            self.set_view(former)

    def set_split(self, fraction: float | None) -> None:
        """Show the raw image left of a line and the restored one right of it; None ends this.

        `fraction` is where the line stands, 0 to 1 of the image's width.
        """
        self._split = None if fraction is None else min(max(fraction, 0.0), 1.0)
        self._show_layer()

    @property
    def split(self) -> float | None:
        """Where the line between raw and restored stands; None while there is none."""
        return self._split

    def set_masks_visible(self, visible: bool) -> None:
        """Fill cells with colour, or not."""
        self._overlay.style(fill=visible)

    def set_outlines_visible(self, visible: bool) -> None:
        """Draw the outlines of cells, or not."""
        self._overlay.style(outlines=visible)

    def set_mask_opacity(self, opacity: float) -> None:
        """Set the opacity of the fill, 0 to 1."""
        self._overlay.style(opacity=opacity)

    @property
    def masks_visible(self) -> bool:
        """Whether cells are filled."""
        return self._overlay.fill

    @property
    def outlines_visible(self) -> bool:
        """Whether cells are outlined."""
        return self._overlay.outlines

    @property
    def mask_opacity(self) -> float:
        """The opacity of the fill, 0 to 1."""
        return self._overlay.opacity_of_fill

    def cell_colour(self, label: int) -> tuple[int, int, int]:
        """Return the red, green and blue of a cell, for lists and tables."""
        return self._overlay.colour(label)

    def set_scale_disk_visible(self, visible: bool) -> None:
        """Show the disk of the cell diameter, or not."""
        self._disk.set_on(visible)

    # -- contrast and channels

    @property
    def channels(self) -> Sequence[ChannelDisplay]:
        """How the channels of the layer on show are shown; empty for flows and cellprob."""
        return self._displays.get(self._view, ())

    def data_range(self, channel: int) -> tuple[float, float]:
        """Return the lowest and the highest finite value of a channel of the plane on show."""
        plane = self._plane(self._view)
        if plane is None or not np.isfinite(plane[channel]).any():
            return 0.0, 1.0
        finite = plane[channel]
        if finite.dtype.kind == "f":
            finite = finite[np.isfinite(finite)]
        return float(finite.min()), float(finite.max())

    def set_contrast(self, channel: int, low: float, high: float) -> None:
        """Show `low` as black and `high` as full brightness; pixels are not changed."""
        display = self.channels[channel]
        display.low, display.high = low, max(high, low + 1e-9 * max(1.0, abs(low)))
        self._channels_changed()

    def auto_contrast(self) -> None:
        """Set the contrast of all channels on show by the 1st and 99th percentile."""
        plane = self._plane(self._view)
        if plane is None:
            return
        for display, pixels in zip(self.channels, plane, strict=True):
            display.low, display.high = auto_limits(pixels)
        self._channels_changed()

    def set_channel_visible(self, channel: int, visible: bool) -> None:
        """Show a channel, or not."""
        self.channels[channel].visible = visible
        self._channels_changed()

    def set_channel_colour(self, channel: int, colour: tuple[int, int, int]) -> None:
        """Show a channel in another colour (red, green, blue)."""
        self.channels[channel].colour = colour
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
        plane = self._document.display
        if plane is None or not (0 <= y < plane.shape[1] and 0 <= x < plane.shape[2]):
            return None
        values = tuple(float(v) for v in plane[:, y, x])
        restored = self._plane("restored")
        beside: tuple[float, ...] = ()
        if restored is not None:
            row = y * restored.shape[1] // plane.shape[1]
            column = x * restored.shape[2] // plane.shape[2]
            beside = tuple(float(v) for v in restored[:, row, column])
        return Readout(y, x, self._document.id_at(y, x), values, beside)

    def grab_image(self) -> QImage:
        """Return what the view shows, as a picture."""
        self._overlay.finish()
        return self.grab().toImage()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the scale disk in its corner."""
        super().resizeEvent(event)
        self._place_disk()

    # -- details

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.setFocusProxy(self.canvas)
        scene = self.canvas.scene()
        assert scene is not None
        scene.addItem(self._pixels)
        scene.addItem(self._right)
        scene.addItem(self._overlay)
        self._overlay.setZValue(10)
        self._disk.raise_()

    def _connect(self) -> None:
        document, canvas = self._document, self.canvas
        document.image_changed.connect(self._on_image)
        document.layers_changed.connect(self._on_layers)
        document.plane_changed.connect(self._show_layer)
        document.diameter_changed.connect(self._place_disk)
        canvas.hovered.connect(self.hovered)
        canvas.left.connect(self.left)
        canvas.compare_held.connect(self.compare)
        canvas.scale_changed.connect(self._place_disk)
        canvas.scale_changed.connect(self._overlay.set_scale)
        canvas.scale_changed.connect(self.scale_changed)

    def _on_image(self) -> None:
        self._displays = {}
        self._before_compare = None
        self._overlay.reset()
        self.canvas.set_image_size(*self._document.labels.array.shape)
        self.set_view("image")
        self.contrast_changed.emit()

    def _on_layers(self) -> None:
        if self._document.restored is not self._restored:
            self._restored = self._document.restored
            self._displays.pop("restored", None)
        self.set_view(self._view)

    def _channels_changed(self) -> None:
        self._repaint.start()
        self.contrast_changed.emit()

    def _plane(self, view: ViewName) -> NDArray[np.generic] | None:
        image: Image | None = self._document.image
        if view == "restored" and self._document.restored is not None:
            image = self._document.restored.image
        elif view != "image":
            return None
        return None if image is None else plane_of(image, self._document.plane)

    def _show_layer(self) -> None:
        height, width = self._document.labels.array.shape
        splits = self._split is not None and self._document.restored is not None
        shown = self._picture("image" if splits else self._view)
        self._pixels.show_pixels(None if shown is None else Pyramid(shown), height, width)
        right = self._picture("restored") if splits else None
        self._right.show_pixels(None if right is None else Pyramid(right), height, width)
        self._right.set_columns((self._split or 0.0) * width, width)

    def _picture(self, view: ViewName) -> Bytes | None:
        if view == "flows" and self._document.flows is not None:
            return flow_picture(self._plane_of_result(self._document.flows))
        if view == "cellprob" and self._document.cellprob is not None:
            return probability_picture(self._plane_of_result(self._document.cellprob))
        plane = self._plane(view)
        if plane is None:
            return None
        if view not in self._displays:
            self._displays[view] = default_display(plane)
        return picture(plane, self._displays[view])

    def _plane_of_result(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the plane on show of an array (..., Y, X) or (2 or 3, ..., Y, X)."""
        planes = self._document.plane_count
        leading = array.shape[: array.ndim - 2]
        if planes == 1:
            return array.reshape(*leading[:1], *array.shape[-2:])
        components = int(np.prod(leading)) // planes
        flat = array.reshape(components, planes, *array.shape[-2:])[:, self._document.plane]
        return flat if components > 1 else flat[0]

    def _place_disk(self, _: float = 0.0) -> None:
        self._disk.rearrange(self._document.diameter, self.canvas.scale_factor)
