"""Ask for the size of a pixel, where the file does not tell it or is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from cellmend.image import Image
from cellmend_app.controls import name
from cellmend_app.dialogs.parts import ok_and_cancel

DECIMALS, LARGEST = 6, 1e6
AXES = {"X": "Width", "Y": "Height", "Z": "Distance of planes"}
NOTE = "Lengths and areas are in µm where this is known. The files stay as they are."
FOLDER = "Also for other images of this folder"
FOLDER_TIP = (
    "Remember it for this image, and for others of its folder whose files do not tell the size"
)


class Micrometres(QDoubleSpinBox):
    """A field for a length in µm; the lowest value stands for one that is not known."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.setDecimals(DECIMALS)
        self.setRange(0.0, LARGEST)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setSuffix(" µm")
        self.setSpecialValueText("not known")
        self.setValue(value)

    def textFromValue(self, value: float) -> str:
        """Return the number without the zeros at its end."""
        return self.locale().toString(value, "g", DECIMALS)


class PixelSizeDialog(QDialog):
    """A field for each axis of the image; those of a plane are one while pixels are square.

    Parameters
    ----------
    image
        The image that is open.
    of_folder
        What was given for images of its folder before.

    Signals
    -------
    chosen(size, for_folder)
        The size of a pixel in µm by axis, without what is not known; and whether it is that of
        all images of the folder whose files do not tell it.
    """

    chosen = pyqtSignal(object, bool)

    def __init__(
        self, image: Image, of_folder: Mapping[str, float], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Pixel size")
        self._given = dict(image.pixel_size_um or {})
        self.fields = {
            axis: self._field(axis) for axis in AXES if axis != "Z" or image.size("Z") > 1
        }
        self.square = QCheckBox("Square pixels")
        name(self.square, "Square pixels", "Height and width of a pixel are the same")
        self.square.setChecked(self._given.get("X") == self._given.get("Y"))
        self.for_folder = QCheckBox(FOLDER)
        name(self.for_folder, FOLDER, FOLDER_TIP)
        self.for_folder.setChecked(not self._given or self._given == dict(of_folder))
        self._arrange()
        self.square.toggled.connect(self._follow)
        self.fields["X"].valueChanged.connect(self._follow)
        self._follow()
        self.fields["X"].selectAll()

    @property
    def size_um(self) -> Mapping[str, float]:
        """The size of a pixel by axis; one that was not touched keeps all its digits."""
        values = {axis: field.value() for axis, field in self.fields.items()}
        exact = {
            axis: self._given[axis]
            for axis, value in values.items()
            if axis in self._given and round(self._given[axis], DECIMALS) == value
        }
        return {axis: exact.get(axis, value) for axis, value in values.items() if value > 0}

    def _field(self, axis: str) -> Micrometres:
        field = Micrometres(self._given.get(axis, 0.0))
        whose = "" if axis == "Z" else " of a pixel"
        name(field, AXES[axis], f"{AXES[axis]}{whose} in µm; 0 where it is not known")
        return field

    def _arrange(self) -> None:
        form = QFormLayout()
        for axis, field in self.fields.items():
            form.addRow(AXES[axis], field)
            if axis == "X":
                form.addRow("", self.square)
        note = QLabel(NOTE)
        note.setProperty("muted", True)
        note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.for_folder)
        layout.addWidget(note)
        layout.addWidget(ok_and_cancel(self))
        self.accepted.connect(lambda: self.chosen.emit(self.size_um, self.for_folder.isChecked()))

    def _follow(self) -> None:
        """Let the height be the width while pixels are square."""
        self.fields["Y"].setDisabled(self.square.isChecked())
        if self.square.isChecked():
            self.fields["Y"].setValue(self.fields["X"].value())
