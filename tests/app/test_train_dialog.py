"""The dialog that trains models: what it offers, what it asks for, what it shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from doubles import RecordingMessages
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QListWidget

from cellmend_app.dialogs.parts import duration
from cellmend_app.dialogs.train import KINDS, Surroundings, TrainDialog
from cellmend_app.services.models import ModelChoice, ModelService
from cellmend_app.services.train import Epoch
from cellmend_app.services.train_data import DataService
from cellmend_app.services.train_request import FindCells, Restore
from cellmend_app.services.unfinished import Unfinished
from cellmend_app.workers import JobRunner

IMAGES = [Path("/data/a.tif"), Path("/data/b.tif")]


class Training(QObject):
    """A training that only says what the test tells it to."""

    started = pyqtSignal(int, int)
    advanced = pyqtSignal(object)
    succeeded = pyqtSignal(str)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    recalled = pyqtSignal()
    running = False
    request = None
    unfinished = None
    done = ()

    def recall(self):
        self.done += ("recall",)

    def start(self, request):
        self.request, self.running, self.unfinished = request, True, None

    def cancel(self):
        self.done += ("cancel",)
        self.end(self.cancelled)

    def go_on(self):
        self.done += ("go on",)
        self.running, self.unfinished = True, None

    def keep(self):
        self.done += ("keep",)
        self.running, self.unfinished = True, None

    def end(self, signal, *words, epochs=0):
        self.running = False
        self.unfinished = Unfinished(self.request, epochs) if epochs else None
        signal.emit(*words)


@pytest.fixture
def training(qapp):
    return Training()


class Drawing(QObject):
    """A service of examples that only says what the test tells it to."""

    drawn = pyqtSignal(object)
    failed = pyqtSignal(str)
    stopped = pyqtSignal()
    request = None

    @property
    def running(self):
        return self.request is not None

    def draw(self, request):
        self.request = request

    def stop(self):
        self.end(self.stopped)

    def end(self, signal, *words):
        self.request = None
        signal.emit(*words)


@pytest.fixture
def drawing(qapp):
    return Drawing()


@pytest.fixture
def dialog(qtbot, training, drawing):
    runner = JobRunner()
    models = ModelService(runner, RecordingMessages())
    models.choices = (
        ModelChoice("generalist", "segmentation", installed=True),
        ModelChoice("mine", "segmentation", installed=True, own=True),
        ModelChoice("nuclei", "segmentation", installed=False),
        ModelChoice("denoise", "denoise", installed=True),
        ModelChoice("deblur", "deblur", installed=True),
        ModelChoice("calm", "denoise", installed=True, own=True),
    )
    dialog = TrainDialog(training, DataService(runner), drawing, models)
    dialog.prepare(Surroundings(IMAGES, "mine", diameter=22.0), "dark", restoring=False)
    dialog.show()
    yield dialog
    dialog.close()
    runner.shutdown()


@pytest.fixture
def noisy(tmp_path):
    """A folder with two noisy images."""
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 99, (40, 40), dtype=np.uint8)
        tifffile.imwrite(tmp_path / f"a{index}.tif", pixels)
    return tmp_path


def choose(dialog, kind):
    """Choose what is learnt, as a person does."""
    index = dialog.kind.findData(kind)
    dialog.kind.setCurrentIndex(index)
    dialog.kind.activated.emit(index)


def learn_from(qtbot, dialog, folder):
    """Add a folder, and wait until it is known what it holds."""
    with qtbot.waitSignal(dialog.restore._looking.looked, timeout=5000):
        dialog.restore.add_folder(folder)


def texts(box):
    return [box.itemText(i) for i in range(box.count())]


def test_it_offers_installed_segmentation_models_and_files(dialog):
    assert texts(dialog.start_from) == ["generalist", "mine", "From a file…"]
    assert dialog.start_from.currentText() == "mine"


def test_a_file_can_be_chosen_to_start_from(dialog, monkeypatch):
    chosen = [None, Path("/w/cyto.safetensors")]
    monkeypatch.setattr("cellmend_app.dialogs.train_parts.choose_file", lambda *args: chosen.pop(0))
    last = dialog.start_from.count() - 1
    for expected in ("mine", "/w/cyto.safetensors"):
        dialog.start_from.setCurrentIndex(last)
        dialog.start_from.activated.emit(last)
        assert dialog.request().start_from == expected


def test_the_request_holds_what_was_chosen(dialog, training):
    dialog.cells.images.item(0).setCheckState(Qt.CheckState.Unchecked)
    dialog.name.setText("better")
    dialog.epochs.setValue(12)
    dialog.advanced.rate.setValue(0.0005)
    dialog.start.click()
    request = training.request
    assert request.data == (IMAGES[1],)
    assert (request.name, request.start_from) == ("better", "mine")
    assert (request.epochs, request.learning_rate, request.images_per_epoch) == (12, 0.0005, None)
    assert request.aim == FindCells()


def test_cells_without_masks_can_be_owned_up_to(dialog, training):
    dialog.cells.partial.click()
    dialog.start.click()
    assert training.request.aim == FindCells(partial=True)
    assert not dialog.cells.partial.isEnabled()


def test_images_without_cells_count_where_one_says_so(dialog):
    dialog.cells.empty.click()
    assert dialog.request().aim == FindCells(empty=True)


def test_images_can_be_spoilt_and_their_light_changed(dialog, training):
    assert texts(dialog.cells.degrade) == ["Nothing", "Noise", "Blur", "Too few pixels"]
    assert dialog.request().tone == 0
    dialog.cells.degrade.setCurrentIndex(2)
    dialog.advanced.tone.setValue(50)
    assert dialog.request().aim == FindCells(degrade="deblur")
    assert dialog.request().tone == 0.5
    choose(dialog, "masks")
    assert dialog.request().tone == 0.5
    choose(dialog, "noisy")
    assert dialog.request().tone is None
    assert not dialog.advanced.tone.isEnabled()


def test_examples_are_shown_of_what_is_set_up(dialog, drawing):
    button = dialog.examples
    dialog.cells.partial.click()
    button.click()
    assert drawing.request == dialog.request()
    assert "Reading" in dialog.state.text()
    drawing.end(drawing.drawn, QImage(40, 20, QImage.Format.Format_RGB888))
    assert button.shown.isVisible()
    assert dialog.state.text() == ""
    button.shown.close()


def test_examples_can_be_stopped_and_what_is_wrong_with_them_is_told(dialog, drawing):
    button = dialog.examples
    button.click()
    assert "Stop" in button.text()
    button.click()
    assert (button.text(), dialog.state.text()) == ("Show examples", "")
    button.click()
    drawing.end(drawing.failed, "a.tif: no masks")
    assert dialog.state.text() == "There are no examples. a.tif: no masks"
    assert button.shown is None
    for image in range(2):
        dialog.cells.images.item(image).setCheckState(Qt.CheckState.Unchecked)
    assert not button.isEnabled()


def test_examples_that_come_late_do_not_talk_over_the_training(dialog, training, drawing):
    dialog.examples.click()
    dialog.start.click()
    training.started.emit(2, 4)
    drawing.end(drawing.drawn, QImage(40, 20, QImage.Format.Format_RGB888))
    assert dialog.state.text() == "Training on 2 images…"
    dialog.examples.shown.close()


def test_nothing_can_be_started_without_images_or_a_free_name(dialog):
    assert dialog.start.isEnabled()
    for taken in ("mine", "nuclei"):
        dialog.name.setText(taken)
        assert not dialog.start.isEnabled()
        assert "taken already" in dialog.hint.text()
    dialog.name.setText("")
    assert not dialog.start.isEnabled()
    dialog.prepare(Surroundings(), "dark", restoring=False)
    assert not dialog.start.isEnabled()
    assert "no image" in dialog.hint.text().lower()


def test_every_way_to_restore_asks_for_what_it_needs(dialog):
    shown = {}
    page = dialog.restore
    for kind in KINDS:
        choose(dialog, kind)
        fields = {"task": page.task, "judge": page.segmenter, "method": page.method}
        fields |= {"diameter": page.diameter, "images": dialog.cells.images}
        shown[kind] = {word for word, field in fields.items() if field.isVisible()}
    assert shown == {
        "cells": {"images"},
        "masks": {"task", "judge"},
        "pairs": {"task", "diameter"},
        "noisy": {"method", "diameter"},
    }


def test_restoring_through_a_segmentation_model(qtbot, dialog, training, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.eye(8, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "a_masks.tif", np.eye(8, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.eye(8, dtype=np.uint8))
    choose(dialog, "masks")
    assert dialog.start_from.chosen == "denoise"
    dialog.restore.task.setCurrentIndex(1)
    assert dialog.start_from.chosen == "deblur"
    assert "calm (denoise)" in texts(dialog.start_from)
    assert texts(dialog.restore.segmenter) == ["generalist", "mine"]
    learn_from(qtbot, dialog, tmp_path)
    assert dialog.hint.text() == "1 image with masks; left out: 1 without."
    dialog.start.click()
    request = training.request
    assert (request.data, request.start_from) == ((tmp_path,), "deblur")
    assert request.aim == Restore("masks", "deblur", "generalist", diameter=22.0)
    assert request.images_per_epoch == 64


def test_restoring_from_noisy_images_alone(qtbot, dialog, training, noisy):
    choose(dialog, "noisy")
    assert dialog.start_from.chosen == ""
    assert dialog.name.text().startswith("restorer-")
    assert not dialog.start.isEnabled()
    learn_from(qtbot, dialog, noisy)
    dialog.restore.method.setCurrentIndex(1)
    dialog.advanced.crops.setValue(8)
    dialog.start.click()
    assert training.request.aim.method == "noise2self"
    assert training.request.aim.task == "denoise"
    assert (training.request.start_from, training.request.images_per_epoch) == ("", 8)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("masks", ["no images with masks", "(2 images without)", "a_masks.tif"]),
        ("pairs", ["no pairs of a noisy and a clean image", "a_clean.tif beside a_noisy.tif"]),
    ],
)
def test_a_folder_without_what_is_needed_is_refused_ahead(qtbot, dialog, noisy, kind, said):
    choose(dialog, kind)
    learn_from(qtbot, dialog, noisy)
    assert all(words in dialog.hint.text() for words in said)
    assert dialog.hint.property("wrong")
    assert not dialog.start.isEnabled()
    with qtbot.waitSignal(dialog.restore._looking.looked, timeout=5000):
        choose(dialog, "noisy")
    assert dialog.hint.text() == "2 images."
    assert dialog.start.isEnabled()


def test_a_missing_and_an_empty_folder_are_told(qtbot, dialog, tmp_path):
    choose(dialog, "noisy")
    learn_from(qtbot, dialog, tmp_path / "gone")
    assert "gone is no folder" in dialog.hint.text()
    dialog.restore.remove.click()
    assert dialog.hint.text() == "Add a folder to learn from."
    learn_from(qtbot, dialog, tmp_path)
    assert "no images to train on" in dialog.hint.text()


def test_folders_and_the_way_to_restore_stay_when_it_is_opened_again(qtbot, dialog, noisy):
    choose(dialog, "noisy")
    learn_from(qtbot, dialog, noisy)
    dialog.prepare(Surroundings(IMAGES, "mine"), "light", restoring=False)
    assert dialog.kind.currentData() == "cells"
    dialog.prepare(Surroundings(IMAGES, "mine"), "light", restoring=True)
    assert dialog.kind.currentData() == "noisy"
    assert dialog.request().data == (noisy,)


def test_it_shows_the_curve_the_progress_and_the_time_left(dialog, training):
    dialog.start.click()
    assert not dialog.epochs.isEnabled()
    assert dialog.stop.isVisible()
    training.started.emit(2, 4)
    training.advanced.emit(Epoch(1, 4, 0.5, 0.75, 10.0))
    training.advanced.emit(Epoch(2, 4, 0.25, 0.5, 20.0, 0.625))
    assert dialog.curve.losses == {1: 0.5, 2: 0.25}
    assert dialog.curve.held_out == {1: 0.75, 2: 0.5}
    assert (dialog.progress.value(), dialog.progress.maximum()) == (2, 4)
    assert "30 s left" in dialog.state.text()
    assert "AP 0.62 held out" in dialog.state.text()


def test_success_offers_the_model(qtbot, dialog, training):
    dialog.name.setText("better")
    dialog.start.click()
    with qtbot.waitSignal(dialog.trained) as blocker:
        training.end(training.succeeded, "better")
    assert blocker.args == ["better"]
    assert dialog.name.text() not in ("", "better")
    assert dialog.start.isEnabled()
    assert not dialog.stop.isVisible()
    assert not dialog.go_on.isVisible()


def test_failure_says_why_and_lets_one_try_again(dialog, training):
    dialog.name.setText("better")
    dialog.start.click()
    training.end(training.failed, "a.tif: no masks")
    assert dialog.state.text() == "Nothing was trained. a.tif: no masks"
    assert dialog.name.text() == "better"
    assert dialog.start.isEnabled()
    assert not dialog.keep.isVisible()


def test_stopping_before_the_first_epoch(dialog, training):
    dialog.start.click()
    dialog.stop.click()
    assert training.done[-1] == "cancel"
    assert "no model was made" in dialog.state.text()
    assert dialog.start.isEnabled()
    assert not dialog.go_on.isVisible()


def test_what_was_stopped_can_go_on_or_become_a_model(dialog, training):
    dialog.name.setText("better")
    dialog.start.click()
    training.started.emit(2, 100)
    training.advanced.emit(Epoch(1, 100, 0.5, None, 10.0))
    training.end(training.cancelled, epochs=1)
    assert dialog.state.text() == "“better” was stopped after 1 of 100 epochs."
    dialog.name.setText("better")
    assert not dialog.start.isEnabled()  # a new one of this name would take its place
    dialog.go_on.click()
    assert not dialog.go_on.isVisible()
    training.started.emit(2, 100)
    training.advanced.emit(Epoch(2, 100, 0.4, None, 10.0))
    assert dialog.curve.losses == {1: 0.5, 2: 0.4}
    assert (dialog.progress.value(), dialog.progress.maximum()) == (2, 100)
    training.end(training.failed, "Out of memory.", epochs=2)
    assert dialog.state.text() == "Training failed after 2 epochs. Out of memory."
    dialog.keep.click()
    assert training.done[-2:] == ("go on", "keep")
    training.started.emit(2, 2)
    assert dialog.state.text() == "Making the model…"
    training.end(training.succeeded, "better")
    assert not dialog.keep.isVisible()


def test_what_was_stopped_at_an_earlier_time_can_go_on(dialog, training):
    assert training.done == ("recall",)
    training.unfinished = Unfinished(replace(dialog.request(), name="old", epochs=100), 7)
    training.recalled.emit()
    assert dialog.state.text() == "“old” was stopped after 7 of 100 epochs."
    assert dialog.go_on.isVisible()
    assert dialog.keep.isVisible()
    dialog.prepare(Surroundings(IMAGES, "mine"), "dark", restoring=False)
    assert training.done == ("recall",)


def test_a_training_at_work_stays_on_show(dialog, training):
    dialog.start.click()
    asked = replace(training.request)
    dialog.prepare(Surroundings(), "light", restoring=True)
    assert dialog.kind.currentData() == "cells"
    assert dialog.request() == asked


def test_every_control_says_what_it_is(dialog):
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QListWidget, QLineEdit)
    controls = [control for kind in kinds for control in dialog.findChildren(kind)]
    own = [c for c in controls if not c.objectName().startswith("qt_")]
    unnamed = [c for c in own if not (c.accessibleName() and c.toolTip())]
    assert not unnamed


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (89, "89 s"), (600, "10 min"), (12000, "3 h 20 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
