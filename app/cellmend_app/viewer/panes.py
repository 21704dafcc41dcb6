"""Several linked pictures of one document, in a grid."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QWidget

from cellmend_app.viewer.cells import CellStyle
from cellmend_app.viewer.pane import Pane
from cellmend_app.viewer.sources import Source
from cellmend_app.viewer.tiles import TileRenderer

Titled = tuple[str, Source | None]
_PLACES = {1: ((1, 0),), 2: ((0, 0), (1, 0)), 3: ((0, 0), (0, 1), (1, 0))}
"""Rows and columns of the pictures beside the main one, which is at (1, 1), by their number."""


class PaneGrid(QWidget):
    """The main picture, which takes the tools, and others that follow its place and zoom.

    Parameters
    ----------
    renderer
        What renders tiles.
    parent
        The view.

    Signals
    -------
    hovered(y, x), left()
        Of any picture.
    """

    hovered = pyqtSignal(int, int)
    left = pyqtSignal()

    def __init__(self, renderer: TileRenderer, parent: QWidget) -> None:
        super().__init__(parent)
        self._renderer = renderer
        self._beside: list[Pane] = []
        self._following = False
        self._size = (1, 1)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.main = self._make_pane()
        self._grid.addWidget(self.main, 1, 1)

    def set_image_size(self, height: int, width: int) -> None:
        """Take an image of another size."""
        self._size = (height, width)
        for pane in (self.main, *self._beside):
            pane.canvas.set_image_size(height, width)

    def show_beside(self, pictures: Sequence[Titled], title: str) -> None:
        """Show up to three pictures beside the main one, which gets a title if there are any."""
        while len(self._beside) < len(pictures):
            pane = self._make_pane()
            pane.canvas.follows = True
            pane.canvas.set_image_size(*self._size)
            self._beside.append(pane)
        places = _PLACES.get(len(pictures), ())
        for pane, (text, source), place in zip(self._beside, pictures, places, strict=False):
            self._grid.addWidget(pane, *place)
            pane.show_image(source)
            pane.show_title(text)
            pane.show()
        for pane in self._beside[len(pictures) :]:
            pane.hide()
            pane.show_image(None)
        self.share((int(len(pictures) > 1), 1), (int(bool(pictures)), 1))
        self.main.show_title(title if pictures else "")
        self._follow(self.main)

    def place(self, widget: QWidget, row: int, column: int) -> None:
        """Put another widget into the grid; the main picture is in row and column 1."""
        self._grid.addWidget(widget, row, column)

    def share(self, rows: Sequence[int], columns: Sequence[int]) -> None:
        """Share the room between rows, and between columns, in these parts."""
        for index in range(3):
            self._grid.setRowStretch(index, rows[index] if index < len(rows) else 0)
            self._grid.setColumnStretch(index, columns[index] if index < len(columns) else 0)

    def finish(self) -> None:
        """Render at once what is seen."""
        for pane in (self.main, *self._shown()):
            pane.finish()

    def _make_pane(self) -> Pane:
        pane = Pane(self._renderer, CellStyle(), self)
        pane.canvas.hovered.connect(self.hovered)
        pane.canvas.left.connect(self.left)
        pane.canvas.moved.connect(lambda: self._follow(pane))
        return pane

    def _shown(self) -> list[Pane]:
        return [pane for pane in self._beside if not pane.isHidden()]

    def _follow(self, leader: Pane) -> None:
        """Show in all pictures the place and the zoom of one."""
        if self._following or leader not in (shown := (self.main, *self._shown())):
            return
        self._following = True
        for pane in shown:
            if pane is not leader:
                pane.canvas.look_at(leader.canvas.center, leader.canvas.scale_factor)
        self._following = False
