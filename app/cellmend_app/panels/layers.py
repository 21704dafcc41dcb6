"""The panel of mask layers: masks beside those being edited, and how these differ from them."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPixmap
from PyQt6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.document import Document, MaskLayer
from cellmend_app.panels.parts import add, column, muted, row
from cellmend_app.services.compare import CompareService, Comparison
from cellmend_app.services.layers import MaskLayerService
from cellmend_app.viewer.masks import DIFFERENCE

ROW_HEIGHT, MOST_ROWS = 28, 4


class LayersPanel(QWidget):
    """A list of mask layers, and buttons to add, edit, remove and compare them.

    Parameters
    ----------
    document
        What is open.
    layers
        What adds and removes layers.
    comparing
        What compares masks.

    Signals
    -------
    load_wanted()
        The person wants masks from a file as a layer.
    """

    load_wanted = pyqtSignal()

    def __init__(
        self, document: Document, layers: MaskLayerService, comparing: CompareService
    ) -> None:
        super().__init__()
        self._document = document
        self._layers = layers
        self._comparing = comparing
        self._updating = False
        self.list = QListWidget()
        self.list.setIconSize(QSize(12, 12))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        name(
            self.list,
            "Mask layers",
            "Masks beside those being edited; check to show their outlines",
        )
        self.keep = _button("Keep copy", "Keep a copy of the masks as they are now as a layer")
        self.load = _button("Load…", "Load masks from a file as a layer")
        self.edit = _button("Edit", "Edit this layer; the masks edited so far become a layer")
        self.remove = _button("Remove", "Take this layer away")
        self.compare = _button("Compare", "Colour the masks by what this layer has too")
        self.compare.setCheckable(True)
        self.fill = QSlider(Qt.Orientation.Horizontal)
        self.fill.setRange(0, 100)
        name(
            self.fill, "Fill of the layer", "How much this layer's cells are filled: 0 for outlines"
        )
        self.fill_row = QWidget()
        column(self.fill_row).addLayout(row(QLabel("Fill"), self.fill, stretch=1))
        self.result = muted()
        add(
            column(self),
            row(self.keep, self.load, spacing=4),
            self.list,
            self.fill_row,
            row(self.edit, self.compare, self.remove, spacing=4),
            self.result,
        )
        self._connect()
        self._update()

    @property
    def chosen(self) -> MaskLayer | None:
        """The layer that the buttons act on."""
        layers, index = self._document.mask_layers, self.list.currentRow()
        return layers[index] if 0 <= index < len(layers) else None

    # -- details

    def _connect(self) -> None:
        self.keep.clicked.connect(self._layers.keep_copy)
        self.load.clicked.connect(self.load_wanted)
        self.edit.clicked.connect(self._on_edit)
        self.remove.clicked.connect(self._on_remove)
        self.compare.toggled.connect(self._on_compare)
        self.list.itemChanged.connect(self._on_checked)
        self.list.currentRowChanged.connect(lambda _: self._on_row())
        self.fill.valueChanged.connect(self._on_fill)
        self._document.mask_layers_changed.connect(self._update)
        self._document.image_changed.connect(self._update)
        self._document.labels_replaced.connect(self._update)
        self._comparing.compared.connect(self._show_result)

    def _update(self) -> None:
        self._updating = True
        layers, at = self._document.mask_layers, self.list.currentRow()
        self.list.clear()
        for layer in layers:
            pixmap = QPixmap(12, 12)
            pixmap.fill(QColor(*layer.colour))
            item = QListWidgetItem(QIcon(pixmap), layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            shown = Qt.CheckState.Checked if layer.visible else Qt.CheckState.Unchecked
            item.setCheckState(shown)
            self.list.addItem(item)
        self.list.setCurrentRow(min(max(at, 0), len(layers) - 1))
        self.list.setFixedHeight(ROW_HEIGHT * min(max(len(layers), 1), MOST_ROWS) + 4)
        for widget in (self.list, self.fill_row, self.edit, self.remove, self.compare):
            widget.setVisible(bool(layers))
        self._show_fill()
        self.setEnabled(self._document.image is not None)
        self._updating = False

    def _show_fill(self) -> None:
        chosen = self.chosen
        blocked = self.fill.blockSignals(True)
        self.fill.setValue(0 if chosen is None else round(chosen.fill * 100))
        self.fill.blockSignals(blocked)

    def _on_fill(self, percent: int) -> None:
        if self.chosen is not None:
            self._layers.fill(self.chosen, percent / 100)

    def _on_row(self) -> None:
        chosen = self.chosen
        self._show_fill()
        if not self._updating and self.compare.isChecked() and chosen is not None:
            self._comparing.start(chosen)

    def _on_edit(self) -> None:
        if self.chosen is not None:
            self._layers.edit(self.chosen)

    def _on_remove(self) -> None:
        if self.chosen is not None:
            self._layers.remove(self.chosen)

    def _on_checked(self, item: QListWidgetItem) -> None:
        if self._updating:
            return
        layer = self._document.mask_layers[self.list.row(item)]
        self._layers.show(layer, item.checkState() == Qt.CheckState.Checked)

    def _on_compare(self, on: bool) -> None:
        chosen = self.chosen
        if on and chosen is not None:
            self._comparing.start(chosen)
        else:
            self._comparing.stop()

    def _show_result(self, comparison: Comparison | None) -> None:
        self.compare.setChecked(comparison is not None)
        self.result.setVisible(comparison is not None)
        if comparison is None:
            return
        pairs = zip(comparison.thresholds, comparison.average_precision, strict=True)
        scores = ", ".join(f"{value:.3f} at {threshold:g}" for threshold, value in pairs)
        counts = zip(DIFFERENCE.items(), (comparison.tp, comparison.fp, comparison.fn), strict=True)
        cells = "<br>".join(
            f'<span style="color:{QColor(*colour).name()}">■</span> {count} {text}'
            for (text, colour), count in counts
        )
        self.result.setText(f"{cells}<br>AP {scores} IoU")


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("compact", True)
    name(button, tip)
    return button
