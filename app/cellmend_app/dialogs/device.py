"""Choose where networks run, and try it."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.services.device import AUTO, CPU, DeviceService

ABOUT = (
    "Restoring, finding cells and training run here. Automatic takes the graphics card where "
    "there is one that can be used, else the CPU. A training that runs stays where it is."
)
WIDTH = 460


class DeviceDialog(QDialog):
    """Lists the devices; one that is chosen is used at once, and remembered."""

    def __init__(self, devices: DeviceService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Device")
        self._devices = devices
        self.choice = QComboBox()
        name(self.choice, "Device", "Where networks run; remembered for the next time")
        self.test = QPushButton("Test")
        name(self.test, "Test the device", "Run a small network there, and see how long it takes")
        self.test.setAutoDefault(False)
        self.outcome = QLabel()
        self.outcome.setWordWrap(True)
        self.outcome.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.outcome.setAccessibleName("Result of the test")
        self._arrange()
        self._list()
        self.choice.activated.connect(self._choose)
        self.test.clicked.connect(self._test)
        devices.changed.connect(self._list)
        devices.tested.connect(self._show)

    def _arrange(self) -> None:
        about = QLabel(ABOUT)
        about.setWordWrap(True)
        about.setProperty("muted", True)
        choice = QHBoxLayout()
        choice.addWidget(self.choice, 1)
        choice.addWidget(self.test)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(choice)
        layout.addWidget(about)
        layout.addWidget(self.outcome)
        layout.addWidget(buttons)
        self.resize(WIDTH, self.sizeHint().height())

    def _list(self) -> None:
        devices = self._devices
        self.choice.clear()
        for device in dict.fromkeys((AUTO, CPU, *devices.found, devices.chosen)):
            self.choice.addItem(devices.title(device), device)
        self.choice.setCurrentIndex(self.choice.findData(devices.chosen))

    def _choose(self) -> None:
        self.outcome.clear()
        self._devices.choose(self.choice.currentData())

    def _test(self) -> None:
        self.test.setEnabled(False)
        self.outcome.setText("Testing…")
        self._devices.test().finished.connect(self._end)

    def _show(self, text: str) -> None:
        self.outcome.setText(text)

    def _end(self) -> None:
        self.test.setEnabled(True)
