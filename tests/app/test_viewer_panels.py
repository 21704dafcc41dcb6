"""Channels and contrast, planes, arrangements, mask layers and comparison, in the window."""

import threading

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtTest import QTest

from cellmend.image import Image
from cellmend.io.labels import write_labels
from cellmend_app.document import FlowLayer, RestoredLayer
from cellmend_app.services.compare import compare
from cellmend_app.viewer.masks import DIFFERENCE
from cellmend_app.viewer.scale import round_length
from cellmend_app.window import MainWindow


@pytest.fixture
def window(qtbot, monkeypatch):
    monkeypatch.setattr("cellmend_app.services.measure.LIST_AFTER_MS", 0)
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.resize(1200, 800)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def volume():
    rng = np.random.default_rng(0)
    return Image(
        rng.integers(0, 4000, (2, 3, 5, 40, 60), dtype=np.uint16),
        "TCZYX",
        ("DAPI", "actin", "marker"),
        {"Z": 2.0, "Y": 0.5, "X": 0.5},
    )


@pytest.fixture
def stack(window, tmp_path):
    window.document.set_image(volume(), tmp_path / "stack.tif")
    labels = np.zeros(window.document.labels_shape, np.uint32)
    labels[0, 1:4, 10:20, 10:20] = 4
    labels[0, 2:5, 20:30, 40:50] = 9
    window.document.set_labels(labels)
    return window


def show_results(window):
    image = window.document.image
    plane = (image.size("Y"), image.size("X"))
    window.document.set_results(
        FlowLayer(np.ones((2, *plane), np.float32), np.zeros(plane, np.float32))
    )


@pytest.fixture
def flat(window, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 250, (60, 80), dtype=np.uint8)
    window.document.set_image(Image(pixels), tmp_path / "flat.tif")
    labels = np.zeros((60, 80), np.uint32)
    labels[5:15, 5:15], labels[20:30, 20:40], labels[40:50, 50:60] = 1, 2, 3
    window.document.set_labels(labels)
    return window


def colour(window, y, x):
    view = window.view
    place = view.canvas.viewportTransform().map(QPointF(x, y))
    image = view.grab_image()
    return image.pixelColor(view.canvas.mapTo(view, place.toPoint())).getRgb()[:3]


# -- channels and contrast


def test_channels_are_listed_with_their_names_and_can_be_hidden(stack):
    panel = stack.panels.channels
    assert [panel.list.item(i).text() for i in range(3)] == ["DAPI", "actin", "marker"]
    panel.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert [c.visible for c in stack.view.channels] == [True, False, True]


def test_contrast_fields_work_on_the_numbers_of_the_file(stack):
    panel, before = stack.panels.channels, stack.document.image.data.copy()
    panel.list.setCurrentRow(2)
    panel.low.setValue(700)
    panel.high.setValue(3100)
    assert stack.view.channels[2].limits == (700, 3100)
    assert stack.view.channels[0].limits != (700, 3100)
    assert (panel.low.decimals(), panel.histogram._limits) == (0, (700, 3100))
    assert np.array_equal(stack.document.image.data, before)


