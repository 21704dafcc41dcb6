"""The last run on the clipboard, as a command line and as a script."""

import shlex

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtWidgets import QApplication

from cellmend.image import Image
from cellmend.labels import operations
from cellmend.provenance import Provenance
from cellmend_app.commands import EditLabels
from cellmend_app.document import RestoredLayer
from cellmend_app.services import storage
from cellmend_app.services.models import ModelChoice
from cellmend_app.services.pipelines import RestoreRequest
from cellmend_app.services.reproduce import EDITED
from cellmend_app.window import MainWindow

CHOICES = (
    ModelChoice("generalist", "segmentation", installed=True),
    ModelChoice("denoise", "denoise", installed=True),
)
ACTIONS = ("copy-command", "copy-python")


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "my images"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8)
    tifffile.imwrite(folder / "a1.tif", pixels)
    tifffile.imwrite(folder / "masks.tif", (pixels > 200).astype(np.uint16))
    return folder / "a1.tif"


@pytest.fixture
def opened(qtbot, path):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.services.models._take(CHOICES)
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def enabled(window):
    window.actions_.refresh()
    return [window.actions_[name].isEnabled() for name in ACTIONS]


def copied(window, name="copy-command"):
    QApplication.clipboard().clear()
    window.actions_.refresh()
    window.actions_[name].trigger()
    return QApplication.clipboard().text()


def segment(qtbot, window):
    with qtbot.waitSignal(window.services.segment.segmented):
        window.services.segment.run(window.panels.segment.request())


def restore(qtbot, window):
    with qtbot.waitSignal(window.services.restore.restored):
        steps = (window.panels.restore.step("denoise"),)
        window.services.restore.run(RestoreRequest(steps, window.document.diameter))


def delete_a_cell(document):
    patch = operations.delete(document.labels.array, [1], document.labels.index)
    document.undo.push(EditLabels(document, patch, "Delete"))


def test_without_a_run_there_is_nothing_to_copy(opened):
    assert enabled(opened) == [False, False]
    assert "first" in opened.actions_["copy-python"].toolTip()
    assert copied(opened) == ""


def test_a_run_is_copied_and_said(qtbot, opened, path):
    opened.panels.segment.auto.setChecked(False)
    opened.panels.segment.diameter.setValue(22)
    opened.panels.segment.flow.setValue(0.6)
    segment(qtbot, opened)
    assert enabled(opened) == [True, True]
    words = ["cellmend", "segment", str(path), "--diameter", "22.0", "--flow-threshold", "0.6"]
    assert copied(opened) == shlex.join(words)
    assert opened.status.message.text() == "Copied the command line of the last run."
    script = copied(opened, "copy-python")
    assert f"image = cellmend.read({str(path)!r})" in script
    assert "diameter=22.0, flow_threshold=0.6" in script
    assert opened.status.message.text() == "Copied the Python script of the last run."


def test_what_was_done_before_is_part_of_it(qtbot, opened):
    restore(qtbot, opened)
    assert "restore" in copied(opened)
    segment(qtbot, opened)
    assert [line.split()[1] for line in copied(opened).splitlines()[1:]] == ["restore", "segment"]
    restore(qtbot, opened)  # at the diameter that was found
    segment(qtbot, opened)
    assert "--restore denoise --diameter 20.0" in copied(opened)


def test_the_record_follows_undo(qtbot, opened):
    segment(qtbot, opened)
    opened.document.undo.undo()
    assert enabled(opened) == [False, False]
    opened.document.undo.redo()
    assert enabled(opened) == [True, True]


def test_edits_by_hand_are_told_unless_they_are_undone(qtbot, opened):
    segment(qtbot, opened)
    assert EDITED not in copied(opened)
    delete_a_cell(opened.document)
    restore(qtbot, opened)
    assert copied(opened).startswith(f"# {EDITED}\n")
    assert copied(opened, "copy-python").startswith(f"# {EDITED}\n")
    opened.document.undo.undo()
    opened.document.undo.undo()
    assert EDITED not in copied(opened)


def test_new_thresholds_are_those_of_the_record(qtbot, opened):
    segment(qtbot, opened)
    opened.panels.segment.cellprob.setValue(-1)
    with qtbot.waitSignal(opened.services.segment.segmented):
        opened.services.segment.recompute(opened.panels.segment.mask_settings())
    assert "--cellprob-threshold=-1.0" in copied(opened)
    opened.document.undo.undo()
    assert "--cellprob-threshold" not in copied(opened)


def test_masks_of_another_origin_have_no_record(qtbot, opened, path):
    segment(qtbot, opened)
    opened.messages.yes = True
    opened.services.cells.clear()
    assert enabled(opened) == [False, False]
    assert opened.document.flows is not None
    opened.document.undo.undo()
    assert enabled(opened) == [True, True]


def test_a_run_on_an_image_of_unknown_origin_has_no_record(qtbot, opened):
    layer = RestoredLayer("denoise", Image(np.zeros((60, 80), np.float32)))
    opened.document.add_restored(layer)
    assert opened.panels.segment.request().on_restored
    segment(qtbot, opened)
    assert enabled(opened) == [False, False]


def test_exported_masks_carry_the_record(qtbot, opened):
    segment(qtbot, opened)
    delete_a_cell(opened.document)
    record = storage.results(opened.services.files.content()).provenance
    assert (record["action"], record["settings"]["diameter"]) == ("segment", 20.0)


def test_axes_that_were_told_are_part_of_it(qtbot, opened, tmp_path):
    stack = tmp_path / "stack.npy"
    np.save(stack, np.random.default_rng(0).integers(0, 255, (3, 60, 80), dtype=np.uint8))
    files = opened.services.files
    files._axes[3, 60, 80] = "TYX"
    with qtbot.waitSignal(files.opened):
        opened.open(stack)
    record = Provenance("denoise", "denoise", "", {"diameter": 30.0})
    opened.document.add_restored(RestoredLayer("denoise", opened.document.image, record))
    assert copied(opened).startswith(f"cellmend restore {stack} --axes TYX --task denoise")
