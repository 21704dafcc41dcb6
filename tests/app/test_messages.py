"""Each kind of failure is shown in its own way."""

import pytest
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication, QMessageBox

from cellmend.errors import Cancelled, FileFormatError, InputError, MemoryLimitError, ModelError
from cellmend_app.main import install_exception_hook, start_logging
from cellmend_app.messages import Messages, ReportDialog


@pytest.fixture
def messages(qapp):
    return Messages()


def shown(kind=QMessageBox):
    boxes = [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]
    assert len(boxes) == 1
    return boxes[0]


def test_cancelled_is_a_word_in_the_status_bar(qtbot, messages):
    with qtbot.waitSignal(messages.noted) as blocker:
        messages.error(Cancelled(), "find the cells")
    assert blocker.args == ["Cancelled."]


def test_what_a_person_can_set_right_goes_to_the_panel(qtbot, messages):
    with qtbot.waitSignal(messages.refused) as blocker:
        messages.error(InputError("Too small.", hint="Enlarge."), "find", panel="segment")
    assert blocker.args == ["segment", "Too small. Enlarge."]


@pytest.mark.parametrize(
    ("error", "text", "hint"),
    [
        (FileFormatError("/x/a.tif", "cut off.", hint="Copy it."), "a.tif: cut off.", "Copy it."),
        (ModelError("No such model.", hint="Add it."), "No such model.", "Add it."),
        (PermissionError(13, "Permission denied", "/x/a.tif"), "/x/a.tif: Permission denied", ""),
    ],
)
def test_a_dialog_says_what_and_what_to_do(messages, error, text, hint):
    messages.error(error, "open the image")
    box = shown()
    assert text in box.text()
    assert "Cannot open the image" in box.text()
    assert box.informativeText() == hint
    box.close()


def test_limits_of_the_machine_come_with_remedies(messages):
    done = []
    messages.error(
        MemoryLimitError("Too large."),
        "find",
        remedies={"Use smaller tiles": lambda: done.append(1)},
    )
    box = shown()
    button = next(b for b in box.buttons() if b.text() == "Use smaller tiles")
    button.click()
    assert done == [1]


def test_our_own_fault_gives_a_report_to_copy(messages):
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        messages.error(error, "find the cells")
    dialog = shown(ReportDialog)
    assert "ZeroDivisionError: by zero" in dialog.text
    assert "python 3." in dialog.text
    assert "find the cells" in dialog.text
    dialog.copy()
    assert QGuiApplication.clipboard().text() == dialog.text
    dialog.close()


def test_uncaught_exceptions_are_reported_not_fatal(qtbot, monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    reported = []
    install_exception_hook(reported.append)
    error = KeyError("lost")
    sys.excepthook(KeyError, error, None)
    assert reported == [error]
    assert "KeyError" in capsys.readouterr().err


def test_the_log_rotates_in_the_persons_folder(tmp_path):
    import logging

    start_logging(tmp_path / "home")
    logger = logging.getLogger("cellmend_app")
    logger.info("hello")
    handler = logger.handlers[-1]
    logger.removeHandler(handler)
    handler.close()
    assert "hello" in (tmp_path / "home" / "cellmend.log").read_text()
    assert handler.maxBytes > 0


def test_a_folder_that_cannot_be_written_does_not_stop_the_program(tmp_path):
    (tmp_path / "file").write_text("")
    start_logging(tmp_path / "file" / "home")
