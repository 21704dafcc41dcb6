"""The retrain dialog: what it offers, what it asks for, what it shows."""

from pathlib import Path

import pytest
from doubles import RecordingMessages
from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cellmend_app.dialogs.parts import duration
from cellmend_app.dialogs.retrain import RetrainDialog
from cellmend_app.services.models import ModelChoice, ModelService
from cellmend_app.services.train import Epoch
from cellmend_app.workers import JobRunner

IMAGES = [Path("/data/a.tif"), Path("/data/b.tif")]


class Training(QObject):
    """A training that only says what the test tells it to."""

    started = pyqtSignal(int, int)
    advanced = pyqtSignal(object)
    succeeded = pyqtSignal(str)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    running = False
    request = None
    was_cancelled = False

    def start(self, request):
        self.request, self.running = request, True

    def cancel(self):
        self.was_cancelled = True
        self.running = False
        self.cancelled.emit()


@pytest.fixture
def training(qapp):
    return Training()


@pytest.fixture
def dialog(qtbot, training):
    runner = JobRunner()
    models = ModelService(runner, RecordingMessages())
    models.choices = (
        ModelChoice("generalist", "segmentation", installed=True),
        ModelChoice("mine", "segmentation", installed=True, own=True),
        ModelChoice("nuclei", "segmentation", installed=False),
        ModelChoice("denoise", "denoise", installed=True),
    )
    dialog = RetrainDialog(training, models)
    dialog.prepare(IMAGES, "mine", "dark")
    dialog.show()
    yield dialog
    dialog.close()
    runner.shutdown()


def test_it_offers_installed_segmentation_models_and_files(dialog):
    texts = [dialog.start_from.itemText(i) for i in range(dialog.start_from.count())]
    assert texts == ["generalist", "mine", "From a file…"]
    assert dialog.start_from.currentText() == "mine"


def test_a_file_can_be_chosen_to_start_from(dialog, monkeypatch):
    monkeypatch.setattr(
        "cellmend_app.dialogs.retrain.choose_file", lambda *args: Path("/w/cyto.safetensors")
    )
    last = dialog.start_from.count() - 1
    dialog.start_from.setCurrentIndex(last)
    dialog.start_from.activated.emit(last)
    assert dialog.request().start_from == "/w/cyto.safetensors"


def test_the_request_holds_what_was_chosen(dialog, training):
    dialog.images.item(0).setCheckState(Qt.CheckState.Unchecked)
    dialog.name.setText("better")
    dialog.epochs.setValue(12)
    dialog.rate.setValue(0.0005)
    dialog.start.click()
    request = training.request
    assert request.images == (IMAGES[1],)
    assert (request.name, request.start_from) == ("better", "mine")
    assert (request.epochs, request.learning_rate) == (12, 0.0005)
    assert not request.partial


def test_cells_without_masks_can_be_owned_up_to(dialog, training):
    dialog.partial.click()
    dialog.start.click()
    assert training.request.partial
    assert not dialog.partial.isEnabled()


def test_nothing_can_be_started_without_images_or_a_free_name(dialog):
    assert dialog.start.isEnabled()
    dialog.name.setText("mine")
    assert not dialog.start.isEnabled()
    assert "already" in dialog.state.text()
    dialog.name.setText("")
    assert not dialog.start.isEnabled()
    dialog.prepare([], "mine", "dark")
    assert not dialog.start.isEnabled()
    assert "no image" in dialog.state.text().lower()


def test_it_shows_the_curve_the_progress_and_the_time_left(dialog, training):
    dialog.start.click()
    assert not dialog.epochs.isEnabled()
    assert dialog.stop.isVisible()
    training.started.emit(2, 4)
    training.advanced.emit(Epoch(1, 4, 0.5, 0.75, 10.0))
    training.advanced.emit(Epoch(2, 4, 0.25, 0.5, 20.0, 0.625))
    assert dialog.losses == [0.5, 0.25]
    assert list(dialog.curve.yData) == [0.5, 0.25]
    assert (dialog.progress.value(), dialog.progress.maximum()) == (2, 4)
    assert "30 s left" in dialog.state.text()
    assert "AP 0.62 held out" in dialog.state.text()


def test_success_offers_the_model(qtbot, dialog, training):
    dialog.start.click()
    training.running = False
    with qtbot.waitSignal(dialog.trained) as blocker:
        training.succeeded.emit("better")
    assert blocker.args == ["better"]
    assert not dialog.stop.isVisible()


def test_failure_says_why_and_lets_one_try_again(dialog, training):
    dialog.start.click()
    training.running = False
    training.failed.emit("a.tif: no masks")
    assert "a.tif: no masks" in dialog.state.text()
    assert dialog.start.isEnabled()


def test_cancel(dialog, training):
    dialog.start.click()
    dialog.stop.click()
    assert training.was_cancelled
    assert "cancelled" in dialog.state.text()
    assert dialog.start.isEnabled()


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (89, "89 s"), (600, "10 min"), (12000, "3 h 20 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
