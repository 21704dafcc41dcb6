"""How sure a run was of each cell: kept through edits and undo, shown, chosen by, and saved."""

import csv

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt

from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.labels import operations
from cellmend.labels.confidence import Confidence
from cellmend.labels.stroke import StrokeBuilder
from cellmend.params import MaskSettings, SegmentSettings
from cellmend_app.commands import EditLabels
from cellmend_app.dialogs.cells import FilterDialog
from cellmend_app.services.measure import MeasureService, measure
from cellmend_app.services.objects import ObjectsService
from cellmend_app.services.pipelines import SegmentRequest
from cellmend_app.services.segment import SegmentService
from cellmend_app.services.storage import ExportRequest
from cellmend_app.window import MainWindow
from cellmend_app.workers import JobRunner

REQUEST = SegmentRequest(SegmentSettings(diameter=12.0))


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


@pytest.fixture
def segment(document, runner, messages):
    return SegmentService(document, runner, messages, FakePipelines())


def finish(qtbot, job):
    with qtbot.waitSignal(job.finished, timeout=10_000):
        pass


def flow_errors(document):
    """Return the flow error of every cell of which one is known."""
    if document.confidence is None:
        return {}
    ids = np.array(document.labels.ids)
    found = document.confidence.columns(np.zeros_like(ids), ids)["flow_error"]
    return {i: e for i, e in zip(ids.tolist(), found.tolist(), strict=True) if e == e}


def edit(document, patch):
    document.undo.push(EditLabels(document, patch, "Edit"))


def square(document, label, y, x):
    corners = [(y, x), (y, x + 8), (y + 8, x + 8), (y + 8, x)]
    return operations.fill(document.labels.array, corners, label, "replace")


def test_undo_and_redo_of_a_run_take_its_values_along(qtbot, document, segment):
    assert document.confidence is None
    finish(qtbot, segment.run(REQUEST))
    assert flow_errors(document) == {1: 0.1, 2: 0.3}
    document.undo.undo()
    assert document.confidence is None
    document.undo.redo()
    assert flow_errors(document) == {1: 0.1, 2: 0.3}


