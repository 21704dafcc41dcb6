"""A part of the plane on show is segmented: by the visible part, and by a shape that is drawn."""

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication

from cellmend.image import Image
from cellmend.labels import operations
from cellmend.labels.region import Region
from cellmend.params import SegmentSettings
from cellmend_app.commands import EditLabels
from cellmend_app.document import RestoredLayer
from cellmend_app.services.models import ModelChoice
from cellmend_app.services.pipelines import SegmentRequest
from cellmend_app.services.region import RegionService
from cellmend_app.services.reproduce import EDITED, PART
from cellmend_app.tools import Pointer, RegionTool
from cellmend_app.window import MainWindow
from cellmend_app.workers import JobRunner

CHOICES = (ModelChoice("generalist", "segmentation", installed=True),)
REQUEST = SegmentRequest(SegmentSettings(diameter=10.0))
LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def pipelines():
    return FakePipelines()


@pytest.fixture
def service(document, messages, pipelines):
    runner = JobRunner()
    yield RegionService(document, runner, messages, pipelines)
    runner.shutdown()


def box_of(*box, shape=(64, 80)):
    return Region.of_box(box, shape)


def run(qtbot, service, region, request=REQUEST):
    with qtbot.waitSignal(service.segmented) as found:
        service.run(request, region)
    return found.args[0]


def test_new_cells_take_the_place_of_those_in_the_part_alone(qtbot, document, service, messages):
    before = document.labels.full.copy()
    said = []
    messages.noted.connect(said.append)
    assert run(qtbot, service, box_of(5, 15, 25, 40)) == 1
    after = before.copy()
    after[6:24, 16:39] = 6
    after[10:20, 10:20] = 1
    after[before == 5] = 5
    np.testing.assert_array_equal(document.labels.full, after)
    assert said == ["Found 1 cell in this part. 1 cell across its border stayed."]
    assert document.diameter == 10
    document.undo.undo()
    np.testing.assert_array_equal(document.labels.full, before)


def test_the_plane_on_show_when_it_began_is_the_one_that_changes(
    qtbot, document, service, pipelines
):
    document.set_image(Image(np.random.default_rng(0).random((2, 3, 64, 80)), "TZYX"))
    document.plane = 4
    pipelines.gate.clear()
    with qtbot.waitSignal(service.segmented):
        service.run(REQUEST, box_of(5, 15, 25, 40))
        document.plane = 2
        pipelines.gate.set()
    assert pipelines.requests[-1].plane == 4
    assert document.plane == 2
    filled = [bool(plane.any()) for plane in document.labels.full.reshape(6, 64, 80)]
    assert filled == [False] * 4 + [True, False]
    document.undo.undo()
    assert document.plane == 4
    assert not document.labels.count


def test_in_a_restored_image_that_is_larger_the_same_part_is_looked_at(
    qtbot, document, service, pipelines
):
    large = Image(np.kron(document.image.data, np.ones((2, 2))).astype(np.float32))
    document.add_restored(RestoredLayer("upsample", large))
    request = SegmentRequest(SegmentSettings(diameter=10.0), on_restored=True)
    run(qtbot, service, box_of(30, 10, 60, 40), request)
    asked = pipelines.requests[-1]
    assert asked.box == (60, 20, 120, 80)
    assert asked.segment.settings.diameter == 20
    assert document.diameter == 10
    rows, columns = np.nonzero(document.labels.array == 6)
    assert (rows.min(), columns.min()) == pytest.approx((30, 10), abs=1)
    assert (rows.max(), columns.max()) == pytest.approx((59, 39), abs=1)


def test_edits_made_meanwhile_are_asked_about_and_kept(
    qtbot, document, service, pipelines, messages
):
    def edit_while_it_runs():
        pipelines.gate.clear()
        job = service.run(REQUEST, box_of(5, 8, 25, 40))
        patch = operations.delete(document.labels.array, [5], document.labels.index)
        document.undo.push(EditLabels(document, patch, "Delete"))
        return job

    job = edit_while_it_runs()
    with qtbot.waitSignal(job.finished):
        pipelines.gate.set()
    assert messages.questions
    assert document.labels.ids == [1, 2]
    document.undo.undo()
    messages.yes = True
    with qtbot.waitSignal(service.segmented):
        edit_while_it_runs()
        pipelines.gate.set()
    assert document.labels.count == 1
    assert 5 not in document.labels


def test_cells_of_another_image_are_dropped(qtbot, document, service, pipelines):
    pipelines.gate.clear()
    job = service.run(REQUEST, box_of(5, 8, 25, 40))
    document.set_image(Image(np.random.default_rng(1).random((64, 80))))
    with qtbot.waitSignal(job.finished):
        pipelines.gate.set()
    assert not document.labels.count
    assert not document.undo.count()


