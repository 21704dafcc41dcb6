"""The table of cells follows the labels, and the selection both ways."""

import csv

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication

from cellmend.image import Image
from cellmend.labels import operations
from cellmend_app.commands import EditLabels
from cellmend_app.panels.objects import CellTable, ObjectsPanel
from cellmend_app.services.objects import ObjectsService
from cellmend_app.window import MainWindow
from cellmend_app.workers import JobRunner


@pytest.fixture
def panel(qtbot, document):
    runner = JobRunner()
    service = ObjectsService(document, runner, RecordingMessages(), quiet_ms=10)
    panel = ObjectsPanel(document, service)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(service.measured, timeout=20_000):
        panel.show()
    panel.service = service
    yield panel
    panel.hide()
    runner.shutdown()


def column(panel, name):
    return [panel.model.value(row, name) for row in range(panel.model.rowCount())]


def click(qtbot, panel, row, modifier=Qt.KeyboardModifier.NoModifier):
    index = panel.model.index(row, 0)
    panel.table.scrollTo(index)
    QApplication.processEvents()
    place = panel.table.visualRect(index).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def test_every_cell_has_a_row(panel):
    assert panel.model.labels() == [1, 2, 5]
    assert column(panel, "area_px") == [100, 100, 100]
    assert panel.count.text() == "3 cells"


def test_a_row_selects_its_cell_and_a_cell_its_row(qtbot, panel, document):
    click(qtbot, panel, 2)
    assert document.selection == (5,)
    click(qtbot, panel, 0, Qt.KeyboardModifier.ControlModifier)
    assert set(document.selection) == {1, 5}
    document.select(2)
    rows = [index.row() for index in panel.table.selectionModel().selectedRows()]
    assert rows == [1]
    document.select(0)
    assert panel.table.selectionModel().selectedRows() == []


def test_an_edit_is_measured(qtbot, panel, document):
    square = [(40, 5), (40, 25), (60, 25), (60, 5)]
    patch = operations.fill(document.labels.array, square, 9, "keep")
    with qtbot.waitSignal(panel.service.measured, timeout=10_000):
        document.undo.push(EditLabels(document, patch, "Draw"))
    assert panel.model.labels() == [1, 2, 5, 9]


def test_the_heading_sorts_and_the_fields_filter(panel):
    place = panel.model.names.index("mean_channel 1")
    panel.table.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    means = column(panel, "mean_channel 1")
    assert means == sorted(means, reverse=True)
    panel.column.setCurrentText("label")
    panel.low.setText("2")
    assert sorted(panel.model.labels()) == [2, 5]
    panel.high.setText("4")
    assert panel.model.labels() == [2]
    panel.low.setText("not a number")
    panel.high.setText("")
    assert len(panel.model.labels()) == 3


def test_the_selection_stays_with_its_cell_when_rows_move(panel, document):
    document.select(5)
    panel.table.sortByColumn(panel.model.names.index("label"), Qt.SortOrder.DescendingOrder)
    rows = [index.row() for index in panel.table.selectionModel().selectedRows()]
    assert panel.model.labels()[rows[0]] == 5
    assert document.selection == (5,)


def test_a_row_of_another_plane_goes_there(qtbot, panel, document):
    volume = np.zeros((4, 30, 30), np.uint32)
    volume[0, 2:8, 2:8] = 1
    volume[3, 2:8, 2:8] = 2
    document.set_image(Image(np.ones((4, 30, 30), np.uint8), "ZYX"))
    with qtbot.waitSignal(panel.service.measured, timeout=10_000):
        document.set_labels(volume)
    click(qtbot, panel, 1)
    assert document.plane == 3
    assert document.selection == (2,)


def test_a_timer_that_runs_out_after_the_end_does_nothing(qtbot, document):
    runner = JobRunner()
    service = ObjectsService(document, runner, RecordingMessages(), quiet_ms=0)
    service.watch(True)
    runner.shutdown()
    qtbot.wait(20)
    assert service.columns == {}


def test_what_is_no_number_is_sorted_last(qtmodeltester):
    model = CellTable()
    model.take({"label": np.array([1, 2, 3]), "x": np.array([np.nan, 2.0, 1.0])})
    for order, wanted in (
        (Qt.SortOrder.AscendingOrder, [3, 2, 1]),
        (Qt.SortOrder.DescendingOrder, [2, 3, 1]),
    ):
        model.sort(1, order)
        assert model.labels() == wanted
    qtmodeltester.check(model, force_py=True)


def test_the_table_opens_in_the_window_and_is_saved(qtbot, tmp_path, monkeypatch, document):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.document.set_image(document.image, tmp_path / "a.tif")
    window.document.set_labels(document.labels.full)
    window.show()
    with qtbot.waitSignal(window.services.objects.measured, timeout=10_000):
        window.actions_["objects"].trigger()
    qtbot.waitUntil(window.actions_["save-table"].isEnabled)
    path = tmp_path / "cells.csv"
    monkeypatch.setattr(
        "cellmend_app.dialogs.files.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    window.panels.objects.save.click()
    qtbot.waitUntil(path.exists, timeout=5000)
    with path.open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["1", "2", "5"]
    window.close()
