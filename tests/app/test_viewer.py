import tracemalloc

import numpy as np
import pytest
from hand import (
    ALT,
    CTRL,
    DOUBLE,
    LEFT,
    MIDDLE,
    PLAIN,
    RIGHT,
    SHIFT,
    Hand,
)
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QKeyEvent

from cellmend.image import Image
from cellmend_app.commands import AddRestored
from cellmend_app.document import Document, FlowLayer, RestoredLayer
from cellmend_app.tools import Brush, Lasso, Outline, Pick
from cellmend_app.viewer import ImageView
from cellmend_app.viewer.sources import CellSource


@pytest.fixture
def view(document, qtbot):
    view = ImageView(document)
    qtbot.addWidget(view)
    view.resize(800, 640)
    view.show()
    yield view
    view.close()


@pytest.fixture
def hand(view):
    return Hand(view)


def colour_at(view, y, x):
    place = view.canvas.viewportTransform().map(QPointF(x, y)).toPoint()
    return view.grab_image().pixelColor(place).getRgb()[:3]


# -- zoom and pan


def test_the_whole_image_is_fitted_and_stays_so(view):
    assert view.canvas.scale_factor == pytest.approx(9.8, rel=0.01)
    assert view.visible_box() == (0, 0, 64, 80)
    view.resize(400, 640)
    assert view.canvas.scale_factor == pytest.approx(4.9, rel=0.01)


def test_wheel_zooms_at_the_pointer(view, hand):
    scale = view.canvas.scale_factor
    place = hand.at(20, 30)
    hand.wheel((20, 30), 120)
    assert view.canvas.scale_factor > scale
    moved = hand.at(20, 30) - place
    assert abs(moved.x()) <= 1.5
    assert abs(moved.y()) <= 1.5


def test_zoom_has_limits(view):
    for _ in range(60):
        view.zoom(1.5)
    assert view.canvas.scale_factor == 64
    for _ in range(60):
        view.zoom(0.5)
    assert view.canvas.scale_factor == 1
    view.zoom(3)
    view.actual_size()
    assert view.canvas.scale_factor == 1
    view.fit()
    assert view.visible_box() == (0, 0, 64, 80)


@pytest.mark.parametrize("how", ["left", "middle", "space"])
def test_dragging_moves_the_image(view, hand, document, cells, how):
    view.set_tool(Pick(cells) if how == "left" else Brush(document))
    if how == "space":
        hand.key(Qt.Key.Key_Space)
    start = hand.at(30, 30)
    hand.drag([(30, 30), (32, 33)], MIDDLE if how == "middle" else LEFT)
    moved = hand.at(30, 30) - start
    assert moved.x() > 20
    assert moved.y() > 10
    assert document.undo.count() == 0
    if how == "space":
        hand.key(Qt.Key.Key_Space, QEvent.Type.KeyRelease)
        assert hand.at(30, 30) - start == moved
        hand.tap(Qt.Key.Key_Space)
        assert hand.at(30, 30) == start


def test_double_click_fits_where_the_tool_does_not_paint(view, hand, document, cells):
    view.set_tool(Pick(cells))
    view.zoom(4)
    hand.click((30, 40))
    hand.mouse(DOUBLE, (30, 40), LEFT, LEFT)
    hand.release((30, 40))
    assert view.visible_box() == (0, 0, 64, 80)
    view.set_tool(Brush(document, 2))
    view.zoom(4)
    scale = view.canvas.scale_factor
    hand.mouse(DOUBLE, (30, 40), LEFT, LEFT)
    hand.release((30, 40))
    assert view.canvas.scale_factor == scale
    assert document.undo.count() == 1


# -- tools through events


def test_a_click_selects_but_a_drag_does_not(view, hand, document, cells):
    view.set_tool(Pick(cells))
    hand.click((15, 15))
    assert document.selected == 1
    hand.drag([(45, 55), (40, 40)])
    assert document.selected == 1
    hand.click((15, 25), modifiers=ALT)
    assert document.labels.ids == [1, 5]
    hand.click((15, 25), modifiers=CTRL)
    assert document.labels.ids == [5]


