"""The sliders that choose the plane of a stack and the frame of a series."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QWidget

from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.panels.parts import column

WORDS = {"T": ("Frame", "Frame of the series"), "Z": ("Plane", "Plane of the stack")}


class PlanesPanel(QWidget):
    """A slider and a number for each of the axes T and Z that the image has.

    Parameters
    ----------
    document
        What is open.
    """

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setObjectName("planes")
        self._document = document
        self._updating = False
        self.sliders: dict[str, QSlider] = {}
        self.fields: dict[str, QSpinBox] = {}
        self._rows: dict[str, QWidget] = {}
        layout = column(self, spacing=2)
        layout.setContentsMargins(12, 4, 12, 4)
        for axis, (text, tip) in WORDS.items():
            layout.addWidget(self._make_row(axis, text, tip))
        document.image_changed.connect(self._on_image)
        document.plane_changed.connect(lambda _: self._show())
        self._on_image()

    def _make_row(self, axis: str, text: str, tip: str) -> QWidget:
        slider, field, body = QSlider(Qt.Orientation.Horizontal), QSpinBox(), QWidget()
        name(slider, tip)
        name(field, text, tip)
        field.setKeyboardTracking(False)
        field.setMinimumWidth(92)
        slider.valueChanged.connect(lambda value: self._go(axis, value))
        field.valueChanged.connect(lambda value: self._go(axis, value - 1))
        self.sliders[axis], self.fields[axis], self._rows[axis] = slider, field, body
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        label = QLabel(text)
        label.setMinimumWidth(44)
        for widget, stretch in ((label, 0), (slider, 1), (field, 0)):
            row.addWidget(widget, stretch)
        return body

    def _on_image(self) -> None:
        image = self._document.image
        self._updating = True
        for axis in WORDS:
            size = 1 if image is None else image.size(axis)
            self.sliders[axis].setRange(0, size - 1)
            self.fields[axis].setRange(1, size)
            self.fields[axis].setSuffix(f" / {size}")
            self._rows[axis].setVisible(size > 1)
        self.setVisible(self._document.plane_count > 1)
        self._updating = False
        self._show()

    def _show(self) -> None:
        image = self._document.image
        if image is None:
            return
        self._updating = True
        frame, depth = divmod(self._document.plane, image.size("Z"))
        for axis, at in (("T", frame), ("Z", depth)):
            self.sliders[axis].setValue(at)
            self.fields[axis].setValue(at + 1)
        self._updating = False

    def _go(self, axis: str, at: int) -> None:
        image = self._document.image
        if self._updating or image is None:
            return
        planes = image.size("Z")
        frame, depth = divmod(self._document.plane, planes)
        frame, depth = (at, depth) if axis == "T" else (frame, at)
        self._document.plane = frame * planes + depth
