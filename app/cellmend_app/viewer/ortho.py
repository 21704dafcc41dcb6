"""Orthogonal views of a volume: the slices XZ and YZ through one place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QTimer

from cellmend.image import Image
from cellmend_app.document import Document
from cellmend_app.viewer.display import picture
from cellmend_app.viewer.layers import Layers
from cellmend_app.viewer.levels import Levels
from cellmend_app.viewer.masks import Masks
from cellmend_app.viewer.pane import Pane
from cellmend_app.viewer.panes import PaneGrid
from cellmend_app.viewer.sources import PlaneSource
from cellmend_app.viewer.tiles import TileRenderer

EVERY_MS = 30
"""Slices follow the pointer at most this often."""


class Ortho:
    """A slice XZ under the main picture and a slice YZ at its right, with the masks.

    Z goes downwards in the one and rightwards in the other, as many times enlarged as a
    step in Z is longer than a pixel, where that is known.

    Parameters
    ----------
    document, masks
        What is shown.
    grid
        Where, and what they follow.
    renderer
        What renders tiles.
    """

    def __init__(
        self, document: Document, masks: Masks, grid: PaneGrid, renderer: TileRenderer
    ) -> None:
        self._document = document
        self._masks = masks
        self._grid = grid
        self._at = (0, 0)
        self._layers: Layers | None = None
        self.xz, self.yz = (Pane(renderer, masks.style, grid) for _ in range(2))
        grid.place(self.xz, 2, 1)
        grid.place(self.yz, 1, 2)
        for pane in (self.xz, self.yz):
            pane.canvas.follows = True
            pane.hide()
        self._soon = QTimer(grid)
        self._soon.setSingleShot(True)
        self._soon.setInterval(EVERY_MS)
        self._soon.timeout.connect(self._show)
        grid.main.canvas.hovered.connect(self.look_through)
        grid.main.canvas.moved.connect(self._follow)
        self.xz.canvas.clicked.connect(lambda y, _: self._go_to(y))
        self.yz.canvas.clicked.connect(lambda _, x: self._go_to(x))
        document.plane_edited.connect(self._later)
        document.pixel_size_changed.connect(self._later)
        masks.recoloured.connect(self._later)

    @property
    def on(self) -> bool:
        """Whether the slices are shown."""
        return not self.xz.isHidden()

    def show(self, layers: Layers | None) -> None:
        """Show slices through the middle of what is seen of a volume, or None: show none."""
        if not self.on:
            middle = self._grid.main.canvas.center
            self._at = (max(int(middle.y()), 0), max(int(middle.x()), 0))
        self._layers = layers
        for pane, title in ((self.xz, "XZ"), (self.yz, "YZ")):
            pane.setVisible(layers is not None)
            pane.show_title(title)
        if layers is None:
            return
        self._grid.share((0, 2, 1), (0, 2, 1))
        height, width = self._document.labels.array.shape
        self._at = (min(self._at[0], height - 1), min(self._at[1], width - 1))
        self._show()
        self._follow()

    def look_through(self, y: int, x: int) -> None:
        """Show the slices through a pixel of the plane on show."""
        height, width = self._document.labels.array.shape
        if self.on and 0 <= y < height and 0 <= x < width:
            self._at = (y, x)
            self._later()

    @property
    def stretch(self) -> float:
        """How many pixels high a step in Z is shown."""
        size = self._document.pixel_size
        return size["Z"] / size["X"] if {"Z", "X"} <= set(size) and size["X"] > 0 else 1.0

    def _later(self) -> None:
        if self.on and not self._soon.isActive():
            self._soon.start()

    def _show(self) -> None:
        if self._layers is None or self._document.image is None:
            return
        view = self._layers.current
        shown = view if self._layers.image(view) is not None else "image"
        image = self._layers.image(shown)
        assert image is not None
        display = [replace(channel) for channel in self._layers.display(shown)]
        labels = self._document.labels.full.reshape(-1, *self._document.labels.array.shape)
        labels = labels[self._document.frame.start : self._document.frame.stop]
        depth = max(1, round(len(labels) * self.stretch))
        planes = (np.arange(depth) * len(labels) // depth).astype(np.intp)
        y, x = self._at
        volume = volume_of(image, self._document.plane // len(labels))
        row = y * volume.shape[2] // labels.shape[1]
        column = x * volume.shape[3] // labels.shape[2]
        for pane, slab, cells in (
            (self.xz, volume[:, :, row], labels[planes, y]),
            (self.yz, volume[..., column].swapaxes(1, 2), labels[planes, :, x].T),
        ):
            cells = np.ascontiguousarray(cells)
            channels = [Levels(np.ascontiguousarray(channel)) for channel in slab]
            source = PlaneSource(channels, cells.shape, partial(picture, display=display))
            if pane.canvas.image_shape != cells.shape:
                pane.canvas.set_image_size(*cells.shape)
            pane.show_image(source)
            pane.cells.restyle(self._masks.style)
            pane.cells.show_cells(cells, self._masks.colours)
        self._follow()

    def _follow(self) -> None:
        """Keep the slices beside what the main picture shows."""
        if not self.on:
            return
        center, scale = self._grid.main.canvas.center, self._grid.main.canvas.scale_factor
        middle = len(self._document.frame) * self.stretch / 2
        self.xz.canvas.look_at(QPointF(center.x(), middle), scale)
        self.yz.canvas.look_at(QPointF(middle, center.y()), scale)

    def _go_to(self, depth: float) -> None:
        frame = self._document.frame
        at = int(depth / self.stretch)
        if 0 <= at < len(frame):
            self._document.plane = frame.start + at


def volume_of(image: Image, frame: int) -> NDArray[np.generic]:
    """Return one frame of an image with a Z axis as (C, Z, Y, X), a view."""
    data, axes = image.data, image.axes
    if "T" in axes:
        data, axes = data[frame], axes.replace("T", "")
    return data if "C" in axes else data[np.newaxis]
