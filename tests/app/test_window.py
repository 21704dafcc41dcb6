"""The window: title, actions and keys, panels, drop, themes, small screens."""

import numpy as np
import pytest
import tifffile
import torch
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QWidget,
)

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.tiff import write_image
from cellmend.net.unet import CPNet
from cellmend_app.actions.handlers import apply_theme
from cellmend_app.actions.table import TABLE, shortcut_rows, specs, usual_keys
from cellmend_app.panels.parts import Section
from cellmend_app.resources import THEMES, icon_names, style_sheet
from cellmend_app.services.models import ModelChoice
from cellmend_app.settings import Keys, Preferences
from cellmend_app.window import MainWindow

CHOICES = (
    ModelChoice("generalist", "segmentation", installed=True),
    ModelChoice("nuclei", "segmentation", installed=False),
    ModelChoice("mine", "segmentation", installed=True, own=True),
    ModelChoice("denoise", "denoise", installed=True),
    ModelChoice("deblur", "deblur", installed=False),
)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8)
    for name in ("a1.tif", "a2.tif"):
        tifffile.imwrite(place / name, pixels)
    write_image(place / "two.tif", Image(np.stack([pixels, pixels]), "CYX"))
    return place


@pytest.fixture
def window(qtbot):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.services.models._take(CHOICES)
    window.resize(1024, 700)
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    yield window
    window.messages.unsaved = "discard"
    window.close()
    apply_theme("dark")


@pytest.fixture
def opened(qtbot, window, folder):
    with qtbot.waitSignal(window.services.files.opened):
        window.open(folder / "a1.tif")
    qtbot.wait(20)
    return window


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(window.view.canvas, key, modifier)


def settle(qtbot, window):
    """Wait until the actions were asked anew whether they are possible."""
    qtbot.waitUntil(lambda: not window._refresh_soon.isActive())


def segment(qtbot, window):
    settle(qtbot, window)
    with qtbot.waitSignal(window.services.segment.segmented):
        window.actions_["segment"].trigger()
    qtbot.wait(20)


def test_title(qtbot, window, folder):
    assert window.windowTitle().replace("[*]", "") == "Cellmend"
    with qtbot.waitSignal(window.services.files.opened):
        window.open(folder / "a1.tif")
    title = window.windowTitle().replace("[*]", "")
    assert title == "a1.tif — Cellmend"


def test_the_title_shows_edits_of_an_image_without_a_file(qtbot, window, qtlog):
    window.document.set_image(Image(np.zeros((8, 8), np.uint8)))
    window.document.modified_changed.emit(True)
    assert window.isWindowModified()
    assert not [record.message for record in qtlog.records if "placeholder" in record.message]


def test_nothing_can_be_run_without_an_image(window):
    for name in ("denoise", "segment", "save", "undo", "brush"):
        assert not window.actions_[name].isEnabled()
    assert window.hint.isVisible()


def test_a_model_that_is_not_installed_is_shown_so(opened):
    assert opened.actions_["denoise"].isEnabled()
    assert not opened.actions_["deblur"].isEnabled()
    assert "not installed" in opened.actions_["deblur"].toolTip()
    assert "deblur, upsample" in opened.panels.restore.state.text()
    combo = opened.panels.segment.model
    assert combo.itemText(2) == "nuclei (not installed)"
    assert not combo.model().item(2).isEnabled()


def test_the_kind_of_restoration_decides_the_model(opened):
    opened.panels.restore.kind.setCurrentIndex(1)
    assert opened.panels.restore.model("denoise") == "denoise-nuclei"
    QTest.qWait(10)
    assert not opened.actions_["denoise"].isEnabled()


def test_every_button_runs_the_model_of_its_name(qtbot, opened):
    opened.services.models._take(
        tuple(ModelChoice(task, task, installed=True) for task in ("denoise", "deblur", "upsample"))
    )
    qtbot.wait(20)
    for task in ("denoise", "deblur", "upsample"):
        with qtbot.waitSignal(opened.services.restore.restored) as blocker:
            opened.actions_[task].trigger()
        assert blocker.args == [task]
        assert opened.pipelines.requests[-1].title == task
        qtbot.wait(20)


OWN = (
    *CHOICES,
    ModelChoice("nuclei-of-mine", "deblur", installed=True, own=True, description="Of my nuclei"),
    ModelChoice("calm", "denoise", installed=True, own=True),
)


def choose_restoration(qtbot, window, model):
    kind = window.panels.restore.kind
    kind.setCurrentIndex(kind.findData(model))
    settle(qtbot, window)


