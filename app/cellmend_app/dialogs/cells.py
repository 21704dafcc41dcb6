"""Dialogs on cells: select those that stand out, and another id."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cellmend.labels import choose
from cellmend.measure.cells import Table
from cellmend_app.dialogs.parts import ok_and_cancel
from cellmend_app.services.cells import CellService
from cellmend_app.services.objects import FRAME, LABEL, ObjectsService, heading, number
from cellmend_app.services.segment import count_of_cells

LARGEST = 2**31 - 1


class FilterDialog(QDialog):
    """Selects the cells of the plane on show that stand out: by size, place or measurement.

    What it selects is seen at once; it can be deleted here, or edited like any selection.
    Everything that the table of cells shows can be chosen as soon as it is measured.
    """

    def __init__(
        self, cells: CellService, objects: ObjectsService, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Select cells")
        self._cells = cells
        self._objects = objects
        self._document = cells.document
        self._make_controls()
        self._arrange()
        self._connect()
        self._select()
        objects.measure()

    def _make_controls(self) -> None:
        index = self._document.labels.index
        self._areas = sorted(index.area(label) for label in index)
        largest = self._areas[-1] if self._areas else LARGEST
        self.smaller = _number(0, "Smaller than", "Select cells of fewer pixels than this")
        self.larger = _number(largest, "Larger than", "Select cells of more pixels than this")
        self.border = QCheckBox("Cut off by the border")
        self.border.setAccessibleName("Cut off by the border")
        self.border.setToolTip("Select cells that touch the border of the image")
        self.measurement = QComboBox()
        self.measurement.setAccessibleName("Measurement")
        self.measurement.setToolTip("Select cells by any column of the table of cells")
        self.measurement.setPlaceholderText("Measuring…")
        self.measurement.setEnabled(False)
        self.below, self.above = QLineEdit(), QLineEdit()
        for field, text in ((self.below, "below"), (self.above, "above")):
            field.setAccessibleName(f"Measurement {text}")
            field.setToolTip(f"Select cells whose measurement is {text} this")
            field.setPlaceholderText(text)
            field.setFixedWidth(72)
        self.count = QLabel()
        self.delete = QPushButton("Delete selected")
        self.delete.setToolTip("Delete the selected cells; can be undone")
        self.delete.setAutoDefault(False)  # Enter in a field must not delete

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Smaller than", self.smaller)
        form.addRow("Larger than", self.larger)
        form.addRow(self.border)
        bounds = QHBoxLayout()
        for widget in (self.measurement, self.below, self.above):
            bounds.addWidget(widget)
        form.addRow("Measurement", bounds)
        areas, sizes = self._areas, f"Cells here: {len(self._areas):,}"
        if areas:
            middle = areas[len(areas) // 2]
            sizes += f", of {areas[0]:,} to {areas[-1]:,} pixels, median {middle:,}"
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        buttons.addButton(self.delete, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(sizes))
        layout.addLayout(form)
        layout.addWidget(self.count)
        layout.addWidget(buttons)

    def _connect(self) -> None:
        self.smaller.valueChanged.connect(self._select)
        self.larger.valueChanged.connect(self._select)
        self.border.toggled.connect(self._select)
        self.measurement.currentTextChanged.connect(self._select)
        self.below.textChanged.connect(self._select)
        self.above.textChanged.connect(self._select)
        self.delete.clicked.connect(self._delete)
        self._objects.measured.connect(self._take)

    def _take(self, columns: Table) -> None:
        """Offer what was measured; the choice stays."""
        chosen = self.measurement.currentData()
        blocked = self.measurement.blockSignals(True)
        self.measurement.clear()
        for column in columns:
            if column != LABEL:
                self.measurement.addItem(heading(column), column)
        self.measurement.setCurrentIndex(max(0, self.measurement.findData(chosen)))
        self.measurement.blockSignals(blocked)
        self.measurement.setEnabled(bool(columns))
        self._select()

    def _select(self) -> None:
        labels = self._document.labels
        found = set(choose.of_size(labels.index, 0, self.smaller.value() - 1))
        found.update(choose.of_size(labels.index, self.larger.value() + 1, LARGEST))
        if self.border.isChecked():
            found.update(choose.at_border(labels.index, labels.array.shape))
        found.update(label for label in self._measured() if label in labels.index)
        self._document.select(*sorted(found))
        self.count.setText(f"Selected: {count_of_cells(len(found))}.")
        self.delete.setEnabled(bool(found))

    def _measured(self) -> list[int]:
        """Return the cells of the volume on show whose measurement is out of its bounds."""
        columns, chosen = self._objects.columns, self.measurement.currentData()
        if chosen not in columns:
            return []
        values = np.asarray(columns[chosen], np.float64)
        low, high = number(self.below.text(), -np.inf), number(self.above.text(), np.inf)
        outside = (values < low) | (values > high)
        if FRAME in columns:
            outside &= columns[FRAME] == self._document.plane // len(self._document.frame)
        found: list[int] = columns[LABEL][outside].tolist()
        return found

    def _delete(self) -> None:
        self._cells.delete(self._document.selection)
        self._objects.measure()
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
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(ok_and_cancel(self))
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
