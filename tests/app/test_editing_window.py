"""Correcting masks in the window: palette, panel, dialogs, keys and review states."""

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QToolBar, QToolButton

from cellmend_app.actions.editing import TOOLS
from cellmend_app.actions.handlers import apply_theme
from cellmend_app.actions.table import shortcut_rows, usual_keys
from cellmend_app.actions.viewing import VIEW_TOOLS
from cellmend_app.dialogs.cells import FilterDialog, IdDialog
from cellmend_app.settings import Keys, Preferences
from cellmend_app.window import MainWindow


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    for name in ("a1.tif", "a2.tif", "a3.tif"):
        tifffile.imwrite(place / name, np.zeros((60, 80), np.uint8))
    return place


@pytest.fixture
def window(qtbot, folder):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.messages.unsaved = "discard"
    window.resize(1024, 700)
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    open_image(qtbot, window, folder / "a1.tif")
    labels = np.zeros((60, 80), np.uint16)
    labels[0:5, 0:5], labels[10:30, 10:30], labels[10:30, 30:45] = 1, 2, 3
    window.document.set_labels(labels)
    yield window
    window.close()


def open_image(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(window.view.canvas, key, modifier)


SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def test_the_palette_shows_every_tool_on_a_small_screen(qtbot, window):
    apply_theme("dark")
    qtbot.wait(30)
    palette = window.findChild(QToolBar, "palette")
    shown = [b for b in palette.findChildren(QToolButton) if b.isVisible()]
    every = (*TOOLS, *VIEW_TOOLS)
    names = {window.actions_[name].text() for name in every}
    assert names <= {b.accessibleName() for b in shown}
    for button in shown:
        assert button.toolTip()
        assert window.rect().contains(button.mapTo(window, button.rect().bottomRight()))
        assert window.rect().contains(button.mapTo(window, QPoint(0, 0)))
    for name in every:
        window.actions_[name].trigger()
        assert window.view.tool is window.workbench.tools[name]
        assert window.actions_[name].isChecked()


def test_the_overlap_rule_is_one_in_panel_menu_and_status(window):
    press(window, Qt.Key.Key_I)
    assert window.document.overlap == "replace"
    assert window.panels.edit.rule.currentText() == "Replace"
    assert window.actions_["overlap-replace"].isChecked()
    assert "Overlap: replace" in window.status.findChildren(type(window.status.message))[-1].text()
    window.panels.edit.rule.setCurrentIndex(2)
    assert window.document.overlap == "exclude"
    window.actions_["overlap-keep"].trigger()
    assert window.panels.edit.rule.currentText() == "Keep old"


def test_keys_edit_the_selection(qtbot, window):
    document = window.document
    press(window, Qt.Key.Key_A, CTRL)
    assert document.selection == (1, 2, 3)
    assert "3 cells" in window.panels.edit.state.text()
    qtbot.wait(20)
    press(window, Qt.Key.Key_A, CTRL | SHIFT)
    assert document.selection == ()
    document.select(2, 3)
    qtbot.wait(20)
    press(window, Qt.Key.Key_M, SHIFT)
    assert document.labels.ids == [1, 2]
    press(window, Qt.Key.Key_BracketRight)
    assert document.labels.box(2) == (9, 9, 31, 46)
    press(window, Qt.Key.Key_BracketLeft)
    press(window, Qt.Key.Key_Right, SHIFT)
    assert document.labels.box(2) == (10, 11, 30, 46)
    press(window, Qt.Key.Key_Delete)
    assert document.labels.ids == [1]
    for _ in range(5):
        press(window, Qt.Key.Key_Z, CTRL)
    assert document.labels.ids == [1, 2, 3]
    assert not document.undo.canUndo()


def test_enter_and_backspace_go_to_the_polygon_before_any_shortcut(qtbot, window):
    document = window.document
    document.select(2)
    window.actions_["polygon"].trigger()
    tool = window.workbench.tools["polygon"]
    canvas = window.view.canvas
    for y, x in [(40, 10), (40, 30), (55, 30), (55, 10)]:
        at = canvas.mapFromScene(float(x), float(y))
        QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=at)
    canvas.setFocus()
    press(window, Qt.Key.Key_Backspace)
    assert len(tool.handles) == 3
    assert 2 in document.labels
    press(window, Qt.Key.Key_Return)
    assert document.labels.ids == [1, 2, 3, 4]
    press(window, Qt.Key.Key_Backspace)
    assert document.labels.ids == [1, 3, 4]


