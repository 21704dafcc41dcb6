"""The fields of a classical filter: which one, its numbers, and whether it is previewed."""

from __future__ import annotations

from typing import get_args

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget

from cellmend.params import FILTER_USES, FilterName, FilterSettings
from cellmend_app.controls import name
from cellmend_app.messages import Messages
from cellmend_app.panels.parts import add, column, labelled, muted, narrow, number, row, rule


class FilterPanel(QWidget):
    """Chooses a filter, and shows those numbers that it has.

    Signals
    -------
    changed(FilterSettings | None)
        What is to be previewed; None for nothing.
    """

    changed = pyqtSignal(object)

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self.filter = QComboBox()
        narrow(self.filter)
        for index, (filter_name, use) in enumerate(FILTER_USES.items()):
            self.filter.addItem(filter_name, filter_name)
            self.filter.setItemData(index, use.text, Qt.ItemDataRole.ToolTipRole)
        name(self.filter, "Filter", "A classical filter, which needs no model")
        self.text = muted()
        self.radius = number(0.1, 500, 1, 0.5, unit=" px")
        name(self.radius, "Radius", "How far the filter reaches, in pixels of the image")
        self.strength = number(0.05, 1000, 1, 0.1, decimals=2)
        name(self.strength, "Strength", "How much the filter does")
        self.iterations = number(1, 1000, 10, 1, decimals=0)
        name(self.iterations, "Rounds", "How often the filter is repeated")
        self._fields = {
            "radius": (_row("Radius", self.radius), self.radius),
            "strength": (_row("Strength", self.strength), self.strength),
            "iterations": (_row("Rounds", self.iterations), self.iterations),
        }
        self.preview = QCheckBox("Preview")
        name(self.preview, "Preview", "Show what the filter does to the middle of what is seen")
        self.problem = QLabel()
        self.problem.setProperty("wrong", True)
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._layout = column(self)
        add(self._layout, rule(), labelled("Filter", self.filter), self.text)
        add(self._layout, *(line for line, _ in self._fields.values()), self.problem)
        self.filter.currentIndexChanged.connect(self._take_defaults)
        self.preview.toggled.connect(self._tell)
        for _, field in self._fields.values():
            field.valueChanged.connect(self._tell)
        messages.refused.connect(self._refuse)
        self._take_defaults()

    def add_button(self, button: QPushButton) -> None:
        """Put the button that applies the filter at the bottom, beside the preview."""
        self._layout.insertLayout(self._layout.count() - 1, row(self.preview, button, stretch=1))

    @property
    def chosen(self) -> FilterName:
        """The name of the filter."""
        found: FilterName = get_args(FilterName)[self.filter.currentIndex()]
        return found

    def settings(self) -> FilterSettings:
        """Return the filter and those of its numbers that are not the usual ones."""
        use = FILTER_USES[self.chosen]
        given = {
            setting: field.value()
            for setting, (_, field) in self._fields.items()
            if getattr(use, setting) and field.value() != getattr(use, setting)
        }
        return FilterSettings.model_validate({**given, "filter": self.chosen})

    def end_preview(self) -> None:
        """Show the image as it is."""
        self.preview.setChecked(False)

    def _take_defaults(self) -> None:
        use = FILTER_USES[self.chosen]
        self.text.setText(f"{use.text[0].upper()}{use.text[1:]}.")
        for setting, (line, field) in self._fields.items():
            usual = getattr(use, setting)
            line.setVisible(bool(usual))
            if usual:
                field.blockSignals(True)
                field.setValue(usual)
                field.blockSignals(False)
        self._tell()

    def _tell(self) -> None:
        self.changed.emit(self.settings() if self.preview.isChecked() else None)

    def _refuse(self, panel: str, text: str) -> None:
        if panel == "filter":
            self.problem.setText(text)
            self.problem.setVisible(bool(text))


def _row(text: str, field: QWidget) -> QWidget:
    """Return a labelled field that can be hidden together with its label."""
    line = QWidget()
    column(line).addLayout(labelled(text, field))
    return line
