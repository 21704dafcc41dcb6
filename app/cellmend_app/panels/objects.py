"""The table of all cells: sorted, filtered, and linked to the selection in the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    Qt,
)
from PyQt6.QtGui import QHideEvent, QShowEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from cellmend.io.folder import MEASUREMENTS_CSV, output_path
from cellmend.measure.cells import Table
from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.panels.distribution import Distribution
from cellmend_app.panels.parts import row
from cellmend_app.services.objects import (
    FRAME,
    LABEL,
    ObjectsService,
    heading,
    meaning,
    number,
)
from cellmend_app.services.segment import count_of_cells


class CellTable(QAbstractTableModel):
    """Columns of numbers; sorting and filtering reorder rows in one step of numpy."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: Table = {}
        self.names: list[str] = []
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self._sorted: tuple[str, bool] = ("", False)
        self._filter: tuple[str, float, float] = ("", -np.inf, np.inf)

    def take(self, columns: Table) -> None:
        """Show other columns, sorted and filtered as before."""
        self.beginResetModel()
        self._columns, self.names = columns, list(columns)
        self._arrange()
        self.endResetModel()

    def filter(self, column: str, low: float, high: float) -> None:
        """Show only rows whose value in `column` is from `low` to `high`."""
        self.beginResetModel()
        self._filter = (column, low, high)
        self._arrange()
        self.endResetModel()

    @property
    def sorted_by(self) -> str:
        """The column that rows are sorted by; empty for none."""
        return self._sorted[0]

    def labels(self, frame: int | None = None) -> list[int]:
        """Return the ids of the rows on show, top down; of a series, of one frame if asked for."""
        return self.labels_of(range(len(self._rows)), frame)

    def labels_of(self, rows: Sequence[int], frame: int | None) -> list[int]:
        """Return the ids of these rows on show; of a series, of one frame if asked for."""
        chosen = self._rows[list(rows)]
        if frame is not None and FRAME in self._columns:
            chosen = chosen[self._columns[FRAME][chosen] == frame]
        found: list[int] = self._values(LABEL)[chosen].tolist()
        return found

    def rows_of(self, labels: Sequence[int], frame: int) -> NDArray[np.intp]:
        """Return the rows on show of these cells, of a series those of one frame, top down."""
        found = np.isin(self._values(LABEL)[self._rows], labels)
        if FRAME in self._columns:
            found &= self._columns[FRAME][self._rows] == frame
        return np.flatnonzero(found)

    def values(self, column: str) -> NDArray[np.float64]:
        """Return a column of all rows, on show or not."""
        return np.asarray(self._values(column), np.float64)

    def value(self, row_: int, column: str) -> float:
        """Return a number of a row on show."""
        return float(self._values(column)[self._rows[row_]])

    # -- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows on show."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, aligned as numbers are."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        value = self._columns[self.names[index.column()]][self._rows[index.row()]].item()
        if isinstance(value, bool):
            return "yes" if value else ""
        return "" if value != value else f"{value:.6g}"  # NaN: there is no value

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the name of a column, or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return heading(self.names[section])
        return meaning(self.names[section]) if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; NaN comes last."""
        if not 0 <= column < len(self.names):
            return
        self.beginResetModel()
        self._sorted = (self.names[column], order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.endResetModel()

    def _values(self, column: str) -> NDArray[Any]:
        return self._columns.get(column, np.zeros(0))

    def _arrange(self) -> None:
        count = len(self._values(LABEL))
        rows = np.arange(count)
        column, descending = self._sorted
        if column in self._columns:
            values = np.asarray(self._columns[column], np.float64)
            rows = np.argsort(-values if descending else values, kind="stable")
        column, low, high = self._filter
        if column in self._columns:
            values = np.asarray(self._columns[column], np.float64)[rows]
            rows = rows[(values >= low) & (values <= high)]
        self._rows = rows


class ObjectsPanel(QWidget):
    """A row per cell; a row that is clicked selects its cell, and the other way round.

    Beside it, the distribution of the column that rows can be filtered by.
    """

    def __init__(self, document: Document, objects: ObjectsService) -> None:
        super().__init__()
        self._document = document
        self._objects = objects
        self._linking = False
        self._wanted = ""
        self.model = CellTable(self)
        self.table = QTableView()
        name(self.table, "Cells", "Click a row to select its cell, a heading to sort")
        self.table.setModel(self.model)
        self.table.setSortingEnabled(True)
        rows = self.table.verticalHeader()
        assert rows is not None
        rows.hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.column = QComboBox()
        self.column.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        name(
            self.column,
            "Column to filter by",
            "The column to filter by, whose distribution is shown",
        )
        self.low, self.high = QLineEdit(), QLineEdit()
        name(self.low, "Smallest value", "Show cells from this value on")
        name(self.high, "Largest value", "Show cells up to this value")
        self.low.setPlaceholderText("from")
        self.high.setPlaceholderText("to")
        self.distribution = Distribution()
        self.count = QLabel()
        self.choose = QPushButton("Select")
        name(
            self.choose,
            "Select the cells in the table",
            "Select all cells in the table, of a series those of the frame on show, to delete "
            "or edit them",
        )
        self.save = QPushButton("Save table…")
        name(
            self.save, "Save the table of cells", "Save all rows as CSV, Excel workbook or Parquet"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        fields = (self.column, self.low, self.high, self.count, self.choose, self.save)
        layout.addLayout(row(QLabel("Show"), *fields, stretch=4))
        layout.addLayout(row(self.table, self.distribution, stretch=0), 1)
        self.column.currentIndexChanged.connect(self._on_column)
        self.low.textChanged.connect(self._filter)
        self.high.textChanged.connect(self._filter)
        self.distribution.limits_changed.connect(self._on_range)
        self.choose.clicked.connect(self._choose_shown)
        selection = self.table.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(self._select_cells)
        self.model.modelReset.connect(self._show_selection)
        document.selection_changed.connect(lambda _: self._show_selection())
        document.plane_changed.connect(lambda _: self._show_selection())
        objects.measured.connect(self._take)

    @property
    def suggested(self) -> Path | None:
        """The name that the table is offered to be saved under."""
        path = self._document.path
        return None if path is None else output_path(path, MEASUREMENTS_CSV)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Measure while the table is seen."""
        super().showEvent(event)
        self._objects.watch(True)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Spare the work while it is not."""
        super().hideEvent(event)
        self._objects.watch(False)

    def _take(self, columns: Table) -> None:
        others = list(columns) != self.model.names
        if others:
            self._list_columns(list(columns))
        self.model.take(columns)
        self.distribution.show_values(self.model.values(self._wanted))
        if others:
            self._fit_headings()
        self.save.setEnabled(len(self.model.values(LABEL)) > 0)

    def _list_columns(self, columns: list[str]) -> None:
        """Offer columns to filter by; one that was chosen and is gone may come back."""
        self._wanted = self._wanted or next(iter(columns), "")
        self.column.blockSignals(True)
        self.column.clear()
        for column in columns:
            self.column.addItem(heading(column), column)
        self.column.setCurrentIndex(self.column.findData(self._wanted))
        self.column.blockSignals(False)

    def _fit_headings(self) -> None:
        """Give headings the room that they need, and the one that rows are sorted by its arrow."""
        header = self.table.horizontalHeader()
        if header is None:
            return
        for place in range(len(self.model.names)):
            width = max(header.defaultSectionSize(), header.sectionSizeHint(place))
            header.resizeSection(place, width)
        if self.model.sorted_by in self.model.names:
            place = self.model.names.index(self.model.sorted_by)
            header.setSortIndicator(place, header.sortIndicatorOrder())

    def _on_column(self) -> None:
        self._wanted = self.column.currentData()
        self.distribution.show_values(self.model.values(self._wanted))
        self._on_range(-np.inf, np.inf)  # the bounds were those of another column

    def _on_range(self, low: float, high: float) -> None:
        """Put a range into the fields and go by it; they are empty where it is open."""
        for field, bound in ((self.low, low), (self.high, high)):
            blocked = field.blockSignals(True)
            field.setText(f"{bound:.6g}" if np.isfinite(bound) else "")
            field.blockSignals(blocked)
        self._filter()

    def _filter(self) -> None:
        low, high = number(self.low.text(), -np.inf), number(self.high.text(), np.inf)
        self.distribution.show_limits(low, high)
        bounded = low > -np.inf or high < np.inf
        self.model.filter(self._wanted if bounded else "", low, high)

    @property
    def _frame(self) -> int:
        """Which frame of a series is on show; ids are those of its cells."""
        return self._document.plane // len(self._document.frame)

    def _select_cells(self) -> None:
        """Select the cells of the selected rows that lie in one frame: that of the last click."""
        selection = self.table.selectionModel()
        if self._linking or selection is None:
            return
        rows = [index.row() for index in selection.selectedRows()]
        clicked = selection.currentIndex().row()
        self._linking = True
        if rows:
            self._go_to(clicked if clicked in rows else rows[0])
        ids = self.model.labels_of(rows, self._frame)
        self._document.select(*ids)
        self._linking = False
        if len(ids) < len(rows):  # some lie in other frames
            self._show_selection(scroll=False)

    def _choose_shown(self) -> None:
        """Select the cells of all rows; in a series ids are those of the frame on show."""
        self._document.select(*self.model.labels(self._frame))

    def _go_to(self, row_: int) -> None:
        names, image = self.model.names, self._document.image
        depth = 1 if image is None else image.size("Z")
        if FRAME in names or "centroid_z" in names:
            frame = self.model.value(row_, FRAME) if FRAME in names else 0
            z = round(self.model.value(row_, "centroid_z")) if "centroid_z" in names else 0
            self._document.plane = int(frame) * depth + z

    def _show_selection(self, *, scroll: bool = True) -> None:
        """Select the rows of the selected cells."""
        self.count.setText(count_of_cells(self.model.rowCount()))
        selection = self.table.selectionModel()
        if self._linking or selection is None:
            return
        rows = self.model.rows_of(self._document.selection, self._frame)
        wanted = QItemSelection()
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            if len(run):
                wanted.select(self.model.index(run[0], 0), self.model.index(run[-1], 0))
        self._linking = True
        flags = QItemSelectionModel.SelectionFlag
        selection.select(wanted, flags.ClearAndSelect | flags.Rows)
        if scroll and len(rows):
            self.table.scrollTo(self.model.index(rows[0], 0))
        self._linking = False
