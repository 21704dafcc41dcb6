"""How the document's cells are coloured and drawn, kept up to date with every edit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.labels.runs import Box
from cellmend_app.document import Document, MaskLayer
from cellmend_app.viewer.cells import CellStyle
from cellmend_app.viewer.colormaps import Rgb
from cellmend_app.viewer.colours import (
    MAX_TABLE,
    PALETTES,
    CellColours,
    Colouring,
    OneColour,
    TableColours,
    colour_of,
)
from cellmend_app.viewer.pane import MoreCells, Pane

DIFFERENCE: dict[str, Rgb] = {
    "in both": (86, 180, 233),
    "only here": (240, 140, 40),
    "only there": (236, 90, 200),
}
"""Colours of a comparison, which people with any colour vision can tell apart."""
FEW = 32
"""So many cells may change their look one by one; of more, all is drawn anew."""
_MISSED = CellStyle(fill=True, outlines=True, width=2)


class Masks(QObject):
    """Draws the cells of the plane on show in a pane, and follows the document.

    Parameters
    ----------
    document
        Whose cells are shown.
    pane
        Where.

    Signals
    -------
    recoloured()
        Cells have other colours.
    """

    recoloured = pyqtSignal()

    def __init__(self, document: Document, pane: Pane) -> None:
        super().__init__(pane)
        self._document = document
        self._pane = pane
        self._cells = CellColours()
        self._chosen: Colouring | None = None
        self._difference: Colouring | None = None
        self._missed: tuple[MaskLayer, Colouring] | None = None
        self._selection: tuple[int, ...] = ()
        self.style = CellStyle()
        document.labels_edited.connect(self._on_edited)
        document.labels_replaced.connect(self.reset)
        document.plane_changed.connect(self._show_plane)
        document.selection_changed.connect(self._on_selected)
        document.mask_layers_changed.connect(self.show_more)

    @property
    def colours(self) -> Colouring:
        """What gives cells their colours now."""
        return self._difference or self._chosen or self._cells

    def colour(self, label: int) -> Rgb:
        """Return the red, green and blue of a cell, for lists and tables."""
        return colour_of(self.colours, label)

    def restyle(
        self,
        *,
        fill: bool | None = None,
        outlines: bool | None = None,
        opacity: float | None = None,
        width: int | None = None,
    ) -> None:
        """Change how cells are drawn, as far as it is said; see `CellStyle`."""
        former = self.style
        self.style = CellStyle(
            former.fill if fill is None else fill,
            former.outlines if outlines is None else outlines,
            former.opacity if opacity is None else min(max(opacity, 0.0), 1.0),
            former.width if width is None else width,
        )
        self._pane.cells.restyle(self.style)

    def set_palette(self, name: str) -> None:
        """Take the colours of cells from a palette of `PALETTES`, so that neighbours differ."""
        self._cells.palette, self._chosen = PALETTES[name], None
        self._show()

    def colour_by(self, colouring: Colouring | None) -> None:
        """Colour cells by a measurement, or None: so that neighbours differ."""
        self._chosen = colouring
        self._show()

    def show_difference(
        self, found: NDArray[np.int64], reference: MaskLayer, missed: NDArray[np.int64]
    ) -> None:
        """Colour cells by a comparison: those found in the reference, others, and those missed.

        Parameters
        ----------
        found
            Ids of cells that the reference has too.
        reference
            What they were compared with.
        missed
            Ids of the reference that are not among the cells.
        """
        both, here, there = (np.array([colour], np.uint8) for colour in DIFFERENCE.values())
        self._difference = TableColours(_table(found, 1, 2), np.concatenate([both, here]), other=2)
        self._missed = (reference, TableColours(_table(missed, 1, 0), there))
        self._show()
        self.show_more()

    def end_difference(self) -> None:
        """Colour cells as before the comparison."""
        if self._difference is not None:
            self._difference = self._missed = None
            self._show()
            self.show_more()

    def reset(self) -> None:
        """Show the cells anew, which are others than before."""
        self._cells.forget()
        self._show_plane()

    def _show_plane(self) -> None:
        """Show the plane anew; a cell that was seen in another one keeps its colour."""
        plane = self._document.labels.array
        self._cells.assign(plane)
        self._show()
        self._selection = self._document.selection
        self._pane.show_selection(plane, self._selection, None)
        self.show_more()

    def show_more(self) -> None:
        """Draw the mask layers beside the one that is edited."""
        plane = self._document.plane
        shown = [layer for layer in self._document.mask_layers if layer.visible]
        drawn: list[MoreCells] = [(s.plane(plane), OneColour(s.colour), _beside(s)) for s in shown]
        if self._missed is not None:
            reference, colours = self._missed
            drawn.append((reference.plane(plane), colours, _MISSED))
        self._pane.show_more(drawn)

    def _show(self) -> None:
        self._pane.cells.show_cells(self._document.labels.array, self.colours)
        self.recoloured.emit()

    def _on_edited(self, box: Box) -> None:
        self._cells.assign(self._document.labels.array, box)
        self._pane.refresh_box(box)

    def _on_selected(self, _: int = 0) -> None:
        """Draw anew only the cells that were selected or no longer are, unless they are many."""
        former, self._selection = set(self._selection), self._document.selection
        others = former.symmetric_difference(self._selection)
        boxes = None if len(others) > FEW else self._boxes(others)
        self._pane.show_selection(self._document.labels.array, self._selection, boxes)

    def _boxes(self, ids: Iterable[int]) -> list[Box]:
        boxes = (self._document.labels.box(label) for label in ids)
        return [box for box in boxes if box is not None]


def _beside(layer: MaskLayer) -> CellStyle:
    """Return how masks beside those being edited are drawn."""
    return CellStyle(fill=layer.fill > 0, outlines=True, opacity=layer.fill, width=2)


def _table(ids: NDArray[np.int64], chosen: int, others: int) -> NDArray[np.uint8]:
    """Return a table of colours by id: one for `ids`, one for other cells, none for background."""
    ids = ids[ids <= MAX_TABLE]
    table = np.full(int(ids.max(initial=0)) + 1, others, np.uint8)
    table[ids] = chosen
    table[0] = 0
    return table