def test_dragging_in_the_histogram_moves_the_nearer_limit(stack):
    panel = stack.panels.channels
    histogram, (low, high) = panel.histogram, stack.view.channels[0].limits
    start = QPoint(round(histogram._place(high)) - 4, 20)
    QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(histogram, QPoint(round(histogram._place((low + high) / 2)), 20))
    QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton)
    assert stack.view.channels[0].low == low
    assert stack.view.channels[0].high < high
    QTest.keyClick(histogram, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert stack.view.channels[0].low > low


def test_auto_contrast_never_switches_itself_on(stack, qtbot):
    panel, document = stack.panels.channels, stack.document
    panel.low.setValue(5)
    panel.high.setValue(50)
    document.plane = 3
    document.set_results(None)
    document.set_labels(document.labels.full)
    stack.view.arrange("two")
    qtbot.wait(5)
    assert stack.view.channels[0].limits == (5, 50)
    panel.auto.click()
    assert stack.view.channels[0].limits != (5, 50)
    panel.full.click()
    assert panel.low.value() == 0 or panel.low.value() < 100


def test_colour_maps_are_added_up(stack, qtbot):
    panel = stack.panels.channels
    assert panel.colors.count() >= 8
    index = panel.colors.findData("cyan")
    panel.colors.setCurrentIndex(index)
    panel.colors.activated.emit(index)
    assert stack.view.channels[0].colormap == "cyan"
    for channel in (1, 2):
        stack.view.set_channel_visible(channel, False)
    stack.view.masks.restyle(fill=False)
    red, green, blue = colour(stack, 5.5, 5.5)
    assert red == 0
    assert green == blue > 0


# -- planes


def test_sliders_choose_plane_and_frame(stack):
    planes = stack.findChild(object, "planes")
    planes.sliders["Z"].setValue(3)
    assert stack.document.plane == 3
    planes.fields["T"].setValue(2)
    assert stack.document.plane == 8
    readout = stack.view.readout(1, 2)
    assert (readout.t, readout.z) == (1, 3)
    assert "DAPI" in readout.text()
    stack.document.plane = 0
    assert (planes.sliders["Z"].value(), planes.fields["T"].value()) == (0, 1)


def test_a_and_d_step_through_planes(stack, qtbot):
    qtbot.wait(20)
    QTest.keyClick(stack.view.canvas, Qt.Key.Key_D)
    assert stack.document.plane == 1
    QTest.keyClick(stack.view.canvas, Qt.Key.Key_A)
    assert stack.document.plane == 0


def test_images_without_planes_show_no_sliders(flat):
    assert not flat.findChild(object, "planes").isVisible()


def test_orthogonal_views_follow_the_pointer_in_true_proportion(stack, qtbot):
    stack.view.arrange("ortho")
    ortho = stack.view._ortho
    assert ortho.on
    assert ortho.stretch == 4
    assert ortho.xz.canvas.image_shape == (20, 60)
    assert ortho.yz.canvas.image_shape == (40, 20)
    assert ortho._at == pytest.approx((20, 30), abs=1)  # the middle, until the pointer comes
    stack.view.canvas.hovered.emit(15, 45)
    qtbot.waitUntil(lambda: not ortho._soon.isActive())
    assert set(np.unique(ortho.xz.cells._content[0])) == {0, 4}
    assert set(np.unique(ortho.yz.cells._content[0])) == {0, 9}
    ortho.xz.canvas.clicked.emit(13.0, 5.0)
    assert stack.document.plane == 3
    stack.view.arrange("single")
    assert not ortho.on


# -- arrangements and what is remembered


def test_linked_pictures_show_the_same_place(flat, qtbot):
    show_results(flat)
    flat.document.add_restored(RestoredLayer("denoise", flat.document.image))
    qtbot.wait(20)
    flat.actions_["view-four"].trigger()
    qtbot.wait(20)
    shown = flat.view._panes._shown()
    assert [pane.title.text() for pane in shown] == ["Raw image", "Flows", "Cell probability"]
    flat.view.zoom(3)
    flat.view.canvas.center_on(20, 30)
    for pane in shown:
        assert pane.canvas.scale_factor == flat.view.canvas.scale_factor
        assert (pane.canvas.center - flat.view.canvas.center).manhattanLength() < 1
    shown[1].canvas.zoom(2)
    assert flat.view.canvas.scale_factor == shown[1].canvas.scale_factor
    flat.actions_["view-two"].trigger()
    assert len(flat.view._panes._shown()) == 1


def test_the_line_of_the_split_view_can_be_dragged(flat, qtbot):
    qtbot.wait(20)
    assert not flat.actions_["view-split"].isEnabled()
    flat.document.add_restored(RestoredLayer("denoise", flat.document.image))
    flat.view.arrange("split")
    canvas = flat.view.canvas
    line = canvas.mapFromScene(40, 30)
    QTest.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=line)
    QTest.mouseMove(canvas.viewport(), canvas.mapFromScene(60, 30))
    QTest.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton)
    assert flat.view.split == pytest.approx(0.75, abs=0.03)
    assert flat.document.undo.count() == 0


def test_how_an_image_was_looked_at_is_remembered(stack, tmp_path):
    view, document = stack.view, stack.document
    document.plane = 2
    view.set_contrast(1, 10, 20)
    view.zoom(2)
    seen = view.visible_box()
    image, path = document.image, document.path
    document.set_image(Image(np.zeros((9, 9), np.uint8)), tmp_path / "other.tif")
    assert view.canvas.fitted
    document.set_image(image, path)
    assert document.plane == 2
    assert view.channels[1].limits == (10, 20)
    assert np.abs(np.subtract(view.visible_box(), seen)).max() <= 1


