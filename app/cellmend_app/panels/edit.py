"""The panel that corrects masks: what is done to selected cells, brush and overlap rule."""

from __future__ import annotations

from typing import get_args

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QComboBox, QLabel, QSizePolicy, QSlider, QToolBar, QToolButton, QWidget

from cellmend.labels.stroke import Overlap
from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.panels.parts import ICON_SIZE, add, column, muted, row

MIN_BRUSH, MAX_BRUSH, FIRST_BRUSH = 1, 200, 9
RULES: dict[Overlap, str] = {"keep": "Keep old", "replace": "Replace", "exclude": "Exclude"}
OVERLAP_TIP = "Where drawing meets other cells: keep them, replace them, or exclude what both claim"
TOOL_GROUPS = (3, 9, 12)
"""Before which tools the palette has a line."""


class EditPanel(QWidget):
    """Edits of the selected cells, brush size, and what drawing does to other cells.

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
        name(self.brush, "Brush size", "Diameter of brush and eraser in pixels")
        self.size_label = QLabel(f"{FIRST_BRUSH} px")
        self.size_label.setMinimumWidth(40)
        self.size_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        brush = QLabel("Brush")
        brush.setBuddy(self.brush)
        self.rule = QComboBox()
        for rule, text in RULES.items():
            self.rule.addItem(text, rule)
        name(self.rule, "Overlap", OVERLAP_TIP)
        self.state = muted()
        self.state.setWordWrap(False)
        self._delete = QToolButton()
        self._delete.setIconSize(QSize(15, 15))
        self.selected = QWidget()
        self.selected.setLayout(row(self.state, self._delete, stretch=0))
        self._layout = column(self)
        add(
            self._layout,
            row(brush, self.brush, self.size_label, self.rule, stretch=1),
        )
        self.brush.valueChanged.connect(self._on_brush)
        self.rule.currentIndexChanged.connect(lambda _: self._on_rule())
        document.overlap_changed.connect(self._show_rule)
        document.selection_changed.connect(self._show_selection)
        self._show_selection(0)

    def add_actions(self, rows: list[list[QAction]], delete: QAction) -> None:
        """Put rows of buttons at the top, and `delete` beside the selected cell."""
        for position, actions in enumerate(rows):
            buttons = [tool_button(action) for action in actions]
            self._layout.insertLayout(position, row(*buttons, spacing=1))
        self._delete.setDefaultAction(delete)
        self._delete.setAccessibleName(delete.text())

    def step_brush(self, steps: int) -> None:
        """Make the brush larger or smaller; by one pixel while small, by a tenth when large."""
        size = self.brush.value()
        self.brush.setValue(size + steps * max(1, size // 10))

    def _on_brush(self, diameter: int) -> None:
        self.size_label.setText(f"{diameter} px")
        self.brush_changed.emit(diameter)

    def _on_rule(self) -> None:
        self._document.set_overlap(self.rule.currentData())

    def _show_rule(self, rule: Overlap) -> None:
        self.rule.setCurrentIndex(get_args(Overlap).index(rule))

    def _show_selection(self, label: int) -> None:
        count = len(self._document.selection)
        text = f"Cell {label} is selected" if count == 1 else f"{count:,} cells are selected"
        self.state.setText(text)
        self.selected.setVisible(label > 0)


class OverlapNote(QLabel):
    """Says in the status bar what drawing does to other cells."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setToolTip(OVERLAP_TIP)
        document.overlap_changed.connect(self._show)
        self._show(document.overlap)

    def _show(self, rule: Overlap) -> None:
        self.setText(f"Overlap: {RULES[rule].lower()}")


def tool_palette(actions: list[QAction]) -> QToolBar:
    """Return the column of tools beside the image."""
    palette = QToolBar("Tools for masks")
    palette.setObjectName("palette")
    palette.setOrientation(Qt.Orientation.Vertical)
    palette.setIconSize(ICON_SIZE)
    for position, action in enumerate(actions):
        if position in TOOL_GROUPS:
            palette.addSeparator()
        palette.addAction(action)
        button = palette.widgetForAction(action)
        if button is not None:
            button.setAccessibleName(action.text())
    return palette


def tool_button(action: QAction) -> QToolButton:
    """Return a small icon button for `action`."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(ICON_SIZE)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setAccessibleName(action.text())
    return button
