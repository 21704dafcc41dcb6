import numpy as np
import pytest
from PyQt6.QtCore import Qt

from cellmend_app.commands import ReplaceLabels
from cellmend_app.tools import Brush, Delete, Eraser, Merge, Outline, Pick, Pointer

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
NONE = Qt.KeyboardModifier.NoModifier


def stroke(tool, points, button=LEFT, modifiers=NONE):
    assert tool.press(Pointer(*points[0], button, modifiers))
    for y, x in points[1:]:
        tool.move(Pointer(y, x))
    tool.release(Pointer(*points[-1], button, modifiers))


def ring(center, radius, count=40, turns=1.0):
    angles = np.linspace(0, 2 * np.pi * turns, count)
    return [(center[0] + radius * np.sin(a), center[1] + radius * np.cos(a)) for a in angles]


def test_brush_on_background_makes_a_cell_in_one_step(document):
    before = document.labels.array.copy()
    stroke(Brush(document, 3), [(30, 10), (30, 20), (35, 30)])
    assert document.labels.ids == [1, 2, 5, 6]
    assert document.manual == {6}
    assert document.undo.count() == 1
    assert document.id_at(30, 15) == 6
    document.undo.undo()
    assert np.array_equal(document.labels.array, before)
    assert document.manual == set()


def test_brush_extends_the_cell_under_the_press(document):
    stroke(Brush(document, 2), [(45, 55), (45, 70)])
    assert document.labels.ids == [1, 2, 5]
    assert document.id_at(45, 70) == 5
    assert document.manual == set()


def test_brush_extends_the_selected_cell_unless_shift_is_held(document):
    document.select(5)
    brush = Brush(document, 2)
    stroke(brush, [(30, 10), (30, 20)])
    assert document.id_at(30, 10) == 5
    stroke(brush, [(60, 10), (60, 20)], modifiers=SHIFT)
    assert document.id_at(60, 10) == 6


def test_brush_keeps_or_replaces_other_cells(document):
    brush = Brush(document, 3)
    area = document.labels.index.area(2)
    stroke(brush, [(30, 25), (15, 25)])
    assert document.labels.index.area(2) == area
    document.set_overlap("replace")
    stroke(brush, [(30, 5), (15, 25)])
    assert document.labels.index.area(2) < area


def test_eraser_clears_all_or_with_shift_one_cell(document):
    eraser = Eraser(document, 3)
    stroke(eraser, [(15, 17), (15, 25)], modifiers=SHIFT)
    assert document.id_at(15, 17) == 0
    assert document.id_at(15, 25) == 2
    document.undo.undo()
    stroke(eraser, [(15, 17), (15, 25)])
    assert document.id_at(15, 25) == 0


def test_a_stroke_far_outside_changes_nothing(document):
    before = document.labels.array.copy()
    stroke(Brush(document, 5), [(-500, -500), (-40, 2000), (4000, 4000)])
    assert np.array_equal(document.labels.array, before)
    assert document.undo.count() == 0


def test_a_fast_move_paints_an_unbroken_line(document):
    stroke(Brush(document, 1), [(32, -600), (32, 900)])
    assert document.labels.array[31].all() or document.labels.array[32].all()


def test_a_cancelled_stroke_leaves_no_trace(document):
    before = document.labels.array.copy()
    brush = Brush(document, 4)
    brush.press(Pointer(30, 10, LEFT))
    brush.move(Pointer(30, 40))
    assert brush.busy
    brush.cancel()
    brush.move(Pointer(40, 40))
    brush.release(Pointer(40, 40, LEFT))
    assert np.array_equal(document.labels.array, before)
    assert document.undo.count() == 0


@pytest.mark.parametrize("event", ["undo", "result", "labels", "image", "other tool"])
def test_whatever_changes_labels_meanwhile_drops_the_stroke_first(document, event):
    stroke(Brush(document, 3), [(30, 10), (30, 20)])
    before = document.labels.array.copy()
    brush = Brush(document, 4)
    brush.press(Pointer(30, 10, LEFT))
    brush.move(Pointer(33, 40))
    if event == "undo":
        document.undo.undo()
        assert document.labels.ids == [1, 2, 5]
        document.undo.redo()
    elif event == "result":
        document.undo.push(ReplaceLabels(document, np.zeros((64, 80), np.uint8), "segment"))
        document.undo.undo()
    elif event == "labels":
        document.set_labels(before)
    elif event == "image":
        document.set_image(document.image)
        before = np.zeros_like(before)
    else:
        stroke(Brush(document, 1), [(60, 60)])
        document.undo.undo()
    assert not brush.busy
    assert np.array_equal(document.labels.array, before)


