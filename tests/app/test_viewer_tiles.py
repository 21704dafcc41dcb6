"""Sources and tiles: the right pixels at every zoom, off the GUI thread, within a budget."""

import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PyQt6.QtCore import QRectF
from PyQt6.QtWidgets import QGraphicsScene, QGraphicsView

from cellmend_app.viewer import tiles
from cellmend_app.viewer.cells import SelectionColours
from cellmend_app.viewer.colours import OneColour, measured_colours
from cellmend_app.viewer.levels import Levels
from cellmend_app.viewer.sources import CellLook, CellSource, Part, PlaneSource, level_for
from cellmend_app.viewer.tiles import TILE, TileItem, TileRenderer

WHITE = np.array([0, 0xFFFFFFFF], np.uint32)


def grey(blocks):
    return np.clip(blocks[0], 0, 255).astype(np.uint8)


def whole(source, scale):
    height, width = (max(1, round(side * scale)) for side in source.size)
    return source.render(Part(scale, 0, 0, height, width))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
def test_levels_average_every_number_type(dtype):
    plane = np.random.default_rng(0).integers(0, 2, (37, 50)).astype(dtype)
    half = Levels(plane).at(1)
    assert half.shape == (18, 25)
    blocks = plane[:36].reshape(18, 2, 25, 2).astype(float).mean(axis=(1, 3))
    assert np.abs(half.astype(float) - blocks).max() <= (
        0.5 if dtype in (np.uint8, np.uint16) else 0
    )


def test_a_plane_too_large_to_copy_is_sampled(monkeypatch):
    monkeypatch.setattr("cellmend_app.viewer.levels.LARGEST", 100)
    plane = np.arange(400, dtype=np.uint16).reshape(20, 20)
    levels = Levels(plane)
    assert np.array_equal(levels.at(2), plane[::4, ::4])
    assert levels.nbytes == 0


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.7, 16.0])
def test_zoomed_in_every_screen_pixel_shows_the_pixel_under_it(scale):
    plane = np.random.default_rng(0).integers(0, 255, (23, 31), dtype=np.uint8)
    shown = whole(PlaneSource([Levels(plane)], plane.shape, grey), scale)
    y, x = (((np.arange(n) + 0.5) / scale).astype(int) for n in shown.shape)
    assert np.array_equal(shown, plane[np.minimum(y, 22)][:, np.minimum(x, 30)])


@pytest.mark.parametrize("scale", [0.9, 0.5, 0.3, 0.07])
def test_zoomed_out_pixels_are_averaged_where_they_are(scale):
    plane = np.zeros((512, 640), np.uint8)
    plane[:256, 320:] = 200
    shown = whole(PlaneSource([Levels(plane)], plane.shape, grey), scale)
    expected = cv2.resize(plane, shown.shape[::-1], interpolation=cv2.INTER_AREA)
    assert (np.abs(shown.astype(int) - expected) > 2).mean() < 0.06
    assert shown[1, -2] == 200
    assert shown[-2, 1] == 0


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([0.11, 0.5, 0.8, 1.0, 2.5]),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(1, 200),
)
def test_a_part_equals_that_part_of_the_whole(scale, y, x, side):
    rng = np.random.default_rng(1)
    plane = rng.integers(0, 255, (310, 290), dtype=np.uint8)
    labels = np.kron(rng.integers(0, 9, (31, 29)), np.ones((10, 10), int)).astype(np.uint32)
    for source in (
        PlaneSource([Levels(plane)], plane.shape, grey),
        CellSource(labels, OneColour((255, 255, 255)), CellLook(WHITE, WHITE, 2)),
    ):
        full = whole(source, scale)
        y0, x0 = min(y, full.shape[0] - 1), min(x, full.shape[1] - 1)
        height, width = min(side, full.shape[0] - y0), min(side, full.shape[1] - x0)
        part = source.render(Part(scale, y0, x0, height, width))
        there = full[y0 : y0 + height, x0 : x0 + width]
        assert np.abs(part.astype(int) - there).max() <= 1


def test_a_restored_image_of_more_pixels_covers_the_same_area():
    plane = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((3, 3), np.uint8))
    source = PlaneSource([Levels(plane)], (2, 3), grey)
    assert source.size == (2, 3)
    assert np.array_equal(whole(source, 3.0), plane)
    assert whole(source, 1.0)[1].tolist() == [3, 4, 5]


def test_outlines_are_as_wide_as_wanted():
    labels = np.zeros((40, 40), np.uint32)
    labels[10:30, 10:30] = 3
    for width in (1, 3):
        look = CellLook(None, WHITE, width)
        shown = whole(CellSource(labels, OneColour((255, 255, 255)), look), 1.0)[20, :, 3]
        assert np.flatnonzero(shown).tolist() == [
            *range(10, 10 + width),
            *range(30 - width, 30),
        ]


