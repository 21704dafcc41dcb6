"""The list of models: what there is, and what becomes of the person's own."""

from pathlib import Path

import pytest
from doubles import RecordingMessages
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QWidget

from cellmend import registry
from cellmend_app.dialogs.models import ModelsDialog
from cellmend_app.services.models import ModelService
from cellmend_app.workers import JobRunner

WEIGHTS = Path(__file__).parents[1] / "golden" / "cpnet" / "cellpose_layout"


@pytest.fixture
def dialog(qtbot):
    registry.add(WEIGHTS, "mine")
    runner, messages = JobRunner(), RecordingMessages()
    window = QWidget()
    qtbot.addWidget(window)
    dialog = ModelsDialog(ModelService(runner, messages), messages, window)
    with qtbot.waitSignal(dialog._models.changed, timeout=20_000):
        dialog._models.refresh()
    yield dialog
    runner.shutdown()


def rows(dialog):
    items = [dialog.list.topLevelItem(i) for i in range(dialog.list.topLevelItemCount())]
    return {item.text(0): item for item in items}


def changed(qtbot, dialog):
    return qtbot.waitSignal(dialog._models.changed, timeout=20_000)


def test_it_tells_what_models_are_for_how_large_and_whose(dialog):
    found = rows(dialog)
    assert [found["mine"].text(place) for place in (1, 3)] == ["find cells", "you"]
    generalist = registry.find("generalist")
    size = f"{generalist.path.stat().st_size / 1e6:.1f} MB"
    assert [found["generalist"].text(place) for place in (2, 3)] == [size, "Cellmend"]
    assert found["generalist-size"].text(2).endswith(" kB")
    dialog.list.setCurrentItem(found["generalist"])
    assert dialog.about.text() == generalist.card.description


def test_only_the_persons_own_can_be_changed(dialog):
    assert not dialog.rename.isEnabled()
    found = rows(dialog)
    dialog.list.setCurrentItem(found["generalist"])
    assert not dialog.remove.isEnabled()
    assert not found["generalist"].flags() & Qt.ItemFlag.ItemIsEditable
    dialog.list.setCurrentItem(found["mine"])
    assert dialog.rename.isEnabled()
    assert dialog.remove.isEnabled()


def test_a_model_is_renamed_in_its_place(qtbot, dialog):
    dialog.list.setCurrentItem(rows(dialog)["mine"])
    with changed(qtbot, dialog):
        rows(dialog)["mine"].setText(0, "yeast")
    assert "mine" not in rows(dialog)
    assert registry.find("yeast").card.name == "yeast"


def test_a_name_that_is_taken_is_refused_and_the_old_one_comes_back(qtbot, dialog):
    with changed(qtbot, dialog):
        rows(dialog)["mine"].setText(0, "generalist")
    assert "is the name of a model of Cellmend" in dialog._messages.shown[1]
    assert {"mine", "generalist"} <= set(rows(dialog))
    rows(dialog)["mine"].setText(0, " ")
    assert rows(dialog)["mine"].text(0) == "mine"


@pytest.mark.parametrize("yes", [False, True])
def test_a_model_is_removed_after_a_question(qtbot, dialog, yes):
    dialog._messages.yes = yes
    dialog.list.setCurrentItem(rows(dialog)["mine"])
    if yes:
        with changed(qtbot, dialog):
            dialog.remove.click()
    else:
        dialog.remove.click()
        qtbot.wait(20)
    assert dialog._messages.questions == ["Remove the model mine?"]
    assert ("mine" in rows(dialog)) is not yes