def test_zoom_commands(flat, qtbot):
    flat.document.select(2)
    qtbot.wait(20)
    flat.actions_["zoom-selection"].trigger()
    y0, x0, y1, x1 = flat.view.visible_box()
    assert y0 <= 20 < 30 <= y1
    assert x0 <= 20 < 40 <= x1
    assert x1 - x0 < 40
    flat.actions_["actual-size"].trigger()
    assert flat.view.canvas.scale_factor == 1
    flat.actions_["fit"].trigger()
    flat.actions_["zoom-box"].trigger()
    port, canvas = flat.view.canvas.viewport(), flat.view.canvas
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=canvas.mapFromScene(10, 10))
    QTest.mouseMove(port, canvas.mapFromScene(30, 25))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=canvas.mapFromScene(30, 25))
    y0, x0, y1, x1 = flat.view.visible_box()
    assert y0 <= 10 < 25 <= y1
    assert x1 - x0 < 50
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert flat.view.visible_box() == (0, 0, 60, 80)


def test_ruler_measures_in_micrometres_where_the_pixel_size_is_known(stack, qtbot):
    stack.workbench.use_tool("ruler")
    port, canvas = stack.view.canvas.viewport(), stack.view.canvas
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=canvas.mapFromScene(10, 10))
    QTest.mouseMove(port, canvas.mapFromScene(40, 10))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=canvas.mapFromScene(40, 10))
    ruler = stack.workbench.tools["ruler"]
    assert ruler.length_px == pytest.approx(30, abs=0.2)
    assert ruler.length_um == pytest.approx(15, abs=0.1)
    assert "µm" in stack.status.message.text()
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert len(ruler.trace) in (0, 2)


@pytest.mark.parametrize(
    ("longest", "expected"), [(1, 1), (1.9, 1), (2.3, 2), (7, 5), (99, 50), (0.004, 0.002)]
)
def test_scale_bars_have_round_lengths(longest, expected):
    assert round_length(longest) == pytest.approx(expected)


def test_the_scale_bar_says_its_unit(stack, flat):
    assert flat.view._bar.text.endswith("px")
    flat.document.set_image(volume())
    assert flat.view._bar.text.endswith("µm")


# -- masks


def test_opacity_width_and_palette(flat):
    panel, style = flat.panels.view, flat.view.masks
    panel.opacity.setValue(100)
    panel.line.setValue(5)
    assert (style.style.opacity, style.style.width) == (1.0, 5)
    assert colour(flat, 25, 30) == flat.view.cell_colour(2)
    index = panel.colours.findData("One colour")
    panel.colours.setCurrentIndex(index)
    panel.colours.activated.emit(index)
    assert colour(flat, 25, 30) == colour(flat, 10, 10) == colour(flat, 45, 55)


def test_cells_are_coloured_by_a_measurement_and_again_after_an_edit(flat, qtbot, monkeypatch):
    monkeypatch.setattr("cellmend_app.services.measure.QUIET_MS", 10)
    panel = flat.panels.view
    qtbot.waitUntil(lambda: panel.colours.findData("area_px") > 0)
    index = panel.colours.findData("area_px")
    with qtbot.waitSignal(flat.services.measures.measured) as found:
        panel.colours.setCurrentIndex(index)
        panel.colours.activated.emit(index)
    assert found.args == ["area_px", {1: 100, 2: 200, 3: 100}]
    assert panel.legend.isVisible()
    assert flat.view.cell_colour(1) == flat.view.cell_colour(3) != flat.view.cell_colour(2)
    with qtbot.waitSignal(flat.services.measures.measured) as found:
        flat.services.cells.delete([1])
    assert set(found.args[1]) == {2, 3}


