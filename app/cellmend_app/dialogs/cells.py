"""Dialogs on cells: select by size, and another id."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cellmend.labels import choose
from cellmend_app.services.cells import CellService

LARGEST = 2**31 - 1


class FilterDialog(QDialog):
    """Selects the cells of the plane on show that are too small, too large or cut off.

    What it selects is seen at once; it can be deleted here, or edited like any selection.
    """

    def __init__(self, cells: CellService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Select by size")
        self._cells = cells
        self._document = document = cells.document
        areas = sorted(document.labels.index.area(label) for label in document.labels.index)
        self.smaller = _number(0, "Smaller than", "Select cells of fewer pixels than this")
        largest = areas[-1] if areas else LARGEST
        self.larger = _number(largest, "Larger than", "Select cells of more pixels than this")
        self.border = QCheckBox("Cut off by the border")
        self.border.setAccessibleName("Cut off by the border")
        self.border.setToolTip("Select cells that touch the border of the image")
        self.count = QLabel()
        form = QFormLayout()
        form.addRow("Smaller than", self.smaller)
        form.addRow("Larger than", self.larger)
        form.addRow(self.border)
        sizes = f"Cells here: {len(areas):,}"
        if areas:
            middle = areas[len(areas) // 2]
            sizes += f", of {areas[0]:,} to {areas[-1]:,} pixels, median {middle:,}"
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.delete = QPushButton("Delete selected")
        self.delete.setToolTip("Delete the selected cells; can be undone")
        self.delete.clicked.connect(self._delete)
        buttons.addButton(self.delete, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(sizes))
        layout.addLayout(form)
        layout.addWidget(self.count)
        layout.addWidget(buttons)
        self.smaller.valueChanged.connect(self._select)
        self.larger.valueChanged.connect(self._select)
        self.border.toggled.connect(self._select)
        self._select()

    def _select(self) -> None:
        labels = self._document.labels
        found = set(choose.of_size(labels.index, 0, self.smaller.value() - 1))
        found.update(choose.of_size(labels.index, self.larger.value() + 1, LARGEST))
        if self.border.isChecked():
            found.update(choose.at_border(labels.index, labels.array.shape))
        self._document.select(*sorted(found))
        cells = "1 cell" if len(found) == 1 else f"{len(found):,} cells"
        self.count.setText(f"Selected: {cells}.")
        self.delete.setEnabled(bool(found))

    def _delete(self) -> None:
        self._cells.delete(self._document.selection)
        self._select()


class IdDialog(QDialog):
    """Asks for another id of a cell.

    Signals
    -------
    chosen(id)
        The new id.
    """

    chosen = pyqtSignal(int)

    def __init__(self, label: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Change id")
        self.id = _number(label, "New id", f"The new id of cell {label}")
        self.id.setMinimum(1)
        self.id.setSuffix("")
        form = QFormLayout()
        form.addRow(f"New id of cell {label}", self.id)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.accepted.connect(lambda: self.chosen.emit(self.id.value()))
        self.id.selectAll()


def _number(value: int, name: str, tip: str) -> QSpinBox:
    field = QSpinBox()
    field.setRange(0, LARGEST)
    field.setValue(value)
    field.setSuffix(" px")
    field.setAccessibleName(name)
    field.setToolTip(tip)
    return field