def test_select_by_size_and_delete(qtbot, window):
    window.actions_["filter"].trigger()
    dialog = window.findChild(FilterDialog)
    dialog.smaller.setValue(30)
    assert window.document.selection == (1,)
    dialog.larger.setValue(350)
    assert window.document.selection == (1, 2)
    dialog.smaller.setValue(0)
    dialog.border.setChecked(True)
    assert window.document.selection == (1, 2)
    dialog.delete.click()
    assert window.document.labels.ids == [3]
    assert not dialog.delete.isEnabled()
    dialog.reject()


def test_select_by_any_measurement(qtbot, window):
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        window.actions_["filter"].trigger()
    dialog = window.findChild(FilterDialog)
    assert dialog.measurement.isEnabled()
    dialog.measurement.setCurrentText("centroid_x")
    dialog.above.setText("30")
    assert window.document.selection == (3,)
    dialog.below.setText("3")
    assert window.document.selection == (1, 3)
    dialog.above.setText("what")
    assert window.document.selection == (1,)
    dialog.delete.click()
    assert window.document.labels.ids == [2, 3]
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=20_000)
    assert dialog.measurement.currentText() == "centroid_x"
    dialog.reject()


def test_the_list_of_images_shows_what_is_done(qtbot, window):
    def picture(row):
        return window.navigator.list.item(row).icon().pixmap(16).toImage()

    assert picture(0) == picture(1)
    press(window, Qt.Key.Key_E, CTRL)
    assert picture(0) != picture(1)
    assert "done" in window.navigator.list.item(0).toolTip()
    assert "1 done" in window.navigator.summary.text()
    press(window, Qt.Key.Key_E, CTRL)
    assert picture(0) == picture(1)


def test_change_id_asks_for_a_number(qtbot, window):
    window.document.select(3)
    qtbot.wait(20)
    press(window, Qt.Key.Key_I, CTRL)
    dialog = window.findChild(IdDialog)
    assert dialog.id.value() == 3
    dialog.id.setValue(12)
    dialog.accept()
    assert window.document.labels.ids == [1, 2, 12]


def test_clear_all_asks_and_can_be_undone(window):
    press(window, Qt.Key.Key_0, CTRL)
    assert window.document.labels.count == 3
    window.messages.yes = True
    press(window, Qt.Key.Key_0, CTRL)
    assert window.document.labels.count == 0
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.labels.count == 3


def test_review_states_lead_through_the_folder_and_are_remembered(qtbot, window, folder):
    review = window.document.review
    assert review.state(folder / "a1.tif") == "in progress"
    assert review.state(folder / "a2.tif") == "unseen"
    press(window, Qt.Key.Key_E, CTRL)
    assert window.actions_["done"].isChecked()
    qtbot.wait(20)
    with qtbot.waitSignal(window.services.files.opened):
        press(window, Qt.Key.Key_N)
    assert window.document.path.name == "a2.tif"
    qtbot.waitUntil(lambda: not window.actions_["done"].isChecked())
    review.mark(folder / "a3.tif", "done")
    qtbot.wait(20)
    press(window, Qt.Key.Key_N)
    assert window.document.path.name == "a2.tif"
    assert "done" in window.status.message.text()
    assert Preferences().review(folder) == {
        "a1.tif": "done",
        "a2.tif": "in progress",
        "a3.tif": "done",
    }
    other = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    open_image(qtbot, other, folder / "a3.tif")
    assert other.services.review.done
    other.close()


def test_what_is_remembered_may_be_spoilt(folder):
    preferences = Preferences()
    preferences.set_review(folder, {"a1.tif": "done"})
    key = next(k for k in preferences._store.allKeys() if k.startswith("review/"))
    for spoilt in ("{", "[1]", '"x"'):
        preferences._store.setValue(key, spoilt)
        assert preferences.review(folder) == {}


def test_the_sheet_tells_the_tools_by_their_keys():
    listed = {
        text: keys
        for _, rows in shortcut_rows(Keys(Preferences(), usual_keys()))
        for keys, text in rows
    }
    assert listed["Polygon"] == "U"
    assert listed["Next image that is not done"] == "N"
    assert "Drop what is being drawn or moved" in listed