def test_failures_are_told_with_a_way_out(qtbot, document, service, pipelines, messages):
    pipelines.error = MemoryError()
    job = service.run(REQUEST, box_of(5, 8, 25, 40))
    with qtbot.waitSignal(job.finished):
        pass
    assert messages.errors[0][1:] == ("find the cells", "segment")


def test_what_a_network_found_no_person_drew(qtbot, document, service):
    document.set_labels(np.pad(np.ones((19, 24), np.uint8), ((7, 38), (9, 47))), manual={1})
    run(qtbot, service, box_of(5, 8, 27, 34))
    assert document.labels.ids == [1]
    assert document.manual == set()
    document.undo.undo()
    assert document.manual == {1}


def drag(tool, *places, modifiers=Qt.KeyboardModifier.NoModifier):
    (y, x), *rest = places
    tool.press(Pointer(y, x, LEFT, modifiers))
    for y, x in rest:
        tool.move(Pointer(y, x))
    tool.release(Pointer(*places[-1], LEFT, modifiers))


def test_a_drag_chooses_a_rectangle_cut_at_the_image(document):
    tool, chosen = RegionTool(document), []
    tool.chosen.connect(chosen.append)
    drag(tool, (20.2, 30.1), (-5, 90))
    assert chosen[0].box == (0, 30, 20, 80)
    assert chosen[0].mask.all()
    assert not tool.busy


def test_with_shift_a_part_is_drawn_freehand(document):
    tool, chosen = RegionTool(document), []
    tool.chosen.connect(chosen.append)
    drag(tool, (10, 10), (10, 40), (40, 10), modifiers=SHIFT)
    region = chosen[0]
    assert 0.4 < region.mask.mean() < 0.6
    assert region.mask[0, 0]
    assert not region.mask[-1, -1]


def test_a_click_and_a_place_beside_the_image_choose_nothing(document):
    tool, chosen, said = RegionTool(document), [], []
    tool.chosen.connect(chosen.append)
    document.status.connect(said.append)
    drag(tool, (10, 10), (11, 10))
    assert not said
    drag(tool, (70, 90), (80, 99))
    assert not chosen
    assert "outside" in said[0]


@pytest.fixture
def window(qtbot, tmp_path, pipelines):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (400, 500), dtype=np.uint8))
    window = MainWindow(pipelines=pipelines, messages=RecordingMessages())
    window.resize(1024, 700)
    window.show()
    window.services.models._take(CHOICES)
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def segment_visible(qtbot, window):
    window.actions_.refresh()
    with qtbot.waitSignal(window.services.region.segmented):
        window.actions_["segment-visible"].trigger()


def copied(window):
    QApplication.clipboard().clear()
    window.actions_.refresh()
    window.actions_["copy-command"].trigger()
    return QApplication.clipboard().text()


def test_the_visible_part_is_what_the_view_shows(qtbot, window, pipelines):
    window.view.canvas.show_box((100, 200, 160, 280))
    qtbot.wait(20)
    seen = window.view.visible_box()
    assert (seen[2] - seen[0], seen[3] - seen[1]) < (300, 400)
    window.panels.segment.cellprob.setValue(-1)
    segment_visible(qtbot, window)
    asked = pipelines.requests[-1]
    assert asked.box == seen
    assert asked.segment.settings.masks.cellprob_threshold == -1
    assert window.document.undo.undoText() == "Segment the visible part"


def test_a_shape_that_is_drawn_is_segmented_with_the_settings_of_the_panel(
    qtbot, window, pipelines
):
    window.actions_["segment-region"].trigger()
    tool = window.workbench.tools["segment-region"]
    assert window.view.tool is tool
    with qtbot.waitSignal(window.services.region.segmented):
        drag(tool, (20, 30), (90, 120))
    assert pipelines.requests[-1].box == (20, 30, 90, 120)
    assert pipelines.requests[-1].segment == window.panels.segment.request()


def test_the_record_of_a_run_says_that_a_part_was_done_anew(qtbot, window):
    segment_visible(qtbot, window)
    assert copied(window) == ""
    assert "not that of a part" in window.actions_["copy-command"].toolTip()
    with qtbot.waitSignal(window.services.segment.segmented):
        window.services.segment.run(window.panels.segment.request())
    assert PART not in copied(window)
    segment_visible(qtbot, window)
    assert copied(window).startswith(f"# {PART}\n")
    assert EDITED not in copied(window)
    assert not window.services.segment.can_recompute
    window.document.undo.undo()
    assert PART not in copied(window)
