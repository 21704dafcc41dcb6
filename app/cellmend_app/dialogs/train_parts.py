"""What a training starts from and how it goes: the fields that all kinds of training have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QListWidget,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from cellmend.params import TrainSettings
from cellmend_app.controls import name
from cellmend_app.dialogs.files import MODELS, choose_file

DEFAULTS = TrainSettings(name="default")
"""What the command line and the library start with, so that the window does too."""
SCRATCH = ""
"""Stands for no model to start from."""


def form(parent: QWidget | None = None) -> QFormLayout:
    """Return rows of a label and a field that takes the room."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(8)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def listing() -> QListWidget:
    """Return a list that takes what room is left, however little."""
    box = QListWidget()
    box.setTextElideMode(Qt.TextElideMode.ElideLeft)
    box.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    box.setMinimumHeight(64)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
    return box


def scrolled(body: QWidget) -> QScrollArea:
    """Return `body` in an area that scrolls it where the screen is too small."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumWidth(320)
    area.setWidget(body)
    return area


def choice() -> QComboBox:
    """Return a choice that may be narrower than its texts."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    return box


def whole(low: int, high: int, value: int, *, step: int = 1, unit: str = "") -> QSpinBox:
    """Return a field for a whole number."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setValue(value)
    box.setSuffix(unit)
    return box


class StartFrom(QComboBox):
    """Chooses a model to start from: an installed one, a file, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        name(self, "Model to start from", "A built-in model, one of yours, or a file")
        self._before = 0
        self.activated.connect(self._on_chosen)

    @property
    def chosen(self) -> str:
        """The name or file of the model; empty: from scratch."""
        return str(self.currentData() or SCRATCH)

    def offer(self, models: Sequence[tuple[str, str]], preset: str) -> None:
        """List models, each with its text and its name; choose `preset` if it is there."""
        self.clear()
        for text, model in models:
            self.addItem(text, model)
        self.addItem("From a file…", None)
        self._before = max(0, self.findData(preset))
        self.setCurrentIndex(self._before)

    def _on_chosen(self, index: int) -> None:
        if self.itemData(index) is None:
            path = choose_file(self, "A model to start from", Path.home(), MODELS)
            if path is None:
                self.setCurrentIndex(self._before)
                return
            self.insertItem(0, path.name, str(path))
            self.setCurrentIndex(0)
        self._before = self.currentIndex()


class AdvancedFields(QWidget):
    """Numbers that seldom need a change; at their lowest two of them are left to the library."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = QDoubleSpinBox()
        self.rate.setDecimals(5)
        self.rate.setRange(0.0, 1.0)
        self.rate.setSingleStep(0.0005)
        self.rate.setSpecialValueText("Automatic")
        name(self.rate, "Learning rate", "How large the steps of training are")
        self.crops = whole(0, 1_000_000, 0, step=16)
        self.crops.setSpecialValueText("Automatic")
        name(self.crops, "Crops per epoch", "How many parts of images an epoch looks at")
        self.crop = whole(32, 1024, DEFAULTS.crop, step=16, unit=" px")
        name(self.crop, "Side of a crop", "How large these parts are: a multiple of 16 pixels")
        self.crop.editingFinished.connect(
            lambda: self.crop.setValue(round(self.crop.value() / 16) * 16)
        )
        self.batch = whole(1, 512, DEFAULTS.batch_size)
        name(self.batch, "Crops at a time", "Fewer need less memory")
        self.tone = whole(0, 100, round(100 * DEFAULTS.tone), step=10, unit=" % of the crops")
        name(
            self.tone,
            "Changed light",
            "Exposure, contrast, haze and uneven light are changed by chance, so that the model\n"
            "also knows cells under other light than that of these images",
        )
        rows = form(self)
        rows.addRow("Changed light", self.tone)
        rows.addRow("Learning rate", self.rate)
        rows.addRow("Crops per epoch", self.crops)
        rows.addRow("Side of a crop", self.crop)
        rows.addRow("Crops at a time", self.batch)