def test_new_thresholds_bring_new_values(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    finish(qtbot, segment.recompute(MaskSettings(cellprob_threshold=-5)))
    assert flow_errors(document) == {1: 1.0}
    document.undo.undo()
    assert flow_errors(document) == {1: 0.1, 2: 0.3}


def test_a_cell_that_was_edited_or_drawn_has_no_value(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    edit(document, square(document, 3, 2, 60))  # beside the others
    assert flow_errors(document) == {1: 0.1, 2: 0.3}
    edit(document, square(document, 4, 2, 2))  # over a part of cell 1
    assert flow_errors(document) == {2: 0.3}
    edit(document, square(document, 1, 20, 60))  # cell 1 once more
    document.undo.undo()
    assert flow_errors(document) == {2: 0.3}
    document.undo.undo()
    assert flow_errors(document) == {1: 0.1, 2: 0.3}
    document.undo.redo()
    assert flow_errors(document) == {2: 0.3}


def test_a_run_after_edits_is_undone_to_what_was_known_then(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    edit(document, operations.delete(document.labels.array, [1], document.labels.index))
    finish(qtbot, segment.run(REQUEST))
    assert flow_errors(document) == {1: 0.1, 2: 0.3}
    document.undo.undo()
    assert flow_errors(document) == {2: 0.3}
    document.undo.undo()
    assert flow_errors(document) == {1: 0.1, 2: 0.3}


def test_in_a_series_an_edit_is_of_one_frame(document):
    series = np.zeros((2, 16, 16), np.uint32)
    series[:, 2:9, 2:9] = 1
    document.set_image(Image(np.ones(series.shape, np.uint8), "TYX"))
    one = np.array([0.1, 0.2])
    document.set_labels(series, confidence=Confidence.of(series, one, one, series=True))
    document.plane = 1
    edit(document, operations.delete(document.labels.array, [1], document.labels.index))
    assert document.confidence.edited == {(1, 1)}
    document.undo.undo()
    assert not document.confidence.edited


def test_another_image_knows_nothing(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    document.set_image(Image(np.ones((8, 8), np.uint8)))
    assert document.confidence is None


def test_cells_of_a_poor_shape_are_selected_and_deleted(
    qtbot, document, segment, cells, runner, messages
):
    finish(qtbot, segment.run(REQUEST))
    objects = ObjectsService(document, runner, messages)
    with qtbot.waitSignal(objects.measured, timeout=20_000):
        dialog = FilterDialog(cells, objects)
    qtbot.addWidget(dialog)
    dialog.measurement.setCurrentText("flow error")
    dialog.above.setText("0.2")
    assert document.selection == (2,)
    dialog.delete.click()
    assert document.labels.ids == [1]
    document.undo.undo()
    assert flow_errors(document) == {1: 0.1, 2: 0.3}
    with qtbot.waitSignal(objects.measured, timeout=20_000):
        objects.measure()


def test_a_stroke_that_ends_late_is_told_to_the_table(qtbot, document, segment, runner, messages):
    finish(qtbot, segment.run(REQUEST))
    objects = ObjectsService(document, runner, messages, quiet_ms=1)
    with qtbot.waitSignal(objects.measured, timeout=20_000):
        objects.watch(True)
    builder = StrokeBuilder(document.labels.array, 1, "keep")
    with qtbot.waitSignal(objects.measured, timeout=20_000):  # while the button is still down
        patch = builder.add((0, 60, 5, 65), np.ones((5, 5), bool))
        document.labels.apply(patch)
    assert not np.isnan(objects.columns["flow_error"]).any()
    with qtbot.waitSignal(objects.measured, timeout=20_000):
        document.undo.push(EditLabels(document, patch, "Paint", applied=True))
    assert np.isnan(objects.columns["flow_error"]).tolist() == [True, False]


def test_cells_are_coloured_by_what_is_known_of_them(qtbot, document, segment, runner, messages):
    measures = MeasureService(document, runner, messages)
    finish(qtbot, segment.run(REQUEST))
    with qtbot.waitSignal(measures.measured, timeout=20_000) as found:
        measures.follow("cellprob")
    assert found.args == ["cellprob", {1: 3.0, 2: 2.0}]
    assert measure(document.image, document.labels.full, "cellprob", 0) == {}


@pytest.fixture
def window(qtbot, tmp_path, document):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.document.set_image(document.image, tmp_path / "a.tif")
    window.show()
    finish(qtbot, window.services.segment.run(REQUEST))
    yield window
    window.messages.unsaved = "discard"
    window.close()


def test_the_table_shows_chooses_and_exports_it(qtbot, window, tmp_path):
    panel, document = window.panels.objects, window.document
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        window.actions_["objects"].trigger()
    model = panel.model
    place = model.names.index("flow_error")
    header = [model.headerData(place + i, Qt.Orientation.Horizontal) for i in (0, 1)]
    assert header == ["flow error", "cell probability"]
    assert model.headerData(place, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    panel.table.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    assert model.labels() == [2, 1]
    panel.column.setCurrentText("cell probability")
    panel.high.setText("2.5")
    panel.choose.click()
    assert document.selection == (2,)
    panel.high.setText("")
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        edit(document, square(document, 2, 2, 60))
    assert model.labels() == [1, 2]
    assert model.data(model.index(1, place)) == ""
    assert model.data(model.index(0, place)) == "0.1"
    window.services.exports.write(ExportRequest(("csv",)))
    path = tmp_path / "a_measurements.csv"
    qtbot.waitUntil(path.exists, timeout=20_000)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["flow_error"] for row in rows] == ["0.1", "nan"]
    assert [row["cellprob"] for row in rows] == ["3.0", "nan"]


def test_the_filter_waits_for_a_column_that_is_gone(qtbot, window):
    panel = window.panels.objects
    measured = window.services.objects.measured
    with qtbot.waitSignal(measured, timeout=20_000):
        window.actions_["objects"].trigger()
    panel.column.setCurrentText("flow error")
    panel.low.setText("0.2")
    panel.table.sortByColumn(panel.model.names.index("area_px"), Qt.SortOrder.AscendingOrder)
    assert panel.model.labels() == [2]
    with qtbot.waitSignal(measured, timeout=20_000):
        window.document.set_labels(window.document.labels.full)
    assert sorted(panel.model.labels()) == [1, 2]
    assert panel.column.currentIndex() == -1
    arrow = panel.table.horizontalHeader().sortIndicatorSection()
    assert panel.model.names[arrow] == "area_px"
    with qtbot.waitSignal(measured, timeout=20_000):
        finish(qtbot, window.services.segment.run(REQUEST))
    assert panel.model.labels() == [2]
    assert panel.column.currentText() == "flow error"


def test_a_project_brings_it_back(qtbot, window, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", window.document.image.data)
    edit(window.document, square(window.document, 2, 2, 60))
    path = tmp_path / "a.cellmend"
    window.services.files.save_project(path)
    qtbot.waitUntil(lambda: not window.document.modified, timeout=20_000)
    assert projects.read(path).masks[0].confidence.labels.tolist() == [1]
    with qtbot.waitSignal(window.services.files.opened, timeout=20_000):
        window.open(path)
    assert flow_errors(window.document) == {1: 0.1}
