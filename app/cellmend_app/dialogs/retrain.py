"""Retrain a model on the corrected images of the folder, and watch it learn."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyqtgraph as pg
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cellmend.params import FINE_TUNING_RATE, TrainSettings
from cellmend_app.dialogs.files import MODELS, choose_file
from cellmend_app.dialogs.parts import duration, named
from cellmend_app.resources import Theme, colors
from cellmend_app.services.models import SEGMENTATION, ModelService
from cellmend_app.services.train import Epoch, TrainRequest, TrainService

PATH_ROLE = Qt.ItemDataRole.UserRole
DEFAULTS = TrainSettings(name="default")
"""What the command line and the library start with, so that the window does too."""


class RetrainDialog(QDialog):
    """Settings on the left, the loss curve on the right, progress below.

    It does not block the window, and training goes on when it is closed.

    Signals
    -------
    trained(name)
        A new model was made and is in the list.
    """

    trained = pyqtSignal(str)

    def __init__(
        self,
        training: TrainService,
        models: ModelService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Retrain a model")
        self.resize(880, 520)
        self._training = training
        self._models = models
        self._device = "auto"
        self.losses: list[float] = []
        self._validation: list[tuple[int, float]] = []
        self._seconds: list[float] = []
        self._build_fields()
        self._build_curve()
        self._build_buttons()
        self._arrange()
        self._connect()

    def prepare(
        self, images: list[Path], start_from: str, theme: Theme, device: str = "auto"
    ) -> None:
        """List the corrected images, and offer the model in use to start from."""
        self._color_curve(theme)
        self._device = device
        if self._training.running:
            return
        self.images.clear()
        for path in images:
            item = QListWidgetItem(path.name)
            item.setData(PATH_ROLE, path)
            item.setToolTip(str(path))
            item.setCheckState(Qt.CheckState.Checked)
            self.images.addItem(item)
        self._list_models(start_from)
        self.name.setText(f"retrained-{datetime.now():%Y%m%d-%H%M}")
        self._update()

    def request(self) -> TrainRequest:
        """Return what the fields ask for."""
        return TrainRequest(
            images=tuple(self._chosen()),
            name=self.name.text().strip(),
            start_from=str(self.start_from.currentData()),
            epochs=self.epochs.value(),
            learning_rate=self.rate.value(),
            partial=self.partial.isChecked(),
            device=self._device,
        )

    # -- building

    def _build_fields(self) -> None:
        self.images = QListWidget()
        named(self.images, "Corrected images", "Images with saved masks; untick those to leave out")
        self.start_from = QComboBox()
        named(self.start_from, "Model to start from", "A built-in model, one of yours, or a file")
        self.name = QLineEdit()
        named(self.name, "Name of the new model", "The new model is listed under this name")
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 5000)
        self.epochs.setValue(DEFAULTS.epochs)
        named(self.epochs, "Epochs", "How often training goes through the images")
        self.rate = QDoubleSpinBox()
        self.rate.setDecimals(5)
        self.rate.setRange(0.00001, 1.0)
        self.rate.setSingleStep(0.0005)
        self.rate.setValue(FINE_TUNING_RATE)
        named(self.rate, "Learning rate", "How large the steps of training are")
        self.partial = QCheckBox("Some cells have no mask")
        named(
            self.partial,
            "Some cells have no mask",
            "Tick it where you have not corrected all cells: the model then learns from those\n"
            "with a mask and what is close around them, and nothing from the rest of the image.",
        )

    def _build_curve(self) -> None:
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.setMinimumSize(360, 220)
        self.plot.showGrid(y=True, alpha=0.15)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        self._legend = self.plot.addLegend(offset=(-10, 10))
        self.curve = self.plot.plot(name="training", symbol="o", symbolSize=4)
        self._validation_curve = self.plot.plot(name="validation")
        named(self.plot, "Loss curve", "The loss after every epoch: lower is better")

    def _build_buttons(self) -> None:
        self.progress = QProgressBar()
        self.progress.setRange(0, 1)
        self.progress.setTextVisible(False)
        named(self.progress, "Progress of the training")
        self.state = QLabel()
        self.state.setProperty("muted", True)
        self.state.setWordWrap(True)
        self.start = QPushButton("Train")
        self.start.setProperty("primary", True)
        named(self.start, "Start training")
        self.stop = QPushButton("Cancel training")
        named(self.stop, "Cancel training", "Stop; no model is made")
        self.close_button = QPushButton("Close")
        named(self.close_button, "Close", "Close this window; a training goes on")

    def _arrange(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Start from", self.start_from)
        form.addRow("Name", self.name)
        form.addRow("Epochs", self.epochs)
        form.addRow("Learning rate", self.rate)
        form.addRow("", self.partial)
        left = QVBoxLayout()
        heading = QLabel("Corrected images")
        heading.setProperty("heading", True)
        left.addWidget(heading)
        left.addWidget(self.images, 1)
        left.addLayout(form)
        sides = QHBoxLayout()
        sides.setSpacing(16)
        sides.addLayout(left, 2)
        sides.addWidget(self.plot, 3)
        buttons = QHBoxLayout()
        buttons.addWidget(self.state, 1)
        for button in (self.stop, self.close_button, self.start):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(sides, 1)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(self._training.cancel)
        self.close_button.clicked.connect(self.close)
        self.images.itemChanged.connect(lambda _: self._update())
        self.name.textChanged.connect(lambda _: self._update())
        self.start_from.activated.connect(self._on_model)
        training = self._training
        training.started.connect(self._on_started)
        training.advanced.connect(self._on_epoch)
        training.succeeded.connect(self._on_success)
        training.failed.connect(lambda reason: self._end(f"Training failed: {reason}"))
        training.cancelled.connect(lambda: self._end("Training was cancelled; no model was made."))

    def _color_curve(self, theme: Theme) -> None:
        c = colors(theme)
        self.plot.setBackground(c["field"])
        for side, text in (("left", "loss"), ("bottom", "epoch")):
            axis = self.plot.getAxis(side)
            axis.setPen(c["border"])
            axis.setTextPen(c["muted"])
            axis.setLabel(text, color=c["muted"])
        self._legend.setLabelTextColor(c["text"])
        self.curve.setPen(c["accent"], width=2)
        self.curve.setSymbolBrush(c["accent"])
        self.curve.setSymbolPen(c["accent"])
        self._validation_curve.setPen(c["second"], width=2, style=Qt.PenStyle.DashLine)

    # -- what the person does

    def _start(self) -> None:
        self.losses, self._validation, self._seconds = [], [], []
        self.curve.setData([], [])
        self._validation_curve.setData([], [])
        self.progress.setRange(0, 0)
        self.state.setText("Reading the images…")
        self._training.start(self.request())
        self._update()

    def _on_model(self, index: int) -> None:
        if self.start_from.itemData(index) is not None:
            return
        path = choose_file(self, "A model to start from", Path.home(), MODELS)
        self.start_from.setCurrentIndex(0)
        if path is not None:
            self.start_from.insertItem(0, path.name, str(path))
            self.start_from.setCurrentIndex(0)

    # -- what the training says

    def _on_started(self, images: int, epochs: int) -> None:
        self.progress.setRange(0, epochs)
        self.progress.setValue(0)
        self.plot.setXRange(1, max(2, epochs))
        self.state.setText(f"Training on {images} {'image' if images == 1 else 'images'}…")

    def _on_epoch(self, epoch: Epoch) -> None:
        self.losses.append(epoch.loss)
        self.curve.setData(range(1, len(self.losses) + 1), self.losses)
        if epoch.validation_loss is not None:
            self._validation.append((epoch.number, epoch.validation_loss))
            self._validation_curve.setData(*zip(*self._validation, strict=True))
        self.progress.setValue(epoch.number)
        self._seconds.append(epoch.seconds)
        left = sum(self._seconds) / len(self._seconds) * (epoch.of - epoch.number)
        found = "" if epoch.validation_ap is None else f", AP {epoch.validation_ap:.2f} held out"
        self.state.setText(
            f"Epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}{found},"
            f" {duration(left)} left"
        )

    def _on_success(self, model: str) -> None:
        self._end(f"Done: the model “{model}” is in the list and chosen.")
        self.trained.emit(model)

    def _end(self, text: str) -> None:
        if self.progress.maximum() == 0:
            self.progress.setRange(0, 1)
        self._update()
        self.state.setText(text)

    # -- state

    def _chosen(self) -> list[Path]:
        items = (self.images.item(i) for i in range(self.images.count()))
        return [
            item.data(PATH_ROLE)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def _list_models(self, start_from: str) -> None:
        self.start_from.clear()
        for choice in self._models.of_task(SEGMENTATION):
            if choice.installed:
                self.start_from.addItem(choice.name, choice.name)
        self.start_from.addItem("From a file…", None)
        self.start_from.setCurrentIndex(max(0, self.start_from.findData(start_from)))

    def _update(self) -> None:
        running, chosen = self._training.running, self._chosen()
        fields = (self.images, self.start_from, self.name, self.epochs, self.rate, self.partial)
        for field in fields:
            field.setDisabled(running)
        self.stop.setVisible(running)
        taken = self._models.installed(self.name.text().strip())
        self.start.setDisabled(running or not chosen or not self.name.text().strip() or taken)
        if running:
            return
        if not self.images.count():
            self.state.setText("No image of this folder has saved masks: correct some and save.")
        elif taken and not self.losses:
            self.state.setText("There is a model of this name already; choose another.")
        elif not self.losses:
            self.state.setText(f"{len(chosen)} of {self.images.count()} images chosen.")
