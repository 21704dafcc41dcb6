"""How the document's cells are coloured and drawn, kept up to date with every edit."""

from __future__ import annotations

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.labels.runs import Box
from cellmend_app.document import Document
from cellmend_app.viewer.cells import CellStyle, SelectionColours
from cellmend_app.viewer.colours import PALETTES, CellColours, Colouring, OneColour, Rgb, colour_of
from cellmend_app.viewer.pane import Pane

BESIDE = CellStyle(fill=False, outlines=True, width=2)
"""How masks beside those being edited are drawn."""


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
        self.style = CellStyle()
        document.labels_edited.connect(self._on_edited)
        document.labels_replaced.connect(self.reset)
        document.plane_changed.connect(self.reset)
        document.selection_changed.connect(self._on_selected)
        document.mask_layers_changed.connect(self.show_more)

    @property
    def colours(self) -> Colouring:
        """What gives cells their colours now."""
        return self._cells if self._chosen is None else self._chosen

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
        """Take the colours of cells from a palette of `PALETTES`."""
        self._cells.palette = PALETTES[name]
        self._show()

    def colour_by(self, colouring: Colouring | None) -> None:
        """Colour cells by a measurement, or None: so that neighbours differ."""
        self._chosen = colouring
        self._show()

    def reset(self) -> None:
        """Show the labels anew: others, or another plane."""
        labels = self._document.labels
        self._cells.assign_all(labels.array, labels.next_id() - 1)
        self._show()
        self._on_selected()
        self.show_more()

    def show_more(self) -> None:
        """Draw the mask layers beside the one that is edited."""
        plane = self._document.plane
        shown = [layer for layer in self._document.mask_layers if layer.visible]
        self._pane.show_more([(s.plane(plane), OneColour(s.colour), BESIDE) for s in shown])

    def _show(self) -> None:
        self._pane.cells.show_cells(self._document.labels.array, self.colours)
        self.recoloured.emit()

    def _on_edited(self, box: Box) -> None:
        self._cells.assign_new(self._document.labels.array, box)
        self._pane.refresh_box(box)

    def _on_selected(self, _: int = 0) -> None:
        chosen = self._document.selection
        colours = SelectionColours(chosen) if chosen else None
        self._pane.show_selection(self._document.labels.array, colours)
