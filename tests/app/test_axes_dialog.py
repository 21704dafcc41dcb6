"""Files that do not say what their dimensions are: the person is asked once per size."""

import numpy as np
import pytest
from doubles import RecordingMessages
from PyQt6.QtWidgets import QDialogButtonBox

from cellmend_app.dialogs.axes import AxesDialog
from cellmend_app.document import Document
from cellmend_app.services.open_save import FileService
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobRunner


@pytest.fixture
def files(qapp):
    runner = JobRunner()
    yield FileService(Document(), runner, RecordingMessages(), Preferences())
    runner.shutdown()


def asked(qtbot, files, path):
    with qtbot.waitSignal(files.axes_asked, timeout=5000) as blocker:
        files.open(path)
    return blocker.args[0]


def answer(qtbot, files, question, axes):
    dialog = AxesDialog(question, files)
    qtbot.addWidget(dialog)
    for choice, letter in zip(dialog.choices, axes, strict=True):
        choice.setCurrentIndex(choice.findData(letter))
    with qtbot.waitSignal(files.opened, timeout=5000):
        dialog.accept()


def test_a_guess_can_be_changed_and_holds_for_files_of_the_same_size(qtbot, files, tmp_path):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.zeros((6, 30, 40), np.uint8))
    question = asked(qtbot, files, tmp_path / "a.npy")
    assert (question.lengths, question.guess) == ((6, 30, 40), "ZYX")
    answer(qtbot, files, question, "TYX")
    assert files._document.image.axes == "TYX"
    with (
        qtbot.assertNotEmitted(files.axes_asked),
        qtbot.waitSignal(files.opened, timeout=5000),
    ):
        files.open(tmp_path / "b.npy")
    assert files._document.image.axes == "TYX"


def test_a_file_without_a_guess_opens_with_the_answer(qtbot, files, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((7, 8, 9, 30, 40), np.uint8))
    question = asked(qtbot, files, tmp_path / "a.npy")
    assert question.guess == ""
    answer(qtbot, files, question, "TZCYX")
    assert files._document.image.axes == "TCZYX"
    assert not files._messages.errors


def test_an_impossible_choice_cannot_be_accepted(qtbot, files, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((6, 30, 40), np.uint8))
    dialog = AxesDialog(asked(qtbot, files, tmp_path / "a.npy"), files)
    qtbot.addWidget(dialog)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert ok.isEnabled()
    assert "30 × 40 pixels, 6 planes" in dialog.summary.text()
    dialog.choices[0].setCurrentIndex(dialog.choices[0].findData("X"))
    assert not ok.isEnabled()
    assert "only once" in dialog.summary.text()


def test_an_image_that_says_its_axes_is_not_asked_about(qtbot, files, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((30, 40), np.uint8))
    with (
        qtbot.assertNotEmitted(files.axes_asked),
        qtbot.waitSignal(files.opened, timeout=5000),
    ):
        files.open(tmp_path / "a.npy")