def test_mask_layers_are_kept_edited_removed_and_undone(flat, tmp_path, qtbot):
    panel, document = flat.panels.layers, flat.document
    before = np.array(document.labels.full)
    with qtbot.waitSignal(document.mask_layers_changed):
        panel.keep.click()
    write_labels(tmp_path / "reference.tif", before * 2)
    with qtbot.waitSignal(document.mask_layers_changed):
        flat.services.layers.load(tmp_path / "reference.tif")
    assert [layer.name for layer in document.mask_layers] == ["Copy 1", "reference.tif"]
    assert len(flat.view._main._more) == 2
    panel.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert len(flat.view._main._more) == 1
    panel.list.setCurrentRow(1)
    with qtbot.waitSignal(document.mask_layers_changed):
        panel.edit.click()
    assert document.labels.ids == [2, 4, 6]
    assert np.array_equal(document.mask_layers[1].labels, before)
    document.undo.undo()
    assert document.labels.ids == [1, 2, 3]
    panel.remove.click()
    assert len(document.mask_layers) == 1
    document.undo.undo()
    assert len(document.mask_layers) == 2


def test_a_mask_layer_has_its_own_fill(flat, qtbot):
    document, panel = flat.document, flat.panels.layers
    with qtbot.waitSignal(document.mask_layers_changed):
        panel.keep.click()
    flat.services.cells.delete([1, 2, 3])
    before = colour(flat, 10, 10)
    steps = document.undo.count()
    panel.fill.setValue(80)
    assert document.mask_layers[0].fill == 0.8
    assert colour(flat, 10, 10) != before
    assert panel.fill.value() == 80
    panel.fill.setValue(0)
    assert colour(flat, 10, 10) == before
    assert document.undo.count() == steps


def test_a_layer_edited_while_people_draw_loses_nothing(flat, qtbot):
    document, layers = flat.document, flat.services.layers
    with qtbot.waitSignal(document.mask_layers_changed):
        layers.keep_copy()
    gate = threading.Event()
    flat.runner.submit("io", lambda report: gate.wait(10))
    layers.edit(document.mask_layers[0])
    flat.services.cells.delete([1])
    mine = np.array(document.labels.full)
    gate.set()
    with qtbot.waitSignal(document.mask_layers_changed):
        pass
    assert document.labels.ids == [1, 2, 3]
    assert np.array_equal(document.mask_layers[0].labels, mine)


def test_masks_of_another_size_are_refused(flat, tmp_path, qtbot):
    write_labels(tmp_path / "wrong.tif", np.ones((5, 5), np.uint32))
    flat.services.layers.load(tmp_path / "wrong.tif")
    qtbot.waitUntil(lambda: bool(flat.messages.errors))
    assert flat.document.mask_layers == ()


def test_the_difference_of_two_layers_is_shown_with_its_ap(flat, qtbot):
    panel, document = flat.panels.layers, flat.document
    with qtbot.waitSignal(document.mask_layers_changed):
        panel.keep.click()
    labels = np.array(document.labels.full)
    labels[labels == 3] = 0
    labels[50:58, 5:25] = 7
    document.set_labels(labels)
    with qtbot.waitSignal(flat.services.comparing.compared) as found:
        panel.compare.setChecked(True)
    comparison = found.args[0]
    assert (comparison.tp, comparison.fp, comparison.fn) == (2, 1, 1)
    assert comparison.average_precision == pytest.approx([0.5] * 3)
    assert "0.500 at 0.5" in panel.result.text()
    flat.view.masks.restyle(opacity=1.0)
    assert flat.view.cell_colour(1) == DIFFERENCE["in both"]
    assert flat.view.cell_colour(7) == DIFFERENCE["only here"]
    assert colour(flat, 45, 55) != colour(flat, 35, 55)
    panel.compare.setChecked(False)
    assert flat.view.cell_colour(7) != DIFFERENCE["only here"]
    assert not panel.result.isVisible()


def test_comparison_names_the_cells(flat, qtbot):
    reference = np.array(flat.document.labels.full)
    with qtbot.waitSignal(flat.document.mask_layers_changed):
        flat.services.layers.keep_copy()
    mine = np.where(reference == 2, 0, reference)
    result = compare(flat.document.mask_layers[0], mine)
    assert (result.found.tolist(), result.missed.tolist()) == ([1, 3], [2])


def test_closing_the_window_stops_what_waits_to_be_measured(flat, qtbot):
    flat.services.measures.follow("area_px")
    flat.services.measures._listing.start(1)
    flat.messages.unsaved = "discard"
    flat.close()
    with qtbot.captureExceptions() as caught:
        qtbot.wait(30)
    assert caught == []
