"""Everything that interrupts a person: errors by kind, and questions.

Nothing else in the program opens a message box. What kind of message a failure
gets follows from its class, so services only hand over the exception.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Literal

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from cellmend.errors import (
    Cancelled,
    CellmendError,
    DeviceError,
    FileFormatError,
    InputError,
    MemoryLimitError,
)
from cellmend.provenance import package_versions

logger = logging.getLogger(__name__)

SaveChoice = Literal["save", "discard", "cancel"]


class Messages(QObject):
    """Shows failures and asks questions on behalf of the services.

    Signals
    -------
    noted(text)
        A sentence for the status bar.
    refused(panel, text)
        Something to set right in a panel; an empty text takes it back.
    """

    noted = pyqtSignal(str)
    refused = pyqtSignal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._widget = parent
        self._shown: set[QDialog] = set()

    def note(self, text: str) -> None:
        """Say something in the status bar."""
        self.noted.emit(text)

    def error(
        self,
        error: BaseException,
        doing: str,
        *,
        panel: str = "",
        remedies: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        """Show a failure in the way that fits its kind.

        Parameters
        ----------
        error
            The exception.
        doing
            What was being done, as in "open the image".
        panel
            The panel whose input may be at fault; there an `InputError` is shown.
        remedies
            Buttons, and what they do, offered for a limit of the machine.
        """
        if isinstance(error, Cancelled):
            self.note("Cancelled.")
        elif isinstance(error, InputError) and panel:
            self.refused.emit(panel, str(error))
            self.note(error.message)
        elif isinstance(error, MemoryLimitError | DeviceError):
            self._offer(error, doing, remedies or {})
        elif isinstance(error, FileFormatError):
            self._box(f"Cannot {doing}", f"{error.path.name}: {error.reason}", error.hint)
        elif isinstance(error, CellmendError):
            self._box(f"Cannot {doing}", error.message, error.hint)
        elif isinstance(error, OSError):
            self._box(f"Cannot {doing}", _os_reason(error), "")
        else:
            self.report(error, doing)

    def report(self, error: BaseException, doing: str = "") -> None:
        """Show a fault of the program, with what a bug report needs."""
        logger.error("Failed to %s", doing or "go on", exc_info=error)
        self._show(ReportDialog(error, doing, self._widget))

    def ask_unsaved(self, name: str) -> SaveChoice:
        """Ask what to do with unsaved edits of the image `name`."""
        button = QMessageBox.StandardButton
        answer = self._ask(
            f"Save the masks of {name}?",
            "The masks were changed since they were last saved.",
            button.Save | button.Discard | button.Cancel,
            button.Save,
        )
        choices: dict[QMessageBox.StandardButton, SaveChoice] = {
            button.Save: "save",
            button.Discard: "discard",
        }
        return choices.get(answer, "cancel")

    def confirm(self, question: str, details: str, *, default: bool = False) -> bool:
        """Ask a question that is answered by yes or no."""
        button = QMessageBox.StandardButton
        preset = button.Yes if default else button.No
        return self._ask(question, details, button.Yes | button.No, preset) == button.Yes

    def about(self) -> None:
        """Say what this is, and under which licences."""
        versions = ", ".join(f"{name} {text}" for name, text in package_versions().items())
        self._box(
            "Cellmend",
            "Mends microscope images and finds the cells in them.",
            f"Library: BSD-3-Clause. Window: GPL-3.0.\n\n{versions}",
            icon=QMessageBox.Icon.Information,
        )

    def _offer(
        self, error: CellmendError, doing: str, remedies: Mapping[str, Callable[[], None]]
    ) -> None:
        box = self._make_box(f"Cannot {doing}", error.message, error.hint)
        for text, action in remedies.items():
            button = box.addButton(text, QMessageBox.ButtonRole.AcceptRole)
            if button is not None:
                button.clicked.connect(lambda _=False, action=action: action())
        box.addButton(QMessageBox.StandardButton.Close)
        self._show(box)

    def _box(
        self,
        title: str,
        text: str,
        details: str,
        icon: QMessageBox.Icon = QMessageBox.Icon.Warning,
    ) -> None:
        logger.info("%s: %s", title, text)
        self._show(self._make_box(title, text, details, icon))

    def _show(self, dialog: QDialog) -> None:
        """Open a dialog and keep it alive until it is closed."""
        self._shown.add(dialog)
        dialog.finished.connect(lambda _: self._shown.discard(dialog))
        dialog.open()

    def _make_box(
        self,
        title: str,
        text: str,
        details: str,
        icon: QMessageBox.Icon = QMessageBox.Icon.Warning,
    ) -> QMessageBox:
        box = QMessageBox(self._widget)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(icon)
        box.setWindowTitle(title)
        box.setText(f"{title}\n\n{text}" if icon == QMessageBox.Icon.Warning else text)
        box.setInformativeText(details)
        box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return box

    def _ask(
        self,
        question: str,
        details: str,
        buttons: QMessageBox.StandardButton,
        preset: QMessageBox.StandardButton,
    ) -> QMessageBox.StandardButton:
        box = QMessageBox(self._widget)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Cellmend")
        box.setText(question)
        box.setInformativeText(details)
        box.setStandardButtons(buttons)
        box.setDefaultButton(preset)
        return QMessageBox.StandardButton(box.exec())


class ReportDialog(QDialog):
    """A fault of the program: versions and traceback, to copy into a report."""

    def __init__(self, error: BaseException, doing: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Cellmend ran into a fault")
        self.resize(640, 420)
        self.text = report_text(error, doing)
        what = f"while trying to {doing}" if doing else "just now"
        message = QLabel(
            f"Something went wrong in Cellmend {what}. This is a fault of the program, not "
            "yours. Your image and masks are still open: save them now. A report with the "
            "text below helps to mend it."
        )
        message.setWordWrap(True)
        details = QPlainTextEdit(self.text)
        details.setReadOnly(True)
        details.setAccessibleName("Details of the fault")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Copy report", QDialogButtonBox.ButtonRole.ActionRole)
        if copy is not None:
            copy.clicked.connect(self.copy)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (message, details, buttons):
            layout.addWidget(widget)

    def copy(self) -> None:
        """Put the report on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text)


def report_text(error: BaseException, doing: str) -> str:
    """Return versions and traceback as plain text."""
    versions = "\n".join(f"{name} {text}" for name, text in package_versions().items())
    trace = "".join(traceback.format_exception(error))
    return f"While: {doing or 'unknown'}\n\n{versions}\n\n{trace}"


def _os_reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason
