"""Unsaved masks survive a crash, and nothing else is ever touched."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import tifffile
from doubles import RecordingMessages
from PyQt6.QtCore import Qt

from cellmend.io import project as projects
from cellmend.io.project import packing
from cellmend.labels import operations
from cellmend_app.commands import EditLabels
from cellmend_app.dialogs.recovery import RecoveryDialog
from cellmend_app.document import Document
from cellmend_app.services.autosave import AutosaveService, SideFile, autosave_folder
from cellmend_app.services.open_save import FileService
from cellmend_app.services.pixel_size import set_pixel_size
from cellmend_app.services.recovery import Leftover, RecoveryService, find
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobRunner

ROOT = Path(__file__).parents[2]


class Window:
    """The services of a window, without one."""

    def __init__(self, quiet_ms=20):
        self.document = Document()
        self.messages = RecordingMessages()
        self.runner = JobRunner()
        self.files = FileService(self.document, self.runner, self.messages, Preferences())
        self.autosave = AutosaveService(
            self.document, self.files, self.runner, self.messages, quiet_ms=quiet_ms
        )
        self.recovery = RecoveryService(
            self.document, self.files, self.autosave, self.runner, self.messages
        )

    def close(self):
        self.runner.shutdown()
        self.autosave.close()


def draw(document, label=1, top=5):
    square = [(top, 5), (top, 15), (top + 10, 15), (top + 10, 5)]
    patch = operations.fill(document.labels.array, square, label, "keep")
    document.undo.push(EditLabels(document, patch, "Draw", drawn=[label]))


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "images" / "a1.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (64, 40), dtype=np.uint8))
    return path


@pytest.fixture
def window(qapp):
    window = Window()
    yield window
    window.close()


@pytest.fixture
def opened(qtbot, window, image):
    open_(qtbot, window, image)
    return window


def open_(qtbot, window, path):
    with qtbot.waitSignal(window.files.opened, timeout=5000):
        window.files.open(path)


def wait_for(qtbot, path, there=True):
    qtbot.waitUntil(lambda: path.exists() is there, timeout=5000)


def side_masks(path):
    return projects.read(path).masks[0].masks.unpack()


def test_an_edit_is_kept_beside_and_the_persons_files_are_not_touched(qtbot, opened, image):
    draw(opened.document)
    wait_for(qtbot, opened.autosave.path)
    np.testing.assert_array_equal(side_masks(opened.autosave.path), opened.document.labels.full)
    assert projects.read(opened.autosave.path).masks[0].manual == {1}
    assert list(image.parent.iterdir()) == [image]


def test_nothing_is_written_while_edits_go_on(qtbot, qapp, image):
    window = Window(quiet_ms=60_000)
    open_(qtbot, window, image)
    draw(window.document)
    qtbot.wait(50)
    assert not window.autosave.path.exists()
    window.close()


def test_only_what_changed_is_packed_again(qtbot, opened, monkeypatch):
    monkeypatch.setattr(packing, "BLOCK_PIXELS", 40 * 16)
    packed = []

    def pack(rows):
        packed.append(len(rows))
        return packing.pack_rows(rows)

    monkeypatch.setattr("cellmend_app.services.autosave.pack_rows", pack)
    opened.document.set_labels(np.zeros((64, 40), np.uint32))
    draw(opened.document, 1, top=2)
    wait_for(qtbot, opened.autosave.path)
    assert packed == [16] * 4
    packed.clear()
    before = opened.autosave.path.stat().st_mtime_ns
    draw(opened.document, 2, top=50)
    qtbot.waitUntil(lambda: opened.autosave.path.stat().st_mtime_ns > before, timeout=5000)
    assert packed == [16]
    np.testing.assert_array_equal(side_masks(opened.autosave.path), opened.document.labels.full)


@pytest.mark.parametrize("how", ["save", "undo", "another image", "close"])
def test_the_side_file_goes_when_it_is_not_needed(qtbot, qapp, image, how):
    window = Window()
    open_(qtbot, window, image)
    draw(window.document)
    side = window.autosave.path
    wait_for(qtbot, side)
    if how == "save":
        window.files.save()
    elif how == "undo":
        window.document.undo.undo()
    elif how == "another image":
        window.messages.unsaved = "discard"
        window.files.open(image)
    if how != "close":
        wait_for(qtbot, side, there=False)
    window.close()
    assert list(autosave_folder().iterdir()) == []


def test_a_disk_that_refuses_is_told_and_tried_again(qtbot, opened, monkeypatch):
    told = []
    opened.messages.noted.connect(told.append)
    autosave_folder().parent.mkdir(parents=True, exist_ok=True)
    autosave_folder().write_text("in the way")
    draw(opened.document)
    qtbot.waitUntil(lambda: any("kept safe" in text for text in told), timeout=5000)
    autosave_folder().unlink()
    draw(opened.document, 2, top=30)
    wait_for(qtbot, opened.autosave.path)
    np.testing.assert_array_equal(side_masks(opened.autosave.path), opened.document.labels.full)


CRASH = """
import os, signal, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
app = QApplication([])
import test_autosave as these
window = these.Window()
def drawn(path):
    these.draw(window.document, 7)
    these.draw(window.document, 9, top=30)
