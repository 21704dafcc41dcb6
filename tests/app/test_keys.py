"""Keys that a person gives to actions: used, said, remembered, taken back."""

import pytest
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtTest import QTest

from cellmend_app.actions.table import nameable, shortcut_rows, usual_keys
from cellmend_app.dialogs.keys import KeysDialog
from cellmend_app.dialogs.shortcuts import ShortcutSheet
from cellmend_app.settings import Keys, Preferences
from cellmend_app.window import MainWindow


@pytest.fixture
def window(qtbot):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    yield window
    window.close()


@pytest.fixture
def keys(window):
    return window.workbench.keys


@pytest.fixture
def dialog(window, keys):
    dialog = KeysDialog(keys, nameable(), window)
    dialog.show()
    yield dialog
    dialog.close()


def choose(dialog, action):
    dialog.list.setCurrentItem(dialog._items[action])


def shortcuts(window, action):
    return [key.toString() for key in window.actions_[action].shortcuts()]


def test_a_key_of_ones_own_works_and_the_usual_one_no_more(window, keys):
    masks = window.panels.view.masks
    keys.give("masks", "F7")
    QTest.keyClick(window.view.canvas, Qt.Key.Key_X)
    assert masks.isChecked()
    QTest.keyClick(window.view.canvas, Qt.Key.Key_F7)
    assert not masks.isChecked()


def test_it_is_said_wherever_the_usual_one_was(window, keys):
    brush, masks = window.actions_["brush"], window.panels.view.masks
    assert brush.toolTip().endswith("  (P)")
    assert masks.toolTip() == "Show the masks  (X)"
    keys.give("brush", "F8")
    keys.give("masks", "")
    assert brush.toolTip().endswith("  (F8)")
    assert masks.toolTip() == "Show the masks"
    listed = {text: key for _, rows in shortcut_rows(keys) for key, text in rows}
    assert listed["Brush"] == "F8"
    assert "Masks" not in listed


def test_no_key_has_two_actions(window, keys):
    keys.give("brush", "E")
    assert shortcuts(window, "brush") == ["E"]
    assert shortcuts(window, "eraser") == []
    keys.give_usual("eraser")
    assert (shortcuts(window, "eraser"), shortcuts(window, "brush")) == (["E"], [])
    keys.give("done", "Ctrl+Y")  # one of two
    assert shortcuts(window, "redo") == ["Ctrl+Shift+Z"]
    keys.give_all_usual()
    assert {action: keys.of(action) for action in usual_keys()} == usual_keys()


def test_keys_are_remembered_and_usual_ones_are_not(keys):
    keys.give("brush", "F8")
    keys.give("eraser", "F9")
    keys.give_usual("eraser")
    assert Preferences().keys == {"brush": ("F8",)}
    assert Keys(Preferences(), usual_keys()).of("brush") == ("F8",)


def test_the_dialog_says_who_loses_a_key(window, keys, dialog):
    assert not dialog.give.isEnabled()
    choose(dialog, "brush")
    assert dialog.key == "P"
    dialog.field.setKeySequence(QKeySequence("E"))
    assert dialog.note.text() == "“Eraser” has E now, and would lose it."
    dialog.give.click()
    assert (keys.of("brush"), keys.of("eraser")) == (("E",), ())
    assert dialog._items["eraser"].text(1) == ""
    dialog.usual.click()
    assert dialog._items["brush"].text(1) == "P"
    dialog.all_usual.click()
    assert dialog._items["eraser"].text(1) == "E"


def test_keys_of_the_image_cannot_be_given(dialog):
    choose(dialog, "brush")
    dialog.field.setKeySequence(QKeySequence("C"))
    assert not dialog.give.isEnabled()
    assert "compares" in dialog.note.text()


def test_the_sheet_leads_to_the_dialog(window):
    window.actions_["shortcuts"].trigger()
    window.findChild(ShortcutSheet).change.click()
    dialog = window.findChild(KeysDialog)
    assert dialog.isVisible()
    dialog.close()
