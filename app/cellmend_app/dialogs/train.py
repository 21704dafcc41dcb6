"""Train a model that finds cells or restores images, and watch it learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import FoldButton, name
from cellmend_app.dialogs.curve import LossCurve
from cellmend_app.dialogs.parts import duration
from cellmend_app.dialogs.train_examples import ExamplesButton
from cellmend_app.dialogs.train_pages import FEWEST_CROPS, CellsPage, RestorePage
from cellmend_app.dialogs.train_parts import (
    DEFAULTS,
    SCRATCH,
    AdvancedFields,
    StartFrom,
    choice,
    form,
    scrolled,
    whole,
)
from cellmend_app.resources import Theme
from cellmend_app.services.models import RESTORATION, SEGMENTATION, ModelService
from cellmend_app.services.train import Epoch, TrainService
from cellmend_app.services.train_data import DataService, counted
from cellmend_app.services.train_examples import ExamplesService
from cellmend_app.services.train_request import Restore, TrainRequest, Way

Kind = Literal["cells"] | Way
KINDS: dict[Kind, str] = {
    "cells": "Find cells, from corrected images",
    "masks": "Restore, from clean images with masks",
    "pairs": "Restore, from pairs of noisy and clean images",
    "noisy": "Restore, from noisy images alone",
}
RECENT = 5
"""Epochs that the time left is told by: the first one may compile its kernels."""


@dataclass(frozen=True)
class Surroundings:
    """What the window knows that a training may want.

    Parameters
    ----------
    corrected
        The images of the folder that have masks of the person.
    segmenter
        The segmentation model in use.
    diameter
        Of the cells, where the person gave one.
    folder
        Where folders are looked for.
    device
        Where to train.
    """

    corrected: Sequence[Path] = ()
    segmenter: str = ""
    diameter: float | None = None
    folder: Path = Path()
    device: str = "auto"


class TrainDialog(QDialog):
    """Settings on the left, the loss curve on the right, progress below.

    It does not block the window, and training goes on when it is closed.

    Signals
    -------
    trained(name)
        A new model was made.
    """

    trained = pyqtSignal(str)

    def __init__(
        self,
        training: TrainService,
        looking: DataService,
        drawing: ExamplesService,
        models: ModelService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Train a model")
        self.resize(940, 600)
        self._training = training
        self._models = models
        self._around = Surroundings()
        self._seconds: list[float] = []
        self._made: set[str] = set()
        self.cells = CellsPage()
        self.restore = RestorePage(looking)
        self.curve = LossCurve()
        self.examples = ExamplesButton(drawing, self.request, self._tell)
        self._build_fields()
        self._build_buttons()
        self._arrange()
        self._connect()

    def prepare(self, around: Surroundings, theme: Theme, *, restoring: bool) -> None:
        """Offer to train, with what the window knows; a training at work stays on show."""
        self.curve.set_theme(theme)
        if self._training.running:
            return
        self._around = around
        self.cells.list_images(around.corrected)
        segmenters = [c.name for c in self._models.of_task(SEGMENTATION) if c.installed]
        self.restore.prepare(around.folder, around.diameter, segmenters)
        kind = self.restore.way if restoring else "cells"
        self.kind.setCurrentIndex(self.kind.findData(kind))
        self.curve.expect(self.epochs.value())
        self._on_kind()
        if self._training.unfinished is None:
            self._training.recall()

    def request(self) -> TrainRequest:
        """Return what the fields ask for."""
        more, page = self.advanced, self._page
        crops = more.crops.value() or None
        if crops is None and page is self.restore:
            crops = max(FEWEST_CROPS, page.found().images)
        return TrainRequest(
            data=page.data(),
            name=self.name.text().strip(),
            start_from=self.start_from.chosen,
            epochs=self.epochs.value(),
            learning_rate=more.rate.value() or None,
            images_per_epoch=crops,
            crop=more.crop.value(),
            batch_size=more.batch.value(),
            tone=more.tone.value() / 100 if page.has_masks else None,
            aim=page.aim(),
            device=self._around.device,
        )

    @property
    def _page(self) -> CellsPage | RestorePage:
        return self.cells if self.kind.currentData() == "cells" else self.restore

    # -- building

    def _build_fields(self) -> None:
        self.kind = choice()
        for kind, text in KINDS.items():
            self.kind.addItem(text, kind)
        name(self.kind, "What is learnt", "What the model will do, and what it learns it from")
        self.explanation = QLabel()
        self.explanation.setProperty("muted", True)
        self.explanation.setWordWrap(True)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.start_from = StartFrom()
        self.name = QLineEdit()
        name(self.name, "Name of the new model", "The new model is listed under this name")
        self.epochs = whole(1, 5000, DEFAULTS.epochs)
        name(self.epochs, "Epochs", "How often training goes through the images")
        self.advanced = AdvancedFields()
        self.fold = FoldButton("Advanced", self.advanced, open_=False)

    def _build_buttons(self) -> None:
        self.progress = QProgressBar()
        self.progress.setRange(0, 1)
        self.progress.setTextVisible(False)
        name(self.progress, "Progress of the training")
        self.state = QLabel()
        self.state.setProperty("muted", True)
        self.state.setWordWrap(True)
        self.start = QPushButton("Train")
        self.start.setProperty("primary", True)
        name(self.start, "Start training", "Train a new model")
        self.stop = QPushButton("Stop")
        name(self.stop, "Stop training", "Stop at once; what was learnt until the last epoch stays")
        self.go_on = QPushButton("Go on")
        name(self.go_on, "Go on", "Go on with the training that was stopped")
        self.keep = QPushButton("Keep as it is")
        name(self.keep, "Keep as it is", "Make a model of what the stopped training has learnt")
        self.close_button = QPushButton("Close")
        name(self.close_button, "Close", "Close this window; a training goes on")
        for button in (self.stop, self.go_on, self.keep, self.close_button):
            button.setAutoDefault(False)

    def _arrange(self) -> None:
        self.pages = QStackedWidget()
        self.pages.addWidget(self.cells)
        self.pages.addWidget(self.restore)
        rows = form()
        rows.addRow("Start from", self.start_from)
        rows.addRow("Name", self.name)
        rows.addRow("Epochs", self.epochs)
        fields = QWidget()
        fields.setObjectName("column")
        left = QVBoxLayout(fields)
        left.setContentsMargins(0, 0, 8, 0)
        left.setSpacing(8)
        for widget in (self.kind, self.explanation):
            left.addWidget(widget)
        left.addWidget(self.pages, 1)
        left.addWidget(self.hint)
        left.addWidget(self.examples)
        left.addLayout(rows)
        left.addWidget(self.fold)
        left.addWidget(self.advanced)
        sides = QHBoxLayout()
        sides.setSpacing(12)
        sides.addWidget(scrolled(fields), 2)
        sides.addWidget(self.curve, 3)
        buttons = QHBoxLayout()
        buttons.addWidget(self.state, 1)
        for button in (self.stop, self.keep, self.go_on, self.close_button, self.start):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(sides, 1)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        training = self._training
        self.kind.activated.connect(self._on_kind)
        self.name.textChanged.connect(self._update)
        self.cells.changed.connect(self._update)
        self.restore.changed.connect(self._update)
        self.restore.task_changed.connect(self._list_models)
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(training.cancel)
        self.go_on.clicked.connect(lambda: self._resume(training.go_on, "Going on…"))
        self.keep.clicked.connect(lambda: self._resume(training.keep, "Making the model…"))
        self.close_button.clicked.connect(self.close)
        training.recalled.connect(self._on_stopped)
        training.started.connect(self._on_started)
        training.advanced.connect(self._on_epoch)
        training.succeeded.connect(self._on_success)
        training.failed.connect(self._on_failure)
        training.cancelled.connect(self._on_stopped)

    # -- what the person does

    def _on_kind(self) -> None:
        kind: Kind = self.kind.currentData()
        if kind != "cells":
            self.restore.set_way(kind)
        self.pages.setCurrentWidget(self._page)
        self.explanation.setText(self._page.explained)
        self._list_models()
        self._suggest_name()
        self._update()

    def _list_models(self) -> None:
        """Offer models of the same kind, and the one that suits what is learnt."""
        kind, aim = self.kind.currentData(), self._page.aim()
        if not isinstance(aim, Restore):
            models = [c for c in self._models.of_task(SEGMENTATION) if c.installed]
            self.start_from.offer([(c.name, c.name) for c in models], self._around.segmenter)
            return
        mended = [c for task in RESTORATION for c in self._models.of_task(task) if c.installed]
        texts = [(c.name if c.name == c.task else f"{c.name} ({c.task})", c.name) for c in mended]
        preset = aim.task if kind == "masks" else SCRATCH
        self.start_from.offer([("Nothing: from scratch", SCRATCH), *texts], preset)

    def _suggest_name(self) -> None:
        """Put a name that no model has into its field."""
        base = "retrained" if self._page is self.cells else "restorer"
        base += f"-{datetime.now():%Y%m%d-%H%M}"
        names = (base, *(f"{base}-{number}" for number in range(2, 100)))
        self.name.setText(next(free for free in names if not self._taken(free)))

    def _start(self) -> None:
        self.curve.begin()
        self._begin("Reading the images…")
        self._training.start(self.request())
        self._update()

    def _resume(self, run: Callable[[], None], text: str) -> None:
        self._begin(text)
        run()
        self._update()

    def _begin(self, text: str) -> None:
        self._seconds = []
        self.progress.setRange(0, 0)
        self.state.setText(text)

    # -- what the training says

    def _on_started(self, images: int, epochs: int) -> None:
        self.curve.expect(epochs)
        if epochs not in self.curve.losses:  # else only the model is left to be made
            self.state.setText(f"Training on {counted(images, 'image')}…")

    def _on_epoch(self, epoch: Epoch) -> None:
        self.curve.add(epoch)
        self.progress.setRange(0, epoch.of)
        self.progress.setValue(epoch.number)
        self._seconds.append(epoch.seconds)
        recent = self._seconds[-RECENT:]
        left = sum(recent) / len(recent) * (epoch.of - epoch.number)
        found = "" if epoch.validation_ap is None else f", AP {epoch.validation_ap:.2f} held out"
        self.state.setText(
            f"Epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}{found},"
            f" {duration(left)} left"
        )

    def _on_success(self, model: str) -> None:
        self._made.add(model)
        self._end(f"Done: the model “{model}” is in the list and chosen.")
        self.trained.emit(model)

    def _on_failure(self, reason: str) -> None:
        done = self._training.unfinished
        if done is None:
            self._end(f"Nothing was trained. {reason}")
        else:
            self._end(f"Training failed after {counted(done.epochs, 'epoch')}. {reason}")

    def _on_stopped(self) -> None:
        done = self._training.unfinished
        if done is None:
            self._end("Stopped before the first epoch was done; no model was made.")
        else:
            asked = done.request
            self._end(f"“{asked.name}” was stopped after {done.epochs} of {asked.epochs} epochs.")

    def _end(self, text: str) -> None:
        if self.progress.maximum() == 0:
            self.progress.setRange(0, 1)
        self.state.setText(text)
        if self._taken(self.name.text().strip()):
            self._suggest_name()
        self._update()

    # -- state

    def _tell(self, text: str) -> None:
        """Say something of the examples; a training that began meanwhile has more to say."""
        if not self._training.running:
            self.state.setText(text)

    def _taken(self, model: str) -> bool:
        """Whether a model, or a training that can go on, has this name."""
        done = self._training.unfinished
        names = self._made | {choice.name for choice in self._models.choices}
        return model in names or (done is not None and model == done.request.name)

    def _problem(self) -> str:
        """Say what is in the way of a training."""
        model = self.name.text().strip()
        if not model:
            return "Give the new model a name."
        if self._taken(model):
            return f"The name “{model}” is taken already; choose another."
        return self._page.found().problem

    def _update(self) -> None:
        running, found, problem = self._training.running, self._page.found(), self._problem()
        for part in (self.kind, self.pages, self.start_from, self.name, self.epochs, self.advanced):
            part.setDisabled(running)
        self.advanced.tone.setEnabled(self._page.has_masks)
        self.stop.setVisible(running)
        for button in (self.go_on, self.keep):
            button.setVisible(self._training.unfinished is not None)
        self.start.setDisabled(running or bool(problem) or not found.images)
        self.examples.setDisabled(running or bool(problem) or not found.images)
        self._say(problem or found.text, wrong=bool(problem))

    def _say(self, text: str, *, wrong: bool) -> None:
        self.hint.setText(text)
        self.hint.setProperty("wrong", wrong)
        self.hint.setProperty("muted", not wrong)
        if (style := self.hint.style()) is not None:
            style.unpolish(self.hint)
            style.polish(self.hint)
