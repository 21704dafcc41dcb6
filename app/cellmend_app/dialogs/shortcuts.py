"""The sheet of keyboard shortcuts, made from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import name


class ShortcutSheet(QDialog):
    """Lists what every key does; a button, `change`, leads to where keys are changed.

    Parameters
    ----------
    rows
        Pairs of keys and what they do, grouped: (group, [(keys, text), ...]).
    """

    def __init__(
        self, rows: Iterable[tuple[str, list[tuple[str, str]]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(640, 560)
        sheet = QWidget()
        sheet.setObjectName("column")
        grid = QGridLayout(sheet)
        grid.setHorizontalSpacing(24)
        line = 0
        for group, entries in rows:
            heading = QLabel(group)
            heading.setProperty("heading", True)
            grid.addWidget(heading, line, 0, 1, 2)
            line += 1
            for keys, text in entries:
                key = QLabel(keys)
                key.setProperty("muted", True)
                what = QLabel(text)
                what.setWordWrap(True)
                grid.addWidget(key, line, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(what, line, 1)
                line += 1
        grid.setRowStretch(line, 1)
        grid.setColumnStretch(1, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(sheet)
        area.setAccessibleName("Shortcuts")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.change = QPushButton("Change keys…")
        name(self.change, "Change keys", "Give actions other keys")
        self.change.setAutoDefault(False)
        buttons.addButton(self.change, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(buttons)