def test_a_brush_stroke_is_one_step_of_undo(view, hand, document):
    view.set_tool(Brush(document, 3))
    hand.drag([(30, 10), (30, 20), (34, 30)])
    assert document.undo.count() == 1
    assert document.id_at(30, 15) == 6


INTERRUPTIONS = {
    "escape": lambda hand: hand.key(Qt.Key.Key_Escape),
    "second button": lambda hand: hand.press((30, 22), RIGHT, held=LEFT | RIGHT),
    "focus": lambda hand: hand.lose_focus(),
    "other tool": lambda hand: hand.view.set_tool(Lasso(hand.view._document)),
}


@pytest.mark.parametrize("interrupt", INTERRUPTIONS.values(), ids=INTERRUPTIONS)
@pytest.mark.parametrize("order", [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_an_interrupted_stroke_is_dropped_and_the_next_one_works(
    view, hand, document, interrupt, order
):
    before = document.labels.array.copy()
    brush = Brush(document, 3)
    view.set_tool(brush)
    hand.press((30, 10))
    hand.move((30, 20), LEFT)
    assert not np.array_equal(document.labels.array, before)
    interrupt(hand)
    assert np.array_equal(document.labels.array, before)
    hand.move((30, 30), LEFT)
    first, second = order
    hand.release((30, 30), first, held=second)
    hand.release((30, 30), second)
    hand.move((30, 40))
    assert np.array_equal(document.labels.array, before)
    assert document.undo.count() == 0
    view.set_tool(brush)
    hand.drag([(30, 10), (30, 20)])
    assert document.undo.count() == 1


def test_a_stroke_may_leave_the_window_and_end_outside(view, hand, document):
    view.set_tool(Brush(document, 3))
    hand.press((30, 10))
    hand.leave()
    hand.move((30, -400), LEFT)
    hand.release((30, -400))
    assert document.undo.count() == 1
    hand.move((50, 10))
    assert document.id_at(50, 10) == 0


def test_a_stroke_whose_release_was_lost_ends_at_the_next_move(view, hand, document):
    view.set_tool(Brush(document, 3))
    hand.press((30, 10))
    hand.move((30, 20), LEFT)
    hand.move((50, 20))
    assert document.undo.count() == 1
    labels = document.labels.array.copy()
    hand.move((60, 60))
    assert np.array_equal(document.labels.array, labels)


def test_a_pan_whose_release_was_lost_ends_at_the_next_move(view, hand, document, cells):
    view.set_tool(Pick(cells))
    hand.press((30, 10))
    hand.move((35, 20), LEFT)
    place = hand.at(0, 0)
    hand.move((50, 20))
    hand.move((10, 10))
    assert hand.at(0, 0) == place


def outline_points(turns=1.0):
    angles = np.linspace(0, 2 * np.pi * turns, 40)
    return [(40 + 8 * np.sin(a), 20 + 8 * np.cos(a)) for a in angles]


@pytest.mark.parametrize(("button", "modifiers"), [(RIGHT, PLAIN), (LEFT, SHIFT)])
def test_outline_as_in_cellpose(view, hand, document, cells, button, modifiers):
    view.set_tool(Pick(cells))
    points = outline_points()
    hand.click(points[0], button, modifiers)
    for point in points[1:]:
        hand.move(point)
    assert document.labels.ids == [1, 2, 5, 6]
    assert not view.tool.busy
    hand.move((60, 60))
    assert document.undo.count() == 1


def test_outline_ends_at_a_second_right_click_and_at_a_double_one(view, hand, document, cells):
    view.set_tool(Pick(cells))
    points = outline_points(0.7)
    hand.click(points[0], RIGHT)
    for point in points[1:]:
        hand.move(point)
    hand.leave()
    hand.click(points[-1], RIGHT)
    assert document.undo.count() == 1
    hand.click((10, 60), RIGHT)
    hand.mouse(DOUBLE, (10, 60), RIGHT, RIGHT)
    hand.release((10, 60), RIGHT)
    assert not view.tool.busy
    assert document.undo.count() == 1


@pytest.mark.parametrize("interrupt", ["escape", "focus", "other tool"])
def test_an_interrupted_outline_is_dropped(view, hand, document, cells, interrupt):
    outline = Outline(cells)
    view.set_tool(outline)
    points = outline_points(0.6)
    hand.click(points[0], RIGHT)
    for point in points[1:]:
        hand.move(point)
    assert outline.busy
    INTERRUPTIONS[interrupt](hand)
    assert not outline.busy
    hand.move((40, 60))
    hand.click((10, 70))
    assert document.undo.count() == 0


def test_escape_that_ends_nothing_is_left_to_the_window(view, hand):
    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Escape, PLAIN)
    view.canvas.keyPressEvent(event)
    assert not event.isAccepted()


# -- what is shown


def test_hovering_tells_the_pixel(view, hand, qtbot, document):
    with qtbot.waitSignal(view.hovered) as seen:
        hand.move((15.5, 25.5))
    assert seen.args == [15, 25]
    readout = view.readout(15, 25)
    assert (readout.label, readout.values) == (2, (float(document.display[0, 15, 25]),))
    assert view.readout(-1, 0) is None
    with qtbot.waitSignal(view.left):
        hand.leave()


def test_masks_and_outlines_can_be_switched(view, document):
    document.set_labels(document.labels.full)
    plain = colour_at(view, 5.5, 5.5)
    assert len(set(plain)) == 1
    filled = colour_at(view, 45.5, 55.5)
    assert len(set(filled)) > 1
    view.masks.restyle(fill=False)
    assert len(set(colour_at(view, 45.5, 55.5))) == 1
    view.masks.restyle(outlines=True)
    assert len(set(colour_at(view, 45.5, 55.5))) == 1
    line = [colour_at(view, y, 55.5) for y in np.linspace(39.9, 40.4, 8)]
    assert max(len(set(c)) for c in line) > 1


def test_outlines_are_pixels_when_zoomed_out(view, qtbot):
    view.masks.restyle(fill=False)
    view.masks.restyle(outlines=True)
    view.actual_size()
    qtbot.wait(1)
    assert len(set(colour_at(view, 40.2, 55.2))) > 1
    assert len(set(colour_at(view, 45.5, 55.5))) == 1


def fill_tiles(view):
    return view._main.cells._fill._tiles


def test_only_the_edited_box_is_coloured_anew(view, hand, document):
    view.finish()
    (tile,) = [t for key, t in fill_tiles(view).items() if key[1:] == (1, 1)]
    tile.pixels[-1, -1] = (1, 2, 3, 255)
    view.set_tool(Brush(document, 2))
    hand.drag([(55, 60), (55, 65)])
    assert tile.current
    place = hand.at(55.5, 62.5).toPoint() - hand.at(0, 0).toPoint()
    assert tile.pixels[place.y() - 512, place.x() - 512, 3] == 255
    assert tile.pixels[-1, -1].tolist() == [1, 2, 3, 255]


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.7, 7.0])
def test_the_cells_after_edits_equal_cells_drawn_anew(view, hand, document, scale):
    view.masks.restyle(outlines=True, width=4)
    view.zoom(scale / view.canvas.scale_factor)
    view.finish()
    view.set_tool(Brush(document, 4))
    hand.drag([(30, 10), (15, 20), (40, 70)])
    hand.drag([(50, 10), (15, 60)])
    document.undo.undo()
    document.select(2)
    document.select(1)
    kept = view.grab_image()
    view._main.cells.refresh()
    view._main._selected.refresh()
    assert view.grab_image() == kept