def test_levels_follow_the_zoom():
    assert [level_for(s) for s in (4, 1, 0.6, 0.5, 0.3, 0.25, 0.1)] == [0, 0, 0, 1, 1, 2, 3]


def test_measured_cells_go_from_dark_to_bright_and_others_are_grey():
    ids, values = np.array([1, 2, 5, 9]), np.array([10.0, np.nan, 20.0, 30.0])
    colours, low, high = measured_colours(ids, values)
    found = colours.indices(np.array([[0, 1, 2, 3, 5, 9, 4_000_000_000]], np.uint32))[0]
    assert found[0] == 0
    assert found[1] < found[4] < found[5]
    assert {found[2], found[3], found[6]} == {1}
    assert 10 <= low < high <= 30


@pytest.mark.parametrize("ids", [(), (2,), (2, 70_000)])
def test_only_selected_cells_stand_out(ids):
    labels = np.array([[0, 1, 2, 70_000]], np.uint32)
    assert SelectionColours(ids).indices(labels).tolist() == [[int(i in ids) for i in labels[0]]]


class Recording:
    """A source that notes in which thread it was asked for what."""

    def __init__(self, size=(3000, 4000), value=7):
        self.size = size
        self.value = value
        self.parts, self.threads = [], set()

    def render(self, part):
        self.parts.append(part)
        self.threads.add(threading.get_ident())
        return np.full((part.height, part.width), self.value, np.uint8)


@pytest.fixture
def shown(qtbot):
    scene = QGraphicsScene()
    canvas = QGraphicsView(scene)
    qtbot.addWidget(canvas)
    renderer = TileRenderer(canvas)
    item = TileItem(renderer)
    scene.addItem(item)
    canvas.resize(700, 600)
    canvas.show()
    yield canvas, item, renderer
    renderer.shutdown()
    canvas.close()


def test_tiles_are_rendered_in_other_threads_and_only_where_seen(shown, qtbot):
    _, item, renderer = shown
    source = Recording()
    item.show_source(source)
    qtbot.waitUntil(lambda: bool(source.parts) and not renderer.busy)
    assert threading.get_ident() not in source.threads
    assert len(source.parts) <= 6
    assert max(part.height for part in source.parts) == TILE


def test_what_was_there_stands_in_until_the_new_is_ready(shown, qtbot):
    canvas, item, renderer = shown
    item.show_source(Recording(value=50))
    qtbot.waitUntil(lambda: bool(item._tiles) and not renderer.busy)
    gate = threading.Event()

    class Slow(Recording):
        def render(self, part):
            gate.wait(10)
            return super().render(part)

    def centre():
        return canvas.grab().toImage().pixelColor(300, 300).red()

    assert centre() == 50
    item.show_source(Slow(value=90))
    assert centre() == 50
    canvas.scale(1.3, 1.3)
    assert centre() == 50
    gate.set()
    qtbot.waitUntil(lambda: centre() == 90)


def test_an_edit_during_rendering_is_not_lost(shown, qtbot):
    canvas, item, _ = shown
    gate = threading.Event()
    source = Recording()
    plain = source.render

    def slow(part):
        value = plain(part)
        gate.wait(10)
        return value

    source.render = slow
    item.show_source(source)
    qtbot.waitUntil(lambda: bool(source.parts))
    source.value = 200
    item.refresh_box((0, 0, 3000, 4000))
    gate.set()
    qtbot.waitUntil(lambda: canvas.grab().toImage().pixelColor(300, 300).red() == 200)


def test_tiles_are_kept_within_the_budget(shown, qtbot, monkeypatch):
    monkeypatch.setattr(tiles, "BUDGET", 1 << 20)
    canvas, item, renderer = shown
    item.show_source(Recording((40_000, 40_000)))
    for step in range(12):
        canvas.centerOn(step * 900, step * 700)
        qtbot.waitUntil(lambda: not renderer.busy)
        canvas.grab()
    held = sum(tile.pixels.nbytes for tile in item._tiles.values())
    assert held <= 12 * 700 * 600


def test_an_error_in_rendering_is_told(shown, qtbot):
    _, item, _ = shown

    class Broken(Recording):
        def render(self, part):
            raise ZeroDivisionError("broken")

    with qtbot.captureExceptions() as found:
        item.show_source(Broken((100, 100)))
        qtbot.waitUntil(lambda: bool(found))
        item.show_source(None)
    assert found[0][0] is ZeroDivisionError
    item.finish(QRectF(0, 0, 1, 1), 1.0)
