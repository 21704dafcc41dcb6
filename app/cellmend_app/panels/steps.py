"""A list of restorations that are done one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PyQt6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QPushButton, QWidget

from cellmend.params import AnyStep, FilterSettings, RestoreStep
from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.panels.parts import add, column, muted, row, rule
from cellmend_app.services.models import RESTORATION, ModelService

ROW_HEIGHT, MOST_ROWS = 28, 5
NARROW = 48
"""Width that the text of a button has room for."""
UNITS = {"radius": " px", "strength": "", "iterations": " rounds"}


class StepsPanel(QWidget):
    """Models and filters in the order in which they are run, and buttons to change it.

    Parameters
    ----------
    document
        Keeps the list.
    models
        Those that can be added.
    chosen_filter
        Returns the filter that can be added.
    """

    def __init__(
        self,
        document: Document,
        models: ModelService,
        chosen_filter: Callable[[], FilterSettings],
    ) -> None:
        super().__init__()
        self._document = document
        self._models = models
        self._chosen_filter = chosen_filter
        self.list = QListWidget()
        name(self.list, "Steps", "Each step works on the result of the one before")
        self.add_step = _button("Add", "Add a model, or the filter chosen above, as last step")
        self.menu = QMenu(self.add_step)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.add_step.setMenu(self.menu)
        self.up = _button("Up", "Move this step up")
        self.down = _button("Down", "Move this step down")
        self.remove = _button("Remove", "Take this step away")
        self.hint = muted("No steps yet: add models and filters to run them in turn.")
        self._layout = column(self)
        buttons = row(self.add_step, self.up, self.down, self.remove, spacing=4)
        add(self._layout, rule(), self.hint, self.list, buttons)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.remove.clicked.connect(self._remove)
        self.list.currentRowChanged.connect(lambda _: self._update_buttons())
        document.steps_changed.connect(self._update)
        self._update()

    def add_button(self, button: QPushButton) -> None:
        """Put the button that runs the steps at the bottom."""
        self._layout.addWidget(button)

    def missing(self) -> str:
        """Say why the steps cannot be run, if so."""
        steps = self._document.steps
        if not steps:
            return "Add steps first"
        models = [step.model for step in steps if isinstance(step, RestoreStep)]
        lacking = [model for model in models if not self._models.installed(model)]
        return f"The model “{lacking[0]}” is not installed" if lacking else ""

    def fill_menu(self) -> None:
        """Offer the restoration models that are installed, and the filter that is chosen."""
        self.menu.clear()
        for task in RESTORATION:
            for choice in self._models.of_task(task):
                if choice.installed:
                    self._offer(RestoreStep(model=choice.name), choice.description)
        self.menu.addSeparator()
        self._offer(self._chosen_filter(), "The filter chosen above")

    def _offer(self, step: AnyStep, tip: str) -> None:
        action = self.menu.addAction(words(step))
        assert action is not None
        action.setToolTip(tip)
        action.triggered.connect(lambda: self._add(step))

    def _add(self, step: AnyStep) -> None:
        steps = self._document.steps
        self._change((*steps, step), len(steps))

    def _move(self, by: int) -> None:
        steps, at = list(self._document.steps), self.list.currentRow()
        steps.insert(at + by, steps.pop(at))
        self._change(steps, at + by)

    def _remove(self) -> None:
        steps, at = list(self._document.steps), self.list.currentRow()
        del steps[at]
        self._change(steps, min(at, len(steps) - 1))

    def _change(self, steps: Iterable[AnyStep], row: int) -> None:
        """List other steps, and go to one of them."""
        self._document.set_steps(steps)
        self.list.setCurrentRow(row)

    def _update(self) -> None:
        steps, at = self._document.steps, self.list.currentRow()
        self.list.clear()
        for step in steps:
            item = QListWidgetItem(words(step))
            item.setToolTip(words(step))
            self.list.addItem(item)
        self.list.setCurrentRow(min(max(at, 0), len(steps) - 1))
        self.hint.setVisible(not steps)
        self.list.setVisible(bool(steps))
        self.list.setFixedHeight(ROW_HEIGHT * min(max(len(steps), 1), MOST_ROWS) + 4)
        self._update_buttons()

    def _update_buttons(self) -> None:
        at = self.list.currentRow()
        self.up.setEnabled(at > 0)
        self.down.setEnabled(0 <= at < self.list.count() - 1)
        self.remove.setEnabled(at >= 0)


def words(step: AnyStep) -> str:
    """Return what a list says of a step."""
    if isinstance(step, RestoreStep):
        return step.text
    given = (f"{setting} {value:g}{UNITS[setting]}" for setting, value in step.numbers.items())
    return ", ".join([step.filter, *given]).replace("iterations ", "")


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("compact", True)
    button.setMinimumWidth(NARROW)
    name(button, tip)
    return button
