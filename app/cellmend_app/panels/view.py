"""The panel that decides what is shown: layer, masks, outlines."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QStandardItemModel
from PyQt6.QtWidgets import QCheckBox, QComboBox, QSlider, QWidget

from cellmend_app.document import Document
from cellmend_app.panels.parts import add, column, labelled, name, row
from cellmend_app.viewer import ViewName

TEXTS: dict[ViewName, str] = {
    "image": "Raw image",
    "restored": "Restored image",
    "flows": "Flows",
    "cellprob": "Cell probability",
}


class ViewPanel(QWidget):
    """Chooses the layer on show and how masks lie over it.

    Signals
    -------
    view_changed(str)
        The layer to show.
    masks_changed(bool), outlines_changed(bool), opacity_changed(float)
        How the masks are shown; the opacity is from 0 to 1.
    """

    view_changed = pyqtSignal(str)
    masks_changed = pyqtSignal(bool)
    outlines_changed = pyqtSignal(bool)
    opacity_changed = pyqtSignal(float)

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._had_restored = False
        self.view = QComboBox()
        for key, text in TEXTS.items():
            self.view.addItem(text, key)
        name(self.view, "Layer on show", "What is shown under the masks  (Page Up, Page Down)")
        self.masks = QCheckBox("Masks")
        self.masks.setChecked(True)
        name(self.masks, "Show masks", "Show the masks  (X)")
        self.outlines = QCheckBox("Outlines")
        name(self.outlines, "Show outlines", "Show the outlines of the masks  (Z)")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(50)
        name(self.opacity, "Mask opacity", "How much the masks cover the image")
        add(
            column(self),
            labelled("Layer", self.view),
            row(self.masks, self.outlines, self.opacity, stretch=2, spacing=12),
        )
        self.view.currentIndexChanged.connect(lambda _: self.view_changed.emit(self.current))
        self.masks.toggled.connect(self.masks_changed)
        self.outlines.toggled.connect(self.outlines_changed)
        self.opacity.valueChanged.connect(lambda value: self.opacity_changed.emit(value / 100))
        document.layers_changed.connect(self._update)
        document.image_changed.connect(self._update)
        self._update()

    @property
    def current(self) -> ViewName:
        """The layer on show."""
        key: ViewName = self.view.currentData()
        return key

    def show_view(self, key: ViewName) -> None:
        """Show a layer, if there is one of that name."""
        if key in self._available():
            self.view.setCurrentIndex(list(TEXTS).index(key))

    def step_view(self, steps: int) -> None:
        """Go to the next or previous layer that there is."""
        there = [key for key in TEXTS if key in self._available()]
        self.show_view(there[(there.index(self.current) + steps) % len(there)])

    def _available(self) -> set[ViewName]:
        there: set[ViewName] = {"image"}
        if self._document.restored is not None:
            there.add("restored")
        if self._document.results is not None:
            there |= {"flows", "cellprob"}
        return there

    def _update(self) -> None:
        there = self._available()
        items = self.view.model()
        for index, key in enumerate(TEXTS):
            item = items.item(index) if isinstance(items, QStandardItemModel) else None
            if item is not None:
                item.setEnabled(key in there)
        if self.current not in there:
            self.show_view("image")
        restored = "restored" in there
        if restored and not self._had_restored:
            self.show_view("restored")
        self._had_restored = restored
