"""The panel that mends the image: denoise, deblur, upsample."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QWidget

from cellmend.params import RestoreSettings
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.panels.parts import ICON_SIZE, add, column, labelled, mark, muted, name, row
from cellmend_app.services.models import RESTORATION, ModelService

KINDS = {"Cells (general)": "", "Nuclei": "-nuclei"}


class RestorePanel(QWidget):
    """Chooses what the restoration was trained for, and shows what is installed.

    Signals
    -------
    availability_changed()
        Other models are meant by the buttons, or another set of them is installed.
    """

    availability_changed = pyqtSignal()

    def __init__(self, document: Document, models: ModelService, messages: Messages) -> None:
        super().__init__()
        self._document = document
        self._models = models
        self.kind = QComboBox()
        self.kind.addItems(list(KINDS))
        name(self.kind, "Trained for", "Which kind of image the restoration was trained for")
        self.state = muted()
        self.problem = QLabel()
        self.problem.setProperty("wrong", True)
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._buttons: list[QPushButton] = []
        self._layout = column(self)
        add(self._layout, labelled("Trained for", self.kind), self.state, self.problem)
        self.kind.currentIndexChanged.connect(self._update)
        models.changed.connect(self._update)
        document.layers_changed.connect(self._update_state)
        document.image_changed.connect(self._update_state)
        messages.refused.connect(self._refuse)
        self._update()

    def add_buttons(self, actions: list[QAction]) -> None:
        """Put buttons for `actions` at the top of the panel."""
        buttons = [action_button(action, with_icon=False) for action in actions]
        for button in buttons:
            button.setProperty("compact", True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layout.insertLayout(0, row(*buttons))

    def model(self, task: str) -> str:
        """Return the name of the model that the button of `task` runs."""
        return task + KINDS[self.kind.currentText()]

    def ready(self, task: str) -> bool:
        """Whether the model that the button of `task` runs is installed."""
        return self._models.installed(self.model(task))

    def missing(self, task: str) -> str:
        """Say which model is missing for the button of `task`, if it is."""
        if self.ready(task) or not self._models.choices:
            return ""
        return f"The model “{self.model(task)}” is not installed"

    def settings(self, task: str) -> RestoreSettings:
        """Return the settings for a run of `task`."""
        return RestoreSettings(model=self.model(task), diameter=self._document.diameter)

    def _update(self) -> None:
        self._update_state()
        self.availability_changed.emit()

    def _update_state(self) -> None:
        missing = [self.model(task) for task in RESTORATION if not self.ready(task)]
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