def test_a_selection_is_drawn_only_where_its_cells_are(view, document, monkeypatch):
    document.select(5)
    view.grab_image()
    rendered, render = [], CellSource.render

    def count(self, part):
        rendered.append(part.height * part.width)
        return render(self, part)

    monkeypatch.setattr(CellSource, "render", count)
    document.select(2)
    document.select()
    view.grab_image()
    cell = (10 * view.canvas.scale_factor) ** 2
    assert 0 < sum(rendered) < 16 * cell
    document.select(*document.labels.index.ids())
    kept = view.grab_image()
    view._main._selected.refresh()
    assert view.grab_image() == kept


def test_the_selected_cell_stands_out(view, document):
    before = colour_at(view, 45.5, 55.5)
    document.select(5)
    assert colour_at(view, 45.5, 55.5) != before
    document.select(0)
    assert colour_at(view, 45.5, 55.5) == before


def restored_layer(factor=1):
    pixels = np.linspace(0, 1, 64 * factor * 80 * factor, dtype=np.float32)
    return RestoredLayer("denoise", Image(pixels.reshape(64 * factor, 80 * factor)))


@pytest.mark.parametrize("factor", [1, 3])
def test_raw_and_restored_share_zoom_and_coordinates(view, document, factor):
    document.undo.push(AddRestored(document, restored_layer(factor), "denoise"))
    view.zoom(2)
    seen = view.visible_box()
    view.set_view("restored")
    assert view.visible_box() == seen
    assert view._main._image.boundingRect() == view.canvas.image_area
    assert view.readout(63, 79).restored[0] == pytest.approx(1, abs=0.02)


