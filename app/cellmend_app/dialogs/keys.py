"""Give actions other keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.dialogs.parts import remark
from cellmend_app.settings import Keys

ID_ROLE = Qt.ItemDataRole.UserRole
FIXED = {"Space": "fits the image", "C": "compares while it is held", "Esc": "drops a gesture"}
"""Keys that the image takes itself."""
WIDTH, HEIGHT, TEXT_WIDTH = 560, 560, 340
HINT = "Choose an action, then press its new key in the field."


class KeysDialog(QDialog):
    """Lists the actions by menu; the one that is highlighted can be given another key.

    Parameters
    ----------
    keys
        Which keys actions have.
    actions
        Id and text of the actions, by menu.
    """

    def __init__(
        self,
        keys: Keys,
        actions: Mapping[str, Sequence[tuple[str, str]]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys")
        self.resize(WIDTH, HEIGHT)
        self._keys = keys
        self._texts = {action: text for entries in actions.values() for action, text in entries}
        self._items: dict[str, QTreeWidgetItem] = {}
        self._build(actions)
        self._arrange()
        self.list.currentItemChanged.connect(lambda *_: self._begin())
        self.field.keySequenceChanged.connect(lambda _: self._update())
        self.give.clicked.connect(lambda: keys.give(self.chosen, self.key))
        self.usual.clicked.connect(lambda: keys.give_usual(self.chosen))
        self.all_usual.clicked.connect(keys.give_all_usual)
        self.close_button.clicked.connect(self.close)
        keys.changed.connect(self._show)
        self._show()

    @property
    def chosen(self) -> str:
        """The id of the action that is highlighted; empty if none is."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(0, ID_ROLE) or "")

    @property
    def key(self) -> str:
        """The key that was pressed, as it is written."""
        return self.field.keySequence().toString()

    # -- details

    def _build(self, actions: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["Action", "Keys"])
        self.list.setUniformRowHeights(True)
        self.list.setColumnWidth(0, TEXT_WIDTH)
        name(self.list, "Actions", "Choose the action that is to have another key")
        for menu, entries in actions.items():
            group = QTreeWidgetItem([menu])
            self.list.addTopLevelItem(group)
            for action, text in entries:
                item = QTreeWidgetItem([text, ""])
                item.setData(0, ID_ROLE, action)
                group.addChild(item)
                self._items[action] = item
        self.list.expandAll()
        self.field = QKeySequenceEdit()
        self.field.setMaximumSequenceLength(1)
        self.field.setClearButtonEnabled(True)
        name(self.field, "New key", "Press the new key here; empty for none")
        self.note = remark()
        self.give = QPushButton("Set")
        name(self.give, "Set", "Give the action this key alone")
        self.usual = QPushButton("Usual")
        name(self.usual, "Usual", "Give the action its usual keys again")
        self.all_usual = QPushButton("All usual")
        name(self.all_usual, "All usual", "Give every action its usual keys again")
        self.close_button = QPushButton("Close")
        for button in (self.give, self.usual, self.all_usual, self.close_button):
            button.setAutoDefault(False)  # Enter may be the key that is wanted

    def _arrange(self) -> None:
        entry, buttons = QHBoxLayout(), QHBoxLayout()
        entry.addWidget(self.field, 1)
        entry.addWidget(self.give)
        entry.addWidget(self.usual)
        buttons.addWidget(self.all_usual)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.list, 1)
        layout.addLayout(entry)
        layout.addWidget(self.note)
        layout.addLayout(buttons)

    def _show(self) -> None:
        """Write down the keys of every action."""
        for action, item in self._items.items():
            item.setText(1, ", ".join(self._keys.of(action)))
        self._begin()

    def _begin(self) -> None:
        """Put the key of the chosen action into the field."""
        keys = self._keys.of(self.chosen) if self.chosen else ()
        self.field.setKeySequence(QKeySequence(keys[0] if keys else ""))
        for control in (self.field, self.usual):
            control.setEnabled(bool(self.chosen))
        self._update()

    def _update(self) -> None:
        """Say what becomes of the key in the field."""
        owner = self._keys.owner(self.key) if self.key else ""
        self.give.setEnabled(bool(self.chosen) and self.key not in FIXED)
        if not self.chosen:
            self.note.setText(HINT)
        elif self.key in FIXED:
            self.note.setText(f"{self.key} {FIXED[self.key]}, and can be no other key.")
        elif owner and owner != self.chosen:
            self.note.setText(f"“{self._texts[owner]}” has {self.key} now, and would lose it.")
        else:
            self.note.setText("")
