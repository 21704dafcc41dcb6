"""Small pieces that the panels are built of."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import FoldButton

ICON_SIZE = QSize(20, 20)
LABEL_WIDTH, LONG_LABEL_WIDTH = 76, 100


class Section(QWidget):
    """A titled part of a side panel that folds away; `corner` stands beside the title."""

    def __init__(
        self, title: str, body: QWidget, *, open_: bool = True, corner: QWidget | None = None
    ) -> None:
        super().__init__()
        self.title = title
        self.body = body
        layout = column(self, spacing=2)
        layout.addWidget(body)
        self.header = FoldButton(title, body, open_=open_)
        layout.insertLayout(0, row(self.header, *([corner] if corner is not None else [])))


def column(widget: QWidget, *, spacing: int = 6) -> QVBoxLayout:
    """Lay `widget` out from top to bottom, without margins."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    return layout


def row(*widgets: QWidget, stretch: int = -1, spacing: int = 6) -> QHBoxLayout:
    """Lay widgets out from left to right; the one at `stretch` takes the room."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == stretch else 0)
    return layout


def labelled(
    text: str, *widgets: QWidget, stretch: int = 0, width: int = LABEL_WIDTH
) -> QHBoxLayout:
    """Lay out a form's row: its label, at least so wide, then its controls."""
    label = QLabel(text)
    label.setMinimumWidth(width)
    if widgets:
        label.setBuddy(widgets[0])
    layout = row(label, *widgets, stretch=stretch + 1)
    return layout


def number(
    low: float,
    high: float,
    value: float,
    step: float,
    *,
    decimals: int = 1,
    unit: str = "",
    least: str = "",
) -> QDoubleSpinBox:
    """Return a field for a number that tells of a new one when it is complete.

    `unit` stands behind the number; `least`, if given, in place of the lowest one.
    """
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(decimals)
    box.setSingleStep(step)
    box.setValue(value)
    box.setSuffix(unit)
    box.setSpecialValueText(least)
    box.setKeyboardTracking(False)
    return box


def narrow(combo: QComboBox) -> None:
    """Let a choice be as narrow as its place, whatever the length of its texts."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(4)


def rule() -> QFrame:
    """Return a thin horizontal line."""
    line = QFrame()
    line.setObjectName("rule")
    return line


def muted(text: str = "") -> QLabel:
    """Return a label for secondary text, wrapped."""
    label = QLabel(text)
    label.setProperty("muted", True)
    label.setWordWrap(True)
    return label


def mark(widget: QWidget, wrong: bool) -> None:
    """Outline a field whose value is refused, or take the outline back."""
    widget.setProperty("wrong", wrong)
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)


def add(layout: QBoxLayout, *items: QWidget | QBoxLayout) -> None:
    """Add widgets and layouts in order."""
    for item in items:
        if isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)


def scrolled(sections: Sequence[Section], width: int) -> QScrollArea:
    """Return sections one under the other, with lines between them, to be scrolled."""
    column = QWidget()
    column.setObjectName("column")
    layout = QVBoxLayout(column)
    layout.setContentsMargins(12, 6, 12, 6)
    layout.setSpacing(5)
    for index, section in enumerate(sections):
        if index:
            layout.addWidget(rule())
        layout.addWidget(section)
    layout.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(column)
    area.setMinimumWidth(width)
    area.setMaximumWidth(width + 120)
    return area