def test_restoration_models_of_the_person_can_be_run(qtbot, opened):
    opened.services.models._take(OWN)
    kind = opened.panels.restore.kind
    assert [kind.itemText(i) for i in range(kind.count())] == [
        "Cells (general)",
        "Nuclei",
        "calm (denoise)",
        "nuclei-of-mine (deblur)",
    ]
    assert "Of my nuclei" in kind.itemData(3, Qt.ItemDataRole.ToolTipRole)
    choose_restoration(qtbot, opened, "nuclei-of-mine")
    with qtbot.waitSignal(opened.services.restore.restored) as blocker:
        opened.actions_["deblur"].trigger()
    assert blocker.args == ["nuclei-of-mine"]
    assert opened.pipelines.requests[-1].title == "nuclei-of-mine"
    assert opened.document.restored.name == "nuclei-of-mine"


def test_a_model_of_the_person_has_the_button_of_its_task_only(qtbot, opened):
    opened.services.models._take(OWN)
    choose_restoration(qtbot, opened, "nuclei-of-mine")
    panel = opened.panels.restore
    assert panel.state.isHidden()
    for task in ("denoise", "upsample"):
        assert not opened.actions_[task].isEnabled()
        assert f"“nuclei-of-mine” does not {task}" in opened.actions_[task].toolTip()
        with pytest.raises(InputError, match="made to deblur"):
            panel.step(task)
    assert opened.actions_["deblur"].isEnabled()
    choose_restoration(qtbot, opened, None)
    assert opened.actions_["denoise"].isEnabled()
    assert panel.model("denoise") == "denoise"


def test_a_chosen_restoration_model_that_is_removed_gives_way_to_no_other(qtbot, opened):
    opened.services.models._take(OWN)
    choose_restoration(qtbot, opened, "calm")
    assert opened.actions_["denoise"].isEnabled()
    opened.services.models._take(CHOICES)
    settle(qtbot, opened)
    panel = opened.panels.restore
    assert panel.kind.currentText() == "calm (not installed)"
    assert panel.state.text() == "Not installed: calm."
    for task in ("denoise", "deblur", "upsample"):
        assert not opened.actions_[task].isEnabled()
        assert "“calm” is not installed" in opened.actions_[task].toolTip()
    opened.services.models._take(OWN)
    settle(qtbot, opened)
    assert panel.kind.currentText() == "calm (denoise)"
    assert opened.actions_["denoise"].isEnabled()


def test_a_restoration_file_that_is_added_is_offered(qtbot, window, tmp_path):
    file = tmp_path / "deblur_embryos"
    torch.save(CPNet(1, 1, (4, 8, 12, 16)).state_dict(), file)
    kind = window.panels.restore.kind
    window.services.models.add(file)
    qtbot.waitUntil(lambda: kind.findData("deblur_embryos") >= 0, timeout=30_000)
    assert kind.itemText(kind.count() - 1) == "deblur_embryos (deblur)"
    qtbot.waitUntil(lambda: window.panels.restore.model("deblur") == "deblur_embryos")
    assert window.status.message.text() == "Added the model deblur_embryos."


def test_upsample_says_that_the_image_keeps_its_size(qtbot, opened):
    opened.services.models._take((ModelChoice("upsample", "upsample", installed=True),))
    settle(qtbot, opened)
    assert "keeps its size" in opened.actions_["upsample"].toolTip()


def test_denoise_then_segment_uses_the_restored_image(qtbot, opened):
    with qtbot.waitSignal(opened.services.restore.restored):
        opened.actions_["denoise"].trigger()
    assert opened.view.view == "restored"
    assert opened.panels.segment.request().on_restored
    qtbot.wait(20)
    segment(qtbot, opened)
    assert opened.panels.segment.count.text() == "2 cells"
    opened.document.undo.undo()
    opened.document.undo.undo()
    assert opened.view.view == "image"
    assert not opened.panels.segment.request().on_restored


def test_request_carries_every_setting(opened):
    panel = opened.panels.segment
    panel.choose_model("mine")
    panel.auto.setChecked(False)
    panel.diameter.setValue(22)
    panel.flow.setValue(0.6)
    panel.cellprob.setValue(-1)
    panel.min_size.setValue(30)
    panel.max_size.setValue(25)
    panel.whole.setChecked(True)
    panel.normalize.high.setValue(99.8)
    panel.niter.setValue(500)
    panel.augment.setChecked(True)
    settings = panel.request().settings
    assert (settings.model, settings.diameter) == ("mine", 22)
    assert settings.normalize.percentiles == (1, 99.8)
    assert settings.masks.model_dump() == {
        "cellprob_threshold": -1,
        "flow_threshold": 0.6,
        "niter": 500,
        "min_size": 30,
        "max_size_fraction": 0.25,
        "exclude_on_edges": True,
    }
    assert settings.tiles.augment
    panel.auto.setChecked(True)
    assert panel.request().settings.diameter is None


