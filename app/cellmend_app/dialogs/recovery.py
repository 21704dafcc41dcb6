"""Offer the masks that a crash left unsaved."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.services.recovery import Leftover, RecoveryService


class RecoveryDialog(QDialog):
    """Lists unsaved masks: recover one, discard all, or decide later."""

    def __init__(
        self,
        leftovers: Sequence[Leftover],
        recovery: RecoveryService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Recover unsaved masks")
        self._leftovers = list(leftovers)
        self._recovery = recovery
        text = QLabel(
            "Cellmend ended before these masks were saved. Recovered masks are shown over what"
            " is saved of the image; your files change only when you save."
        )
        text.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Unsaved masks")
        for leftover in self._leftovers:
            self.list.addItem(f"{leftover.image.name}   {leftover.saved_at:%Y-%m-%d %H:%M}")
            self.list.item(self.list.count() - 1).setToolTip(str(leftover.image))  # type: ignore[union-attr]
        self.list.setCurrentRow(0)
        buttons = QDialogButtonBox()
        self.recover = QPushButton("Recover")
        self.recover.setProperty("primary", True)
        self.discard = QPushButton("Discard all")
        self.later = QPushButton("Decide later")
        buttons.addButton(self.recover, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.discard, QDialogButtonBox.ButtonRole.DestructiveRole)
        buttons.addButton(self.later, QDialogButtonBox.ButtonRole.RejectRole)
        self.recover.clicked.connect(self.accept)
        self.discard.clicked.connect(self._discard)
        self.later.clicked.connect(self.reject)
        self.list.itemDoubleClicked.connect(self.accept)
        self.finished.connect(self._on_finished)
        layout = QVBoxLayout(self)
        for widget in (text, self.list, buttons):
            layout.addWidget(widget)
        self.resize(460, 280)

    def _discard(self) -> None:
        if self._recovery.discard(self._leftovers):
            self._leftovers = []
            self.accept()

    def _on_finished(self, result: int) -> None:
        chosen = self.list.currentRow()
        if result == QDialog.DialogCode.Accepted and self._leftovers and chosen >= 0:
            self._recovery.recover(self._leftovers.pop(chosen))
        self._recovery.keep(self._leftovers)