def test_radius_stays_within_its_bounds(document, qtbot):
    brush = Brush(document)
    with qtbot.waitSignal(brush.changed):
        brush.radius = 1000
    assert brush.cursor_radius == 100
    brush.radius = 0
    assert brush.radius == 0.5


def test_pick_selects_deletes_and_merges(document, cells):
    pick = Pick(cells)
    pick.click(Pointer(15, 15))
    assert document.selected == 1
    pick.click(Pointer(15, 25, LEFT, ALT))
    assert document.labels.ids == [1, 5]
    assert document.selected == 1
    pick.click(Pointer(45, 55, LEFT, CTRL))
    assert document.labels.ids == [1]
    pick.click(Pointer(1, 1, LEFT, CTRL))
    pick.click(Pointer(1, 1))
    assert document.selected == 0
    assert document.undo.count() == 2
    document.undo.undo()
    document.undo.undo()
    assert document.labels.ids == [1, 2, 5]


def test_merge_without_a_selection_says_what_to_do(document, cells, qtbot):
    with qtbot.waitSignal(document.status) as said:
        Pick(cells).click(Pointer(15, 15, LEFT, ALT))
    assert "Select a cell first" in said.args[0]
    assert document.undo.count() == 0


def test_delete_and_merge_tools(document, cells):
    merge = Merge(cells)
    merge.click(Pointer(15, 15))
    merge.click(Pointer(15, 25))
    assert document.labels.ids == [1, 5]
    Delete(cells).click(Pointer(15, 25))
    assert document.labels.ids == [5]


@pytest.mark.parametrize("modifiers", [NONE, SHIFT])
def test_outline_closes_on_return_to_its_start(document, cells, modifiers):
    button = LEFT if modifiers else RIGHT
    outline = Outline(cells)
    points = ring((40, 20), 8)
    outline.press(Pointer(*points[0], button, modifiers, scale=4))
    outline.release(Pointer(*points[0], button, modifiers, scale=4))
    for y, x in points[1:]:
        outline.move(Pointer(y, x, scale=4))
    assert not outline.busy
    assert document.labels.ids == [1, 2, 5, 6]
    assert document.manual == {6}
    area = document.labels.index.area(6)
    assert abs(area - np.pi * 8.5**2) < 45
    document.undo.undo()
    assert document.labels.ids == [1, 2, 5]


def test_outline_ends_at_the_second_right_click(document, cells):
    outline = Outline(cells)
    for i, (y, x) in enumerate(ring((40, 20), 8, turns=0.7)):
        outline.press(Pointer(y, x, RIGHT)) if i == 0 else outline.move(Pointer(y, x))
    assert outline.busy
    assert len(outline.trace) > 8
    outline.press(Pointer(33, 20, RIGHT))
    assert not outline.busy
    assert 6 in document.labels


@pytest.mark.parametrize("points", [[(40, 20)], [(40, 20), (41, 21), (42, 22)]])
def test_an_outline_that_is_too_short_is_dropped(document, cells, qtbot, points):
    outline = Outline(cells)
    outline.press(Pointer(*points[0], RIGHT))
    for y, x in points:
        outline.move(Pointer(y, x))
    with qtbot.waitSignal(document.status):
        outline.press(Pointer(*points[-1], RIGHT))
    assert document.undo.count() == 0
    assert not outline.busy


def test_an_outline_needs_free_pixels_and_is_cropped_by_other_cells(document, cells):
    outline = Outline(cells)
    inside = [(12, 12), (12, 18), (18, 18), (18, 12)]
    outline.press(Pointer(*inside[0], RIGHT))
    for y, x in inside[1:]:
        outline.move(Pointer(y, x))
    outline.press(Pointer(14, 12, RIGHT))
    assert document.undo.count() == 0
    half = [(12, 5), (12, 15), (18, 15), (18, 5)]
    outline.press(Pointer(*half[0], RIGHT))
    for y, x in half[1:]:
        outline.move(Pointer(y, x))
    outline.press(Pointer(14, 5, RIGHT))
    assert document.id_at(15, 7) == 6
    assert document.id_at(15, 12) == 1


def test_outline_is_dropped_by_cancel_and_by_another_image(document, cells):
    outline = Outline(cells)
    outline.press(Pointer(40, 20, RIGHT))
    outline.cancel()
    assert not outline.busy
    outline.press(Pointer(40, 20, RIGHT))
    document.set_image(document.image)
    assert not outline.busy


def test_outline_can_be_dragged_round_where_left_starts(document, cells):
    outline = Outline(cells, left_starts=True)
    points = ring((40, 20), 8, turns=0.8)
    outline.press(Pointer(*points[0], LEFT, scale=4))
    for y, x in points[1:]:
        outline.move(Pointer(y, x, scale=4))
    outline.release(Pointer(*points[-1], LEFT, scale=4))
    assert not outline.busy
    assert 6 in document.labels
