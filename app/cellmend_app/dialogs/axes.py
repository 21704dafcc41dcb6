"""Ask which dimension of a file is which, where it does not say."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.dialogs.parts import ok_and_cancel
from cellmend_app.services.open_save import FileService
from cellmend_app.services.storage import AxesQuestion

AXES = {"T": "time", "C": "channel", "Z": "plane (depth)", "Y": "Y (rows)", "X": "X (columns)"}


class AxesDialog(QDialog):
    """One choice per dimension, with what the image would be; other files of its size follow."""

    def __init__(
        self, question: AxesQuestion, files: FileService, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Axes of the image")
        self._question = question
        self._files = files
        text = QLabel(
            f"{question.path.name} does not say what its dimensions are. What is chosen here"
            " holds for other files of the same size, too, until Cellmend is closed."
        )
        text.setWordWrap(True)
        form = QFormLayout()
        self.choices = [self._make_choice(form, number) for number in range(len(question.lengths))]
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.buttons = ok_and_cancel(self)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addLayout(form)
        layout.addWidget(self.summary)
        layout.addWidget(self.buttons)
        self.accepted.connect(lambda: files.set_axes(question, self.axes))
        self._show_summary()

    @property
    def axes(self) -> str:
        """The chosen letters, in the order of the file."""
        return "".join(str(choice.currentData()) for choice in self.choices)

    def _make_choice(self, form: QFormLayout, number: int) -> QComboBox:
        choice = QComboBox()
        for letter, name in AXES.items():
            choice.addItem(name, letter)
        length, guess = self._question.lengths[number], self._question.guess
        # Without a guess: the last axes, in their usual order.
        letter = guess[number] if guess else "TCZYX"[-len(self._question.lengths) :][number]
        choice.setCurrentIndex(choice.findData(letter))
        choice.setAccessibleName(f"Dimension {number + 1}")
        choice.currentIndexChanged.connect(self._show_summary)
        form.addRow(f"Dimension {number + 1}, of length {length}:", choice)
        return choice

    def _show_summary(self) -> None:
        axes, lengths = self.axes, self._question.lengths
        problem = _problem(axes)
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if ok is not None:
            ok.setEnabled(not problem)
        self.summary.setText(problem or described(dict(zip(axes, lengths, strict=True))))


def _problem(axes: str) -> str:
    if len(set(axes)) < len(axes):
        return "Each axis can be chosen only once."
    return "" if {"Y", "X"} <= set(axes) else "One dimension is Y and one is X."


def described(lengths: dict[str, int]) -> str:
    """Say in words what an image of these lengths is."""
    parts = [f"{lengths['Y']} × {lengths['X']} pixels"]
    for letter, one, many in (
        ("C", "channel", "channels"),
        ("Z", "plane", "planes"),
        ("T", "moment", "moments"),
    ):
        if letter in lengths:
            parts.append(f"{lengths[letter]} {one if lengths[letter] == 1 else many}")
    return "The image: " + ", ".join(parts) + "."
