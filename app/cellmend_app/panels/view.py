"""The panel that decides what is shown: layer, arrangement, masks, outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QStandardItemModel
from PyQt6.QtWidgets import QCheckBox, QComboBox, QLabel, QSlider, QSpinBox, QWidget

from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.panels.edit import tool_button
from cellmend_app.panels.legend import Legend
from cellmend_app.panels.parts import add, column, narrow, row
from cellmend_app.services.measure import MeasureService
from cellmend_app.services.objects import heading
from cellmend_app.viewer import TITLES, ImageView, ViewName
from cellmend_app.viewer.cells import MAX_WIDTH
from cellmend_app.viewer.colours import PALETTES, measured_colours


class ViewPanel(QWidget):
    """Chooses the layer on show, and how masks lie over it.

    Parameters
    ----------
    document
        What is open.
    view
        What shows it.
    measures
        What measures cells.

    Signals
    -------
    view_changed(str)
        The layer to show.
    """

    view_changed = pyqtSignal(str)

    def __init__(self, document: Document, view: ImageView, measures: MeasureService) -> None:
        super().__init__()
        self._document = document
        self._image_view = view
        self._measures = measures
        self._had_restored = False
        self._wanted = ""
        self._make_controls()
        self._layout = column(self)
        add(
            self._layout,
            self.view,
            row(self.masks, self.outlines, self.line, stretch=0),
            row(QLabel("Opacity"), self.opacity, stretch=1),
            row(QLabel("Colours"), self.colours, stretch=1),
            self.legend,
        )
        self._connect()
        self._update()
        self._list_colours([])

    def add_actions(self, actions: list[QAction]) -> None:
        """Put a row of buttons that choose the arrangement under the layer."""
        self._layout.insertLayout(1, row(*[tool_button(action) for action in actions], spacing=1))

    @property
    def current(self) -> ViewName:
        """The layer on show."""
        key: ViewName = self.view.currentData()
        return key

    def show_view(self, key: ViewName) -> None:
        """Show a layer, if there is one of that name."""
        if key in self._available():
            self.view.setCurrentIndex(list(TITLES).index(key))

    def step_view(self, steps: int) -> None:
        """Go to the next or previous layer that there is."""
        there = [key for key in TITLES if key in self._available()]
        self.show_view(there[(there.index(self.current) + steps) % len(there)])

    # -- details

    def _make_controls(self) -> None:
        self.view = QComboBox()
        for key, text in TITLES.items():
            self.view.addItem(text, key)
        narrow(self.view)
        name(self.view, "Layer on show", "What is shown under the masks")
        self.masks = QCheckBox("Masks")
        self.masks.setChecked(True)
        name(self.masks, "Show masks", "Show the masks")
        self.outlines = QCheckBox("Outlines")
        name(self.outlines, "Show outlines", "Show the outlines of the masks")
        self.line = QSpinBox()
        self.line.setRange(1, MAX_WIDTH)
        self.line.setValue(2)
        self.line.setSuffix(" px")
        self.line.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.line.setFixedWidth(50)
        name(self.line, "Outline width", "Width of the outlines on screen")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(45)
        name(self.opacity, "Mask opacity", "How much the masks cover the image")
        self.colours = QComboBox()
        narrow(self.colours)
        name(self.colours, "Colours of masks", "A palette, or a measurement to colour cells by")
        self.legend = Legend()

    def _connect(self) -> None:
        document, masks = self._document, self._image_view.masks
        self.view.currentIndexChanged.connect(lambda _: self.view_changed.emit(self.current))
        self.masks.toggled.connect(lambda on: masks.restyle(fill=on))
        self.outlines.toggled.connect(lambda on: masks.restyle(outlines=on))
        self.line.valueChanged.connect(lambda width: masks.restyle(width=width))
        self.opacity.valueChanged.connect(lambda value: masks.restyle(opacity=value / 100))
        self.colours.activated.connect(lambda _: self._on_colours())
        self._measures.measured.connect(self._on_measured)
        document.layers_changed.connect(self._update)
        document.image_changed.connect(self._update)
        document.image_changed.connect(lambda: self._list_colours([]))
        self._measures.listed.connect(self._list_colours)
        self._image_view.view_changed.connect(self.show_view)

    def _available(self) -> list[ViewName]:
        return self._image_view.available_views()

    def _update(self) -> None:
        there = self._available()
        items = self.view.model()
        for index, key in enumerate(TITLES):
            item = items.item(index) if isinstance(items, QStandardItemModel) else None
            if item is not None:
                item.setEnabled(key in there)
        if self.current not in there:
            self.show_view("image")
        restored = "restored" in there
        if restored and not self._had_restored:
            self.show_view("restored")
        self._had_restored = restored

    def _list_colours(self, columns: Sequence[str]) -> None:
        """Offer the palettes, and what can be measured; the choice stays where it can."""
        chosen, shown = self._wanted, self.colours.currentData()
        self.colours.clear()
        for palette in PALETTES:
            self.colours.addItem(palette, palette)
        if columns:
            self.colours.insertSeparator(self.colours.count())
        for measure in columns:
            text = heading(measure).removesuffix("_px").replace("_um", " (µm)").replace("_", " ")
            self.colours.addItem(f"By {text}", measure)
        self.colours.setCurrentIndex(max(0, self.colours.findData(chosen)))
        if self.colours.currentData() != shown:
            self._show_colours()

    def _on_colours(self) -> None:
        self._wanted = self.colours.currentData()
        self._show_colours()

    def _show_colours(self) -> None:
        chosen: str = self.colours.currentData()
        if chosen in PALETTES:
            self._measures.follow("")
            self.legend.hide()
            self._image_view.masks.set_palette(chosen)
        else:
            self._measures.follow(chosen)

    def _on_measured(self, column_: str, found: Mapping[int, float]) -> None:
        if self.colours.currentData() != column_:
            return
        ids = np.fromiter(found.keys(), np.int64)
        values = np.fromiter(found.values(), np.float64)
        colouring, low, high = measured_colours(ids, values)
        self.legend.show_range(low, high)
        self._image_view.colour_cells_by(colouring)
