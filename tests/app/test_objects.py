"""The table of cells follows the labels, and the selection both ways."""

import csv

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from openpyxl import load_workbook
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QApplication

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


@pytest.fixture
def series(qtbot, panel, document):
    """A table of a series of two frames, in each of which are cells 1 and 2."""
    frames = np.zeros((2, 30, 30), np.uint32)
    frames[:, 2:8, 2:8], frames[:, 12:18, 2:8] = 1, 2
    document.set_image(Image(np.ones((2, 30, 30), np.uint8), "TYX"))
    with qtbot.waitSignal(panel.service.measured, timeout=10_000):
        document.set_labels(frames)
    assert column(panel, "frame") == [0, 0, 1, 1]
    return panel


def selected_rows(panel):
    return sorted(index.row() for index in panel.table.selectionModel().selectedRows())


def test_rows_of_other_frames_are_other_cells(qtbot, series, document):
    document.select(2)
    assert selected_rows(series) == [1]
    document.plane = 1
    assert selected_rows(series) == [3]
    click(qtbot, series, 0)
    assert (document.plane, document.selection) == (0, (1,))
    click(qtbot, series, 3, Qt.KeyboardModifier.ControlModifier)
    assert (document.plane, document.selection) == (1, (2,))
    assert selected_rows(series) == [3]


def test_the_cells_of_another_image_are_not_shown_until_measured(qtbot, panel, document):
    document.set_image(Image(np.ones((64, 80), np.uint8)))
    assert panel.model.rowCount() == 0
    assert panel.count.text() == "0 cells"


def test_a_table_that_nobody_looks_at_is_saved_as_the_cells_are_now(
    qtbot, tmp_path, panel, document
):
    panel.hide()
    labels = np.zeros((20, 20), np.uint32)
    labels[2:8, 2:8] = 7
    document.set_image(Image(np.ones((20, 20), np.uint8)), tmp_path / "other.tif")
    document.set_labels(labels)
    panel.service.save(tmp_path / "other.csv")
    qtbot.waitUntil((tmp_path / "other.csv").exists, timeout=10_000)
    with (tmp_path / "other.csv").open(newline="") as file:
        assert [(row["label"], row["area_px"]) for row in csv.DictReader(file)] == [("7", "36")]


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
    close = window.findChild(QAbstractButton, "qt_dockwidget_closebutton")
    assert not close.icon().isNull()
    assert "Ctrl+Shift+M" in close.toolTip()
    for path in (tmp_path / "cells.csv", tmp_path / "cells.xlsx"):
        monkeypatch.setattr(
            "cellmend_app.dialogs.files.QFileDialog.getSaveFileName",
            lambda *_, path=path: (str(path), ""),
        )
        window.panels.objects.save.click()
        qtbot.waitUntil(path.exists, timeout=10_000)
    with (tmp_path / "cells.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["1", "2", "5"]
    header, *rows = load_workbook(tmp_path / "cells.xlsx").active.values
    assert [row[header.index("label")] for row in rows] == [1, 2, 5]
    window.close()


def drag(histogram, start, end):
    """Drag over the picture of a distribution, from one share of its width to another."""
    places = [QPoint(round(share * (histogram.width() - 1)), 20) for share in (start, end)]
    QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=places[0])
    QTest.mouseMove(histogram, places[1])
    QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=places[1])


@pytest.fixture
def spread(panel):
    """The distribution of a table of ten cells of the areas 0 to 9, and one of unknown area."""
    areas = np.array([*range(10), np.nan])
    panel._take({"label": np.arange(1, 12), "area": areas, "x": np.ones(11)})
    panel.column.setCurrentText("area")
    return panel.distribution


def test_a_column_has_a_distribution(panel, spread):
    histogram = spread._histogram
    assert (histogram.counts.sum(), histogram.low, histogram.high) == (10, 0, 9)
    panel.column.setCurrentText("x")
    assert spread._histogram.counts.tolist()[0] == 11
    panel._take({})
    assert not spread._histogram.counts.any()
    assert not spread.grab().isNull()


def test_a_range_that_is_dragged_filters_and_selects(panel, spread, document):
    spread.resize(300, 80)
    drag(spread, 0.3, 0.7)
    low, high = float(panel.low.text()), float(panel.high.text())
    assert (low, high) == (pytest.approx(2.7, abs=0.1), pytest.approx(6.3, abs=0.1))
    assert panel.model.labels() == [4, 5, 6, 7]
    drag(spread, 0.7, 0.95)  # the upper end
    assert panel.model.labels() == [4, 5, 6, 7, 8, 9]
    panel.choose.click()
    assert document.selection == (5,)  # the only one of them that the image has
    drag(spread, 0.3, 0.0)
    assert (panel.low.text(), panel.model.labels()[0]) == ("", 1)


def test_a_click_shows_all_again_and_so_does_another_column(panel, spread):
    spread.resize(300, 80)
    drag(spread, 0.3, 0.7)
    drag(spread, 0.5, 0.5)
    assert (panel.low.text(), panel.high.text(), len(panel.model.labels())) == ("", "", 11)
    drag(spread, 0.3, 0.7)
    panel.column.setCurrentText("label")
    assert (panel.low.text(), len(panel.model.labels())) == ("", 11)


def test_typed_bounds_and_keys_move_the_ends(panel, spread):
    spread.resize(300, 80)
    panel.high.setText("4.5")
    assert spread._limits == (-np.inf, 4.5)
    for _ in range(40):
        QTest.keyClick(spread, Qt.Key.Key_Right)
    assert panel.model.labels() == [1, 2, 3, 4, 5, 6]
    for _ in range(40):
        QTest.keyClick(spread, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert panel.model.labels() == [3, 4, 5, 6]
