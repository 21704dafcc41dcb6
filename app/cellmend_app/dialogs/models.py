"""The models there are: what each is for, and those of the person to rename and remove."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.dialogs.parts import file_size, remark
from cellmend_app.messages import Messages
from cellmend_app.services.models import SEGMENTATION, ModelChoice, ModelService

NAME_ROLE = Qt.ItemDataRole.UserRole
USES: Mapping[str, str] = {SEGMENTATION: "find cells", "size": "estimate diameters"}
"""What models of a task do, where the task does not say it."""
WIDTH, HEIGHT, NAME_WIDTH = 560, 420, 220
HINT = "Models that you trained or added can be renamed and removed."


class ModelsDialog(QDialog):
    """Lists the models; one of the person's own is renamed in its place, or removed.

    Parameters
    ----------
    models
        The models.
    messages
        What asks before one is removed.
    """

    def __init__(
        self, models: ModelService, messages: Messages, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Models")
        self.resize(WIDTH, HEIGHT)
        self._models = models
        self._messages = messages
        self._build()
        self._arrange()
        self.list.currentItemChanged.connect(lambda *_: self._update())
        self.list.itemChanged.connect(self._on_renamed)
        self.rename.clicked.connect(lambda: self.list.editItem(self.list.currentItem(), 0))
        self.remove.clicked.connect(self._remove)
        self.close_button.clicked.connect(self.close)
        models.changed.connect(self._show)
        self._show()

    @property
    def chosen(self) -> ModelChoice | None:
        """The model that is highlighted."""
        item = self.list.currentItem()
        named = None if item is None else item.data(0, NAME_ROLE)
        return next((choice for choice in self._models.choices if choice.name == named), None)

    # -- details

    def _build(self) -> None:
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["Model", "What for", "Size", "From"])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        name(self.list, "Models", "Click a model to read about it; double-click your own to rename")
        header = self.list.header()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(0, NAME_WIDTH)
        self.about = remark()
        self.rename = QPushButton("Rename")
        name(self.rename, "Rename", "Give your model another name")
        self.remove = QPushButton("Remove")
        name(self.remove, "Remove", "Delete the file of your model, after a question")
        self.close_button = QPushButton("Close")
        for button in (self.rename, self.remove, self.close_button):
            button.setAutoDefault(False)  # Enter ends the entry of a name

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.rename)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addLayout(buttons)

    def _show(self) -> None:
        """List the models anew; the one that is highlighted stays so."""
        chosen = self.chosen
        self.list.blockSignals(True)
        self.list.clear()
        for choice in self._models.choices:
            item = _row(choice)
            self.list.addTopLevelItem(item)
            if chosen is not None and chosen.name == choice.name:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self._update()

    def _update(self) -> None:
        choice = self.chosen
        own = choice is not None and choice.own
        self.about.setText(choice.description if choice is not None else HINT)
        for button in (self.rename, self.remove):
            button.setEnabled(own)

    def _on_renamed(self, item: QTreeWidgetItem) -> None:
        former, new = item.data(0, NAME_ROLE), item.text(0).strip()
        if new and new != former:
            self._models.rename(former, new)
        else:
            item.setText(0, former)

    def _remove(self) -> None:
        choice = self.chosen
        if choice is not None and self._messages.confirm(
            f"Remove the model {choice.name}?", "Its file is deleted."
        ):
            self._models.remove(choice.name)


def _row(choice: ModelChoice) -> QTreeWidgetItem:
    size = file_size(choice.size) if choice.installed else ""
    origin = "you" if choice.own else "Cellmend"
    where = origin if choice.installed else "not installed"
    item = QTreeWidgetItem([choice.name, USES.get(choice.task, choice.task), size, where])
    item.setData(0, NAME_ROLE, choice.name)
    item.setToolTip(0, choice.name)
    if choice.own:
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
    return item