def die():
    if window.autosave.path.exists() and not window.runner.busy:
        os.kill(os.getpid(), signal.SIGKILL)
window.files.opened.connect(drawn)
window.files.open(Path(sys.argv[1]))
timer = QTimer()
timer.timeout.connect(die)
timer.start(20)
QTimer.singleShot(60_000, app.quit)
app.exec()
"""


def crash(image):
    """Run a window that draws two cells on `image` and is killed when they are kept safe."""
    paths = [str(ROOT / "tests" / "app"), str(ROOT / "core"), str(ROOT / "app")]
    command = [sys.executable, "-c", CRASH.format(paths=paths), str(image)]
    status = subprocess.run(command, env=dict(os.environ), timeout=120).returncode
    assert status == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_masks_are_offered_and_brought_back_after_a_kill(qtbot, window, image):
    crash(image)
    with qtbot.waitSignal(window.recovery.found, timeout=5000) as found:
        window.recovery.look()
    (leftover,) = found.args[0]
    assert leftover.image == image
    with qtbot.waitSignal(window.files.opened, timeout=5000):
        window.recovery.recover(leftover)
    document = window.document
    assert document.labels.ids == [7, 9]
    assert document.manual == {7, 9}
    assert window.files.unsaved
    assert window.autosave.path == leftover.side.path
    document.undo.undo()
    assert document.labels.count == 0
    document.undo.redo()
    with qtbot.waitSignal(window.files.saved, timeout=5000):
        window.files.save()
    wait_for(qtbot, leftover.side.path, there=False)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("answer", ["later", "discard", "recover"])
def test_the_dialog_does_what_is_answered(qtbot, window, image, answer):
    crash(image)
    leftovers = find()
    path = leftovers[0].side.path
    dialog = RecoveryDialog(leftovers, window.recovery)
    qtbot.addWidget(dialog)
    assert "a1.tif" in dialog.list.item(0).text()
    dialog.open()
    if answer == "recover":
        with qtbot.waitSignal(window.files.opened, timeout=5000):
            qtbot.mouseClick(dialog.recover, Qt.MouseButton.LeftButton)
        assert window.document.labels.ids == [7, 9]
        return
    qtbot.mouseClick(getattr(dialog, answer), Qt.MouseButton.LeftButton)
    if answer == "discard":
        assert (dialog.isVisible(), path.exists()) == (True, True)  # the question was declined
        window.messages.yes = True
        qtbot.mouseClick(dialog.discard, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=5000)
    assert path.exists() is (answer == "later")
    assert len(find()) == (1 if answer == "later" else 0)


def test_a_pixel_size_is_kept_beside_and_brought_back(qtbot, opened, image):
    size = {"Y": 0.5, "X": 0.25}
    draw(opened.document)
    wait_for(qtbot, opened.autosave.path)
    qtbot.waitUntil(lambda: not opened.runner.busy)
    set_pixel_size(opened.document, size)

    def kept():
        return projects.read(opened.autosave.path).image.pixel_size_um

    qtbot.waitUntil(lambda: kept() == size, timeout=5000)
    left = SideFile(autosave_folder() / "left.cellmend")
    projects.write(left.path, projects.read(opened.autosave.path))
    opened.messages.unsaved = "discard"
    with qtbot.waitSignal(opened.files.opened, timeout=5000):
        opened.recovery.recover(Leftover(left, image, datetime.now()))
    assert (opened.document.labels.ids, opened.document.pixel_size) == ([1], size)


def test_what_a_living_window_keeps_is_not_offered(qtbot, opened):
    draw(opened.document)
    wait_for(qtbot, opened.autosave.path)
    qtbot.waitUntil(lambda: not opened.runner.busy)
    assert find() == []


def test_a_damaged_side_file_is_left_where_it_is(qapp):
    autosave_folder().mkdir(parents=True)
    path = autosave_folder() / "0123.cellmend"
    path.write_bytes(b"half a fi")
    assert find() == []
    assert path.exists()
    side = SideFile(path)
    assert side.claim()
    side.release()
