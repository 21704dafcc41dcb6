"""Cells over the image: filled, outlined or both, in one scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QGraphicsItem, QGraphicsScene, QStyleOptionGraphicsItem, QWidget

from cellmend.labels.runs import Box
from cellmend_app.viewer.colours import Colouring, Palette
from cellmend_app.viewer.edges import edges_in
from cellmend_app.viewer.marks import screen_pen
from cellmend_app.viewer.sources import Argb, CellLook, CellSource
from cellmend_app.viewer.tiles import TileItem, TileRenderer

LINE_SCALE = 3.0
"""From this many screen pixels per pixel on, outlines are thin lines instead of pixels."""
MAX_WIDTH = 6


@dataclass(frozen=True)
class CellStyle:
    """How cells are drawn.

    Parameters
    ----------
    fill, outlines
        Whether the inside of cells, and whether their outlines are drawn.
    opacity
        Of the fill, 0 to 1.
    width
        Of the outlines in screen pixels, 1 to `MAX_WIDTH`.
    """

    fill: bool = True
    outlines: bool = False
    opacity: float = 0.45
    width: int = 2


class CellLayer:
    """Draws the cells of one label image in one scene.

    Fill and outlines are rendered apart, so that switching one on or off, and changing
    the opacity, shows what is there already.

    Parameters
    ----------
    renderer, scene
        What renders tiles, and where they are shown.
    height
        Which layers it covers: the z value of its items.
    style
        How cells are drawn at first.
    """

    def __init__(
        self, renderer: TileRenderer, scene: QGraphicsScene, height: float, style: CellStyle
    ) -> None:
        self._fill, self._edges = TileItem(renderer), TileItem(renderer)
        self._lines = LineItem()
        for item in (self._fill, self._edges, self._lines):
            item.setZValue(height)
            scene.addItem(item)
        self._style = style
        self._content: tuple[NDArray[np.uint32], Colouring] | None = None
        self._close_up = False
        self._visible = True
        self.restyle(style)

    def show_cells(
        self,
        labels: NDArray[np.uint32],
        colours: Colouring,
        changed: Sequence[Box] | None = None,
    ) -> None:
        """Show cells of a plane (Y, X), or the same ones in other colours.

        `changed` are the boxes in which they look different; by default they may anywhere.
        """
        self._content = (labels, colours)
        look = CellLook(_argb(colours.palette), None)
        self._fill.show_source(CellSource(labels, colours, look), changed)
        self._show_edges(changed)

    def clear(self) -> None:
        """Show nothing."""
        self._content = None
        for item in (self._fill, self._edges):
            item.show_source(None)
        self._lines.show_cells(None)

    def set_visible(self, visible: bool) -> None:
        """Show or hide the layer; what it has drawn is kept meanwhile."""
        self._visible = visible
        self._fill.setVisible(visible and self._style.fill)
        self._show_kind_of_outlines()

    def remove(self) -> None:
        """Take the layer out of its scene."""
        for item in (self._fill, self._edges, self._lines):
            scene = item.scene()
            if scene is not None:
                scene.removeItem(item)

    def restyle(self, style: CellStyle) -> None:
        """Draw cells in another way."""
        former, self._style = self._style, style
        self._fill.setOpacity(style.opacity)
        self._fill.setVisible(self._visible and style.fill)
        self._lines.set_width(style.width)
        self._show_kind_of_outlines()
        if style.width != former.width:
            self._show_edges()

    def set_scale(self, scale: float) -> None:
        """Take the screen pixels per image pixel: from a certain zoom on, outlines are lines."""
        if (scale >= LINE_SCALE) != self._close_up:
            self._close_up = not self._close_up
            self._show_kind_of_outlines()

    def refresh_box(self, box: Box) -> None:
        """Draw what is inside a box anew."""
        self._fill.refresh_box(box)
        self._edges.refresh_box(box)
        self._lines.refresh_box(box)

    def refresh(self) -> None:
        """Draw everything anew."""
        self._fill.refresh()
        self._edges.refresh()
        self._lines.update()

    def finish(self, exposed: QRectF, scale: float) -> None:
        """Render at once what a part of the scene needs."""
        self._fill.finish(exposed, scale)
        self._edges.finish(exposed, scale)

    def _show_kind_of_outlines(self) -> None:
        outlined = self._visible and self._style.outlines
        self._edges.setVisible(outlined and not self._close_up)
        self._lines.setVisible(outlined and self._close_up)

    def _show_edges(self, changed: Sequence[Box] | None = None) -> None:
        if self._content is None:
            return
        labels, colours = self._content
        look = CellLook(None, _argb(colours.palette), max(1, round(self._style.width / 2)))
        self._edges.show_source(CellSource(labels, colours, look), changed)
        self._lines.show_cells(labels, colours)


class LineItem(QGraphicsItem):
    """Outlines as lines between pixels, for views in which pixels are large."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._labels: NDArray[np.uint32] | None = None
        self._colours: Colouring | None = None
        self._width = 2

    def show_cells(
        self, labels: NDArray[np.uint32] | None, colours: Colouring | None = None
    ) -> None:
        """Outline the cells of a plane (Y, X)."""
        self.prepareGeometryChange()
        self._labels, self._colours = labels, colours
        self.update()

    def set_width(self, width: int) -> None:
        """Draw lines of another width, in screen pixels."""
        self._width = width
        self.update()

    def refresh_box(self, box: Box) -> None:
        """Draw what is inside a box, and next to it, anew."""
        y0, x0, y1, x1 = box
        self.update(QRectF(x0 - 2, y0 - 2, x1 - x0 + 4, y1 - y0 + 4))

    def boundingRect(self) -> QRectF:
        """Return the area of the labels."""
        height, width = (0, 0) if self._labels is None else self._labels.shape
        return QRectF(0, 0, width, height)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the lines of what is exposed."""
        if painter is None or option is None or self._labels is None or self._colours is None:
            return
        area = option.exposedRect.intersected(self.boundingRect()).toAlignedRect()
        box = (area.top(), area.left(), area.top() + area.height(), area.left() + area.width())
        edges = edges_in(self._labels, box, self._width / 2 / painter.worldTransform().m11())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        indices = self._colours.indices(edges.labels)
        for index in np.unique(indices[indices > 0]).tolist():
            colour = QColor(*self._colours.palette[index - 1].tolist())
            painter.setPen(screen_pen(colour, self._width))
            painter.drawLines(*edges.lines(indices == index))


class SelectionColours:
    """White for the selected cells.

    Parameters
    ----------
    ids
        The selected cells.
    """

    palette: Palette = np.full((1, 3), 255, np.uint8)

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = np.fromiter(ids, np.uint32)

    def indices(self, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return 1 for pixels of selected cells."""
        if len(self._ids) == 0:
            return np.zeros(labels.shape, np.uint8)
        if len(self._ids) == 1:
            return np.asarray(labels == self._ids[0]).view(np.uint8)
        return np.isin(labels, self._ids).view(np.uint8)


def _argb(palette: Palette) -> Argb:
    """Return opaque ARGB for each colour index; index 0 is transparent."""
    colours = palette.astype(np.uint32)
    opaque = np.uint32(255 << 24)
    argb = np.zeros(len(palette) + 1, np.uint32)
    argb[1:] = opaque | colours[:, 0] << 16 | colours[:, 1] << 8 | colours[:, 2]
    return argb
