"""The main job in the real window: open, denoise, segment, correct, save, retrain.

Nothing is replaced but the message boxes, which no one is there to answer.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from scipy.ndimage import distance_transform_edt

from cellmend import registry
from cellmend_app.messages import Messages
from cellmend_app.resources import sample_path
from cellmend_app.window import MainWindow

TIMEOUT = 150_000
SIZE = 256


class NoQuestions(Messages):
    """Answers "discard" and "yes"; an error is a failure of the test."""

    def error(self, error, doing, *, panel="", remedies=None):
        raise AssertionError(f"Cannot {doing}: {error!r}")

    def ask_unsaved(self, name):
        return "discard"

    def confirm(self, question, details, *, default=False):
        return True


@pytest.fixture
def folder(tmp_path):
    """Two images to correct: the noisy sample's left and right side."""
    pixels = tifffile.imread(sample_path("nuclei_noisy"))
    place = tmp_path / "plate"
    place.mkdir()
    tifffile.imwrite(place / "left.tif", pixels[:SIZE, :SIZE])
    tifffile.imwrite(place / "right.tif", pixels[:SIZE, -SIZE:])
    return place


@pytest.fixture
def window(qtbot):
    window = MainWindow(messages=NoQuestions())
    window.resize(1100, 800)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.close()
    assert not window.runner.busy
    assert not window.isVisible()


def wait(qtbot, signal):
    return qtbot.waitSignal(signal, timeout=TIMEOUT)


def run(qtbot, window, action, signal):
    """Press a button of the tool bar as soon as it can be pressed, and wait for the result."""
    qtbot.waitUntil(window.actions_[action].isEnabled, timeout=TIMEOUT)
    with wait(qtbot, signal) as blocker:
        window.actions_[action].trigger()
    return blocker.args


def paint(window, y, x, length):
    """Drag the brush from (y, x) to the right, in image pixels."""
    canvas = window.view.canvas
    port = canvas.viewport()
    first, last = (canvas.mapFromScene(x + dx, y) for dx in (0, length))
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=first)
    for step in range(1, 5):
        QTest.mouseMove(port, first + (last - first) * step / 4)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(last))


def test_the_main_job(qtbot, window, folder):
    document, services = window.document, window.services
    with wait(qtbot, services.files.opened):
        window.open(folder / "left.tif")
    with wait(qtbot, services.models.changed):
        services.models.refresh()
    assert window.windowTitle().replace("[*]", "") == "left.tif — Cellmend"

    # Denoise, where the model is installed; a missing one is shown so, never replaced.
    if registry.list_models("denoise"):
        assert run(qtbot, window, "denoise", services.restore.restored) == ["denoise"]
        assert document.restored.provenance.model == "denoise"
    else:
        assert not window.actions_["denoise"].isEnabled()

    window.panels.segment.diameter.setValue(18)
    (found,) = run(qtbot, window, "segment", services.segment.segmented)
    assert found > 20

    # Correct by hand, undo, redo.
    segmented = np.array(document.labels.full)
    window.actions_["brush"].trigger()
    window.panels.edit.brush.setValue(7)
    document.select(0)
    y, x = free_place(segmented)
    paint(window, y, x, 12)
    painted = np.array(document.labels.full)
    assert document.labels.count == found + 1
    assert (painted != segmented).sum() >= 50
    window.actions_["undo"].trigger()
    assert np.array_equal(document.labels.full, segmented)
    window.actions_["redo"].trigger()
    assert np.array_equal(document.labels.full, painted)

    # Save; open the next image and this one again.
    run(qtbot, window, "save", services.files.saved)
    assert not services.files.unsaved
    with wait(qtbot, services.files.opened):
        services.files.step(1)
    assert document.labels.count == 0
    with wait(qtbot, services.files.opened):
        services.files.step(-1)
    assert np.array_equal(document.labels.full, painted)
    run(qtbot, window, "save-tif", services.files.saved)
    assert np.array_equal(tifffile.imread(folder / "left_cp_masks.tif"), painted)

    # Retrain on the corrected image in a child process, and segment with the new model.
    window.actions_["retrain"].trigger()
    dialog = window.workbench.train
    assert dialog.cells.images.count() == 1
    dialog.name.setText("mine")
    dialog.epochs.setValue(2)
    advanced = []
    services.training.advanced.connect(advanced.append)
    with wait(qtbot, dialog.trained):
        dialog.start.click()
    qtbot.waitUntil(lambda: window.panels.segment.chosen_model == "mine", timeout=TIMEOUT)
    assert [epoch.number for epoch in advanced] == [1, 2]
    assert all(np.isfinite(epoch.loss) for epoch in advanced)
    assert len(dialog.curve.losses) == 2
    dialog.close()
    (again,) = run(qtbot, window, "segment", services.segment.segmented)
    assert again > 20
    assert services.files.run_settings.model == "mine"


def free_place(labels):
    """Return the row and column of the background pixel farthest from any cell."""
    inner = np.zeros(labels.shape)
    inner[12:-12, 12:-30] = 1
    distance = distance_transform_edt(labels == 0) * inner
    return np.unravel_index(distance.argmax(), labels.shape)


def test_the_window_shows_before_torch_is_imported(qtbot):
    """In a fresh process, because this one has computed already."""
    script = (
        "import sys\n"
        "from PyQt6.QtCore import QTimer\n"
        "from PyQt6.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from cellmend_app.window import MainWindow\n"
        "from cellmend_app.resources import sample_path\n"
        "window = MainWindow()\n"
        "window.show()\n"
        "shown = 'torch' in sys.modules\n"
        "window.services.files.opened.connect(lambda path: window.services.models.refresh())\n"
        "window.services.models.changed.connect(app.quit)\n"
        "window.open(sample_path())\n"
        "QTimer.singleShot(20000, lambda: app.exit(9))\n"
        "status = app.exec()\n"
        "window.close()\n"
        "print(status, shown, 'torch' in sys.modules, 'numba' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["0", "False", "False", "False"]
