"""The panel that corrects masks: the tools, and the size of the brush."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QLabel, QSizePolicy, QSlider, QToolButton, QWidget

from cellmend_app.document import Document
from cellmend_app.panels.parts import ICON_SIZE, add, column, labelled, muted, name, row

MIN_BRUSH, MAX_BRUSH, FIRST_BRUSH = 1, 200, 9


class EditPanel(QWidget):
    """Tool buttons and brush size.

    Signals
    -------
    brush_changed(diameter)
        The diameter of brush and eraser, in image pixels.
    """

    brush_changed = pyqtSignal(int)

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setRange(MIN_BRUSH, MAX_BRUSH)
        self.brush.setValue(FIRST_BRUSH)
        self.brush.setPageStep(5)
        name(self.brush, "Brush size", "Diameter of brush and eraser in pixels  ( ,  and  . )")
        self.size_label = QLabel(f"{FIRST_BRUSH} px")
        self.size_label.setMinimumWidth(44)
        self.size_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.state = muted()
        self.state.setWordWrap(False)
        self._delete = QToolButton()
        self._delete.setIconSize(QSize(15, 15))
        self.selected = QWidget()
        self.selected.setLayout(row(self.state, self._delete, stretch=0))
        self._layout = column(self)
        add(self._layout, labelled("Brush size", self.brush, self.size_label))
        self.brush.valueChanged.connect(self._on_brush)
        document.selection_changed.connect(self._show_selection)
        self._show_selection(0)

    def add_actions(self, actions: list[QAction], delete: QAction) -> None:
        """Put tools and edits at the top, and `delete` beside the selected cell."""
        self._layout.insertLayout(0, row(*[tool_button(action) for action in actions], spacing=1))
        self._delete.setDefaultAction(delete)
        self._delete.setAccessibleName(delete.text())

    def step_brush(self, steps: int) -> None:
        """Make the brush larger or smaller; by one pixel while small, by a tenth when large."""
        size = self.brush.value()
        self.brush.setValue(size + steps * max(1, size // 10))

    def _on_brush(self, diameter: int) -> None:
        self.size_label.setText(f"{diameter} px")
        self.brush_changed.emit(diameter)

    def _show_selection(self, label: int) -> None:
        self.state.setText(f"Cell {label} is selected")
        self.selected.setVisible(label > 0)


def tool_button(action: QAction) -> QToolButton:
    """Return a small icon button for `action`."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(ICON_SIZE)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setAccessibleName(action.text())
    return button
