"""The panel that mends the image: denoise, deblur, upsample; filters; and steps in turn."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QWidget

from cellmend.errors import InputError
from cellmend.params import AnyStep, RestoreStep
from cellmend_app.controls import FoldButton, name
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.panels.filters import FilterPanel
from cellmend_app.panels.parts import ICON_SIZE, add, column, labelled, mark, muted, narrow, row
from cellmend_app.panels.steps import StepsPanel
from cellmend_app.services.models import RESTORATION, ModelChoice, ModelService

KINDS = {"Cells (general)": "", "Nuclei": "-nuclei"}
"""What Cellmend's own models are trained for, and how their names end after the task."""
KNOWN = {task + ending for task in RESTORATION for ending in KINDS.values()}


class RestorePanel(QWidget):
    """Chooses what the restoration was trained for, and shows what is installed.

    Below the kinds of Cellmend's own models, of which each has one for every button, stand
    the models that the person trained or added, which have one task each. Filters and steps are
    folded away; the buttons of `corner`, which stands beside the panel's title, unfold them.

    Signals
    -------
    availability_changed()
        Other models are meant by the buttons, another set of them is installed, or there are
        other steps.
    """

    availability_changed = pyqtSignal()

    def __init__(self, document: Document, models: ModelService, messages: Messages) -> None:
        super().__init__()
        self._document = document
        self._models = models
        self.kind = QComboBox()
        narrow(self.kind)
        self.kind.addItems(list(KINDS))
        name(
            self.kind,
            "Trained for",
            "Which kind of image the restoration was trained for, or a model of your own",
        )
        self.state = muted()
        self.problem = QLabel()
        self.problem.setProperty("wrong", True)
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.filters = FilterPanel(messages)
        self.steps = StepsPanel(document, models, self.filters.settings)
        self._layout = column(self)
        add(self._layout, labelled("Trained for", self.kind), self.state, self.problem)
        add(self._layout, self.filters, self.steps)
        self.folds = {
            "Filters": FoldButton("Filters", self.filters, open_=False),
            "Steps": FoldButton("Steps", self.steps, open_=False),
        }
        self.folds["Filters"].toggled.connect(self.filters.end_preview)
        self.corner = QWidget()
        self.corner.setLayout(row(*self.folds.values(), spacing=0))
        self.kind.currentIndexChanged.connect(self._update)
        document.steps_changed.connect(self.availability_changed)
        models.changed.connect(self._update_models)
        document.layers_changed.connect(self._update_state)
        document.image_changed.connect(self._update_state)
        messages.refused.connect(self._refuse)
        self._update()

    def add_buttons(self, actions: list[QAction], apply: QAction, run: QAction) -> None:
        """Put buttons for `actions` at the top, and those of the filter and the steps to them."""
        self.filters.add_button(action_button(apply, with_icon=False))
        self.steps.add_button(action_button(run, with_icon=False))
        buttons = [action_button(action, with_icon=False) for action in actions]
        for button in buttons:
            button.setProperty("compact", True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layout.insertLayout(0, row(*buttons))

    @property
    def own_model(self) -> str:
        """The name of the person's own model that is chosen; empty if none is."""
        return str(self.kind.currentData() or "")

    def choose_model(self, model: str) -> None:
        """Choose one of the person's own models, if it is listed."""
        index = self.kind.findData(model)
        if index >= 0:
            self.kind.setCurrentIndex(index)

    def model(self, task: str) -> str:
        """Return the name of the model that the button of `task` is for."""
        return self.own_model or task + KINDS[self.kind.currentText()]

    def ready(self, task: str) -> bool:
        """Whether the model for the button of `task` is installed and does that."""
        return self._models.task_of(self.model(task)) == task

    def missing(self, task: str) -> str:
        """Say why the button of `task` has no model to run, if it has none."""
        if self.ready(task) or not self._models.choices:
            return ""
        model = self.model(task)
        does = self._models.task_of(model)
        if not does:
            return f"The model “{model}” is not installed"
        return f"The model “{model}” does not {task}; it was made to {does}"

    def step(self, task: str) -> AnyStep:
        """Return what the button of `task` runs.

        Raises
        ------
        InputError
            If there is no model to run; never another one in its place.
        """
        if problem := self.missing(task):
            raise InputError(f"{problem}.")
        return RestoreStep(model=self.model(task))

    def _update_models(self) -> None:
        """List the person's own models anew; the chosen one stays, even if it is gone."""
        chosen = self.own_model
        self.kind.blockSignals(True)
        while self.kind.count() > len(KINDS):
            self.kind.removeItem(len(KINDS))
        for choice in self._own_models():
            self._offer(f"{choice.name} ({choice.task})", choice.name, choice.description)
        if chosen and self.kind.findData(chosen) < 0:
            self._offer(f"{chosen} (not installed)", chosen)
        if chosen:
            self.kind.setCurrentIndex(self.kind.findData(chosen))
        self.kind.blockSignals(False)
        self._update()

    def _own_models(self) -> list[ModelChoice]:
        return [
            choice
            for task in RESTORATION
            for choice in self._models.of_task(task)
            if choice.installed and choice.name not in KNOWN
        ]

    def _offer(self, text: str, model: str, description: str = "") -> None:
        self.kind.addItem(text, model)
        tip = f"{text}: {description}" if description else text
        self.kind.setItemData(self.kind.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _update(self) -> None:
        self._update_state()
        self.availability_changed.emit()

    def _update_state(self) -> None:
        models = dict.fromkeys(self.model(task) for task in RESTORATION)
        missing = [model for model in models if not self._models.installed(model)]
        lines = []
        if self._document.restored is not None:
            lines.append(f"Restored with {self._document.restored.name}; the raw image is kept.")
        if missing and self._models.choices:
            lines.append(f"Not installed: {', '.join(missing)}.")
        self.state.setText("\n".join(lines))
        self.state.setVisible(bool(lines))

    def _refuse(self, panel: str, text: str) -> None:
        if panel == "restore":
            self.problem.setText(text)
            self.problem.setVisible(bool(text))
            mark(self.kind, bool(text))


def action_button(action: QAction, *, with_icon: bool = True) -> QPushButton:
    """Return a push button that mirrors `action`: text, tooltip, enabled or not."""
    button = QPushButton(action.text())
    button.setIconSize(ICON_SIZE)
    button.clicked.connect(action.trigger)

    def follow() -> None:
        button.setEnabled(action.isEnabled())
        if with_icon:
            button.setIcon(action.icon())
        name(button, action.text(), action.toolTip())

    action.changed.connect(follow)
    follow()
    return button