def test_compare_shows_the_other_layer_while_held(view, hand, document):
    document.add_restored(restored_layer())
    view.set_view("restored")
    shown = view.visible_box()
    hand.key(Qt.Key.Key_C)
    assert view.view == "image"
    assert view.visible_box() == shown
    hand.key(Qt.Key.Key_C, QEvent.Type.KeyRelease)
    assert view.view == "restored"
    hand.key(Qt.Key.Key_C)
    hand.lose_focus()
    assert view.view == "restored"


def test_split_shows_raw_at_the_left_and_restored_at_the_right(view, document):
    document.set_labels(np.zeros((64, 80), np.uint8))
    document.set_image(Image(np.tile(np.arange(64, dtype=np.uint16)[:, None], (1, 80))))
    flipped = np.tile(np.arange(64, dtype=np.float32)[::-1, None], (1, 160)).repeat(2, axis=0)
    document.add_restored(RestoredLayer("upsample", Image(flipped)))
    view.arrange("split")
    assert view.split == 0.5
    assert view._main.title.text() == "Raw image  |  Restored image"
    assert colour_at(view, 60.5, 20.5)[0] > 200 > 50 > colour_at(view, 60.5, 60.5)[0]
    view.set_split(0.9)
    assert colour_at(view, 60.5, 60.5)[0] > 200
    document.remove_restored()
    assert view._main.title.text() == ""
    assert colour_at(view, 60.5, 78.5)[0] > 200


def test_a_view_that_is_not_there_shows_the_image(view, document, qtbot):
    assert view.available_views() == ["image"]
    view.set_view("flows")
    assert view.view == "image"
    document.set_results(
        FlowLayer(np.ones((2, 64, 80), np.float32), np.full((64, 80), 6, np.float32))
    )
    assert view.available_views() == ["image", "flows", "cellprob"]
    with qtbot.waitSignal(view.view_changed):
        view.set_view("cellprob")
    assert colour_at(view, 5.5, 5.5) == (250, 230, 120)
    with qtbot.waitSignal(view.view_changed):
        document.set_results(None)
    assert view.view == "image"


def test_contrast_changes_the_picture_and_not_the_data(view, document, qtbot):
    before = document.display.copy()
    low, high = view.histogram(0).low, view.histogram(0).high
    assert (low, high) == (before.min(), before.max())
    view.set_contrast(0, high + 1, high + 2)
    qtbot.waitUntil(lambda: colour_at(view, 5.5, 5.5) == (0, 0, 0))
    view.auto_contrast()
    qtbot.waitUntil(lambda: colour_at(view, 5.5, 5.5) != (0, 0, 0))
    assert np.array_equal(document.display, before)


def test_contrast_is_kept_for_each_layer(view, document):
    document.add_restored(restored_layer())
    view.set_contrast(0, 5, 50)
    view.set_view("restored")
    assert view.channels[0].high <= 1
    view.set_view("image")
    assert view.channels[0].limits == (5, 50)


def test_a_run_does_not_reset_the_contrast_of_the_restored_layer(view, document):
    document.add_restored(restored_layer())
    view.set_view("restored")
    view.set_contrast(0, 0.2, 0.4)
    document.set_results(
        FlowLayer(np.ones((2, 64, 80), np.float32), np.zeros((64, 80), np.float32))
    )
    assert view.channels[0].limits == (0.2, 0.4)
    document.add_restored(restored_layer())
    assert view.channels[0].limits != (0.2, 0.4)