def test_channels_are_offered_where_there_are_several(qtbot, opened, folder):
    assert opened.panels.segment.request().settings.channels is None
    with qtbot.waitSignal(opened.services.files.opened):
        opened.open(folder / "two.tif")
    panel = opened.panels.segment
    assert panel.request().settings.channels == (1, 0)
    panel.channel.setCurrentText("channel 2")
    panel.nuclei.setCurrentIndex(1)
    assert panel.request().settings.channels == (2, 1)
    panel.channel.setCurrentText("mean of all")
    assert panel.request().settings.channels == (0, 1)


def test_resting_thresholds_make_the_masks_anew(qtbot, opened):
    segment(qtbot, opened)
    with qtbot.waitSignal(opened.services.segment.segmented):
        opened.panels.segment.cellprob.setValue(-5)
    assert opened.document.labels.count == 1


def test_keys_of_cellpose(qtbot, opened):
    segment(qtbot, opened)
    view, brush = opened.panels.view, opened.panels.edit.brush
    press(opened, Qt.Key.Key_X)
    assert not view.masks.isChecked()
    assert not opened.view.masks.style.fill
    press(opened, Qt.Key.Key_Z)
    assert opened.view.masks.style.outlines
    size = brush.value()
    press(opened, Qt.Key.Key_Period)
    assert brush.value() == size + 1
    press(opened, Qt.Key.Key_Comma)
    assert brush.value() == size
    press(opened, Qt.Key.Key_PageDown)
    assert opened.view.view == "flows"
    press(opened, Qt.Key.Key_PageUp)
    assert opened.view.view == "image"
    press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert opened.document.labels.count == 0
    press(opened, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert opened.document.labels.count == 2


@pytest.mark.parametrize("key", [Qt.Key.Key_D, Qt.Key.Key_Right])
def test_keys_step_through_the_folder(qtbot, opened, key):
    with qtbot.waitSignal(opened.services.files.opened):
        press(opened, key)
    assert opened.document.path.name == "a2.tif"


def test_channel_keys(qtbot, opened, folder):
    with qtbot.waitSignal(opened.services.files.opened):
        opened.open(folder / "two.tif")
    qtbot.wait(20)
    press(opened, Qt.Key.Key_R)
    assert [c.visible for c in opened.view.channels] == [False, True]
    press(opened, Qt.Key.Key_R)
    press(opened, Qt.Key.Key_S)
    assert [c.visible for c in opened.view.channels] == [True, False]
    press(opened, Qt.Key.Key_S)
    assert [c.visible for c in opened.view.channels] == [False, True]
    press(opened, Qt.Key.Key_S)
    assert [c.visible for c in opened.view.channels] == [True, True]


def test_tools(qtbot, opened):
    press(opened, Qt.Key.Key_P)
    assert opened.view.tool is opened.workbench.tools["brush"]
    assert opened.actions_["brush"].isChecked()
    assert not opened.actions_["pick"].isChecked()
    opened.panels.edit.brush.setValue(40)
    assert opened.workbench.tools["brush"].radius == 20
    assert opened.workbench.tools["eraser"].radius == 20


def test_no_key_means_two_things():
    keys = [key for spec in specs() for key in spec.keys]
    assert len(keys) == len(set(keys))
    for key in keys:
        assert QKeySequence(key)[0].key() != Qt.Key.Key_unknown, key


def test_the_sheet_of_shortcuts_lists_every_key():
    listed = {
        keys for _, rows in shortcut_rows(Keys(Preferences(), usual_keys())) for keys, _ in rows
    }
    for spec in specs():
        assert not spec.keys or ", ".join(spec.keys) in listed


def test_every_icon_exists():
    names = set(icon_names())
    assert {spec.icon for spec in specs() if spec.icon} <= names


def drop(window, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, modifiers)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    dropped = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, modifiers)
    QApplication.sendEvent(window, dropped)


def test_masks_that_are_dropped_lie_over_the_open_image(qtbot, opened, folder):
    masks = np.zeros((60, 80), np.uint16)
    masks[5:10, 5:10] = 3
    tifffile.imwrite(folder / "by_hand_masks.tif", masks)
    with qtbot.waitSignal(opened.document.labels_replaced):
        drop(opened, folder / "by_hand_masks.tif")
    assert (opened.document.path.name, opened.document.labels.ids) == ("a1.tif", [3])
    assert opened.document.undo.canUndo()
    opened.messages.unsaved = "discard"
    with qtbot.waitSignal(opened.services.files.opened):
        drop(opened, folder / "two.tif")


