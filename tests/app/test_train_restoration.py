"""A restoration model trained from within the window, by a real child process."""

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages

from cellmend import registry
from cellmend.errors import ModelError
from cellmend_app.window import MainWindow

TIMEOUT = 250_000
"""The first training on a machine compiles the kernels of its processor."""


@pytest.fixture
def window(qtbot):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.show()
    yield window
    window.close()


@pytest.fixture
def folder(tmp_path):
    """A folder with three noisy images."""
    place = tmp_path / "noisy"
    place.mkdir()
    for index in range(3):
        pixels = np.random.default_rng(index).poisson(40, (48, 48)).astype(np.uint8)
        tifffile.imwrite(place / f"a{index}.tif", pixels)
    return place


def wait(qtbot, signal, **how):
    return qtbot.waitSignal(signal, timeout=TIMEOUT, **how)


def test_a_stopped_training_is_kept_and_its_model_ready_to_press(qtbot, window, folder):
    with wait(qtbot, window.services.files.opened):
        window.open(folder / "a0.tif")
    with wait(qtbot, window.services.models.changed):
        window.services.models.refresh()
    window.actions_["train-restoration"].trigger()
    dialog = window.workbench.train
    dialog.kind.setCurrentIndex(dialog.kind.findData("noisy"))
    dialog.kind.activated.emit(dialog.kind.currentIndex())
    with wait(qtbot, window.services.training_data.looked):
        dialog.restore.add_folder(folder)
    dialog.name.setText("quiet")
    dialog.epochs.setValue(5000)
    dialog.advanced.crops.setValue(2)
    dialog.advanced.crop.setValue(32)
    dialog.advanced.batch.setValue(2)
    with wait(qtbot, window.services.training.advanced):
        dialog.start.click()
    with wait(qtbot, window.services.training.cancelled):
        dialog.stop.click()
    assert "“quiet” was stopped after" in dialog.state.text()
    with pytest.raises(ModelError):
        registry.find("quiet")

    with wait(qtbot, dialog.trained):
        dialog.keep.click()
    qtbot.waitUntil(lambda: window.panels.restore.own_model == "quiet", timeout=TIMEOUT)
    qtbot.waitUntil(window.actions_["denoise"].isEnabled)
    assert window.panels.restore.model("denoise") == "quiet"
    assert not window.actions_["deblur"].isEnabled()
    card = registry.find("quiet").card
    assert (card.task, card.training["method"]) == ("denoise", "noise2void")
    assert len(card.training["record"]) >= len(dialog.curve.losses) >= 1
    dialog.close()


def test_images_that_cannot_be_used_are_named_and_nothing_is_trained(qtbot, window, tmp_path):
    tifffile.imwrite(tmp_path / "a_noisy.tif", np.eye(40, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "a_clean.tif", np.eye(41, dtype=np.uint8))
    window.actions_["train-restoration"].trigger()
    dialog = window.workbench.train
    dialog.kind.setCurrentIndex(dialog.kind.findData("pairs"))
    dialog.kind.activated.emit(dialog.kind.currentIndex())
    with wait(qtbot, window.services.training_data.looked):
        dialog.restore.add_folder(tmp_path)
    assert dialog.hint.text() == "1 pair of a noisy and a clean image."
    dialog.name.setText("sharp")
    with wait(qtbot, window.services.training.failed):
        dialog.start.click()
    assert "Nothing was trained." in dialog.state.text()
    assert "a_clean.tif" in dialog.state.text()
    assert dialog.start.isEnabled()
    dialog.close()