def test_channels_are_switched_and_coloured(qtbot, qapp):
    document = Document()
    pixels = np.zeros((2, 10, 10), np.uint8)
    pixels[0, :5], pixels[1, 5:] = 255, 255
    document.set_image(Image(pixels, "CYX"))
    view = ImageView(document)
    qtbot.addWidget(view)
    view.resize(200, 200)
    assert colour_at(view, 2.5, 2.5) == (0, 255, 0)
    assert colour_at(view, 7.5, 2.5) == (255, 0, 255)
    view.set_channel_visible(0, False)
    view.set_channel_colormap(1, "blue")
    qtbot.waitUntil(lambda: colour_at(view, 7.5, 2.5) == (0, 0, 255))
    assert colour_at(view, 2.5, 2.5) == (0, 0, 0)


def test_a_stack_is_shown_plane_by_plane(qtbot, qapp):
    document = Document()
    pixels = np.zeros((2, 10, 10), np.uint8)
    pixels[0, :5], pixels[1, 5:] = 255, 255
    document.set_image(Image(pixels, "ZYX"))
    labels = np.zeros((2, 10, 10), np.uint8)
    labels[1, :4] = 1
    document.set_labels(labels)
    document.set_results(
        FlowLayer(np.ones((3, 2, 10, 10), np.float32), np.zeros((2, 10, 10), np.float32))
    )
    view = ImageView(document)
    qtbot.addWidget(view)
    view.resize(200, 200)
    assert colour_at(view, 2.5, 2.5) == (255, 255, 255)
    document.plane = 1
    assert colour_at(view, 7.5, 2.5) == (255, 255, 255)
    assert len(set(colour_at(view, 2.5, 2.5))) > 1
    view.set_view("flows")
    assert view.view == "flows"


def test_scale_disk_follows_diameter_and_zoom(view, document):
    document.diameter = 10
    width = view._disk.width()
    document.diameter = 20
    assert view._disk.width() - width == pytest.approx(98, abs=2)
    document.diameter = 60
    assert not view._disk.isVisible()
    view.zoom(0.3)
    assert view._disk.isVisible()
    view.set_scale_disk_visible(False)
    assert not view._disk.isVisible()


def test_brush_circle_follows_the_pointer(view, hand, document):
    brush = Brush(document, 4)
    view.set_tool(brush)
    circle = view.canvas._circle
    assert not circle.isVisible()
    hand.move((30, 40))
    assert circle.isVisible()
    assert (circle.pos() - QPointF(40, 30)).manhattanLength() < 0.2
    brush.radius = 9
    assert circle.boundingRect().width() > 18
    hand.leave()
    assert not circle.isVisible()


def test_another_image_is_fitted_and_its_view_is_the_image(view, document):
    document.add_restored(restored_layer())
    view.set_view("restored")
    document.set_image(Image(np.zeros((30, 200), np.uint8)))
    assert view.view == "image"
    assert view.visible_box() == (0, 0, 30, 200)


def test_an_empty_document_can_be_shown(qtbot, qapp):
    view = ImageView(Document())
    qtbot.addWidget(view)
    assert view.readout(0, 0) is None
    assert view.histogram(0) is None
    assert not view.grab_image().isNull()


@pytest.mark.parametrize("outlines", [False, True])
def test_a_stroke_never_copies_the_image(qtbot, qapp, outlines):
    document = Document()
    document.set_image(Image(np.zeros((2048, 2048), np.uint8)))
    view = ImageView(document)
    qtbot.addWidget(view)
    view.resize(600, 600)
    view.show()
    view.masks.restyle(outlines=outlines)
    view.grab_image()
    view.set_tool(Brush(document, 10))
    hand = Hand(view)
    tracemalloc.start()
    try:
        hand.press((500, 500))
        for x in range(500, 600, 4):
            hand.move((510, x), LEFT)
        hand.release((510, 600))
        document.undo.undo()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        view.close()
    assert peak < 1 << 20