def test_drop_opens_images(qtbot, window, folder):
    with qtbot.waitSignal(window.services.files.opened):
        drop(window, folder)
    assert window.document.path.name == "a1.tif"
    assert window.navigator.list.count() == 3


def controls(window):
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox)
    for widget in window.findChildren(QWidget):
        internal = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
        if isinstance(widget, kinds) and not internal:
            yield widget


def test_every_control_has_a_name_and_a_tooltip(opened):
    nameless = [w for w in controls(opened) if not w.accessibleName()]
    assert nameless == []
    assert [w.accessibleName() for w in controls(opened) if not w.toolTip()] == []


@pytest.mark.parametrize("theme", THEMES)
def test_nothing_is_clipped_on_a_small_screen(qtbot, opened, theme):
    apply_theme(theme)
    long = ModelChoice("a-model-with-a-name-that-" + "goes-on-" * 8, "denoise", installed=True)
    opened.services.models._take((*CHOICES, long))
    choose_restoration(qtbot, opened, long.name)
    with qtbot.waitSignal(opened.services.restore.restored):
        opened.actions_["denoise"].trigger()
    assert long.name in opened.status.message.text()
    qtbot.wait(30)
    assert opened.width() == 1024
    segment(qtbot, opened)
    opened.document.select(1)
    opened.resize(1024, 700)
    qtbot.wait(30)
    assert (opened.width(), opened.height()) == (1024, 700)
    whole = opened.rect()
    clipped = [
        w.accessibleName()
        for w in controls(opened)
        if w.isVisible()
        and not (
            whole.contains(w.mapTo(opened, QPoint(0, 0)))
            and whole.contains(w.mapTo(opened, w.rect().bottomRight()))
            and w.visibleRegion().boundingRect().size() == w.size()
        )
    ]
    assert clipped == []
    assert not opened.findChild(QWidget, "qt_toolbar_ext_button").isVisible()


def test_no_unfolded_section_makes_the_panel_wider_than_its_place(qtbot, opened):
    sections = opened.panels.segment.findChildren(Section)
    assert {section.title for section in sections} == {"More settings", "Normalisation"}
    for section in sections:
        section.header.setChecked(True)
    qtbot.wait(30)
    for field in opened.panels.segment.findChildren(QWidget):
        right = field.mapTo(opened, field.rect().topRight()).x()
        assert not field.isVisible() or right < opened.width(), field.accessibleName()


def test_the_model_and_the_table_of_cells_are_there_again_the_next_time(qtbot, window):
    window.panels.segment.choose_model("mine")
    window.actions_["objects"].trigger()
    window.close()
    again = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    again.show()
    assert again.panels.objects.isVisible()
    again.services.models._take(CHOICES)
    assert again.panels.segment.chosen_model == "mine"
    again.close()
    third = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    third.services.models._take(CHOICES[:2])
    assert third.panels.segment.chosen_model == "generalist"
    third.close()


def test_themes_fill_in_every_colour(window):
    for theme in THEMES:
        assert "@" not in style_sheet(theme)


def test_the_theme_is_remembered(qtbot, window):
    window.actions_["theme"].trigger()
    assert window.preferences.light
    other = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    assert other.preferences.light
    assert other.workbench.theme == "light"
    other.close()


def test_close_asks_about_unsaved_edits(qtbot, opened):
    segment(qtbot, opened)
    opened.messages.unsaved = "cancel"
    assert not opened.close()
    assert opened.isVisible()
    opened.messages.unsaved = "save"
    opened.close()
    qtbot.waitUntil(lambda: not opened.isVisible())
    assert (opened.document.path.parent / "a1_seg.npy").exists()


def test_progress_appears_with_a_way_to_cancel(qtbot, opened):
    opened.pipelines.gate.clear()
    opened.actions_["segment"].trigger()
    qtbot.waitUntil(opened.status.progress.isVisible)
    qtbot.wait(20)
    assert not opened.actions_["denoise"].isEnabled()
    opened.status.cancel.click()
    qtbot.waitUntil(lambda: not opened.status.progress.isVisible())
    assert opened.status.message.text() == "Finding cells was cancelled."
    qtbot.wait(20)
    assert opened.actions_["denoise"].isEnabled()


def test_menus_hold_every_action(window):
    texts = [a.text() for menu in window.menuBar().actions() for a in menu.menu().actions()]
    for entries in TABLE.values():
        for spec in entries:
            assert spec is None or spec.text in texts
