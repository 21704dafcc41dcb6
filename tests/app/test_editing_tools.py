"""Tools by the hand that uses them: what each does, and that nothing gets stuck."""

import numpy as np
import pytest
from doubles import FakePipelines
from hand import ALT, CTRL, LEFT, PLAIN, RIGHT, SHIFT, Hand
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QPointingDevice, QTabletEvent
from PyQt6.QtWidgets import QApplication

from cellmend.image import Image
from cellmend_app.actions.workbench import make_tools
from cellmend_app.commands import ReplaceLabels
from cellmend_app.document import Document
from cellmend_app.services.assist import AssistService
from cellmend_app.services.cells import CellService
from cellmend_app.viewer import ImageView
from cellmend_app.workers import JobRunner


class Desk:
    """A document on show with every tool at hand."""

    def __init__(self, document, messages):
        self.document = document
        self.messages = messages
        self.cells = CellService(document, messages)
        self.runner = JobRunner()
        assist = AssistService(self.cells, self.runner, messages, FakePipelines())
        self.tools = make_tools(document, self.cells, assist)
        self.view = ImageView(document)
        self.hand = Hand(self.view)

    def use(self, name):
        self.view.set_tool(self.tools[name])
        return self.tools[name]

    def close(self):
        self.view.close()
        self.view.deleteLater()
        self.runner.shutdown()


@pytest.fixture
def desk(document, messages, qtbot):
    desk = Desk(document, messages)
    desk.view.resize(800, 640)
    desk.view.show()
    yield desk
    desk.close()


def ids(desk):
    return desk.document.labels.ids


# -- what each tool does


def test_rectangle_selects_and_shift_adds(desk):
    desk.use("rectangle")
    desk.hand.drag([(5, 5), (25, 35)])
    assert desk.document.selection == (1, 2)
    desk.hand.press((35, 45), modifiers=SHIFT)
    desk.hand.move((55, 70), LEFT)
    desk.hand.release((55, 70), modifiers=SHIFT)
    assert desk.document.selection == (1, 2, 5)
    desk.hand.click((15, 15))
    assert desk.document.selection == (1,)
    desk.hand.click((45, 55), modifiers=SHIFT)
    desk.hand.click((15, 15), modifiers=SHIFT)
    assert desk.document.selection == (5,)
    desk.hand.drag([(60, 2), (62, 10)])
    assert desk.document.selection == ()


def test_lasso_selects_what_it_goes_round(desk):
    tool = desk.use("lasso")
    desk.hand.press((5, 5))
    for place in [(5, 18), (25, 18), (25, 5)]:
        desk.hand.move(place, LEFT)
    assert len(tool.trace) == 4
    desk.hand.release((5, 5))
    assert desk.document.selection == (1,)
    assert desk.document.undo.count() == 0


def test_polygon_corners_can_be_moved_and_taken_back(desk):
    tool = desk.use("polygon")
    for corner in [(50, 5), (50, 20), (60, 20), (63, 40)]:
        desk.hand.click(corner)
    assert len(tool.handles) == 4
    desk.hand.tap(Qt.Key.Key_Backspace)
    desk.hand.drag([(50, 20), (50, 25)])
    assert [round(x) for _, x in tool.handles] == [5, 25, 20]
    desk.hand.click((60, 5))
    desk.hand.tap(Qt.Key.Key_Return)
    assert not tool.busy
    assert ids(desk) == [1, 2, 5, 6]
    assert 170 <= desk.document.labels.index.area(6) <= 210
    assert desk.document.undo.count() == 1


def draw_polygon(desk, *corners):
    tool = desk.use("polygon")
    for corner in corners or [(50, 5), (50, 25), (60, 25), (60, 5)]:
        desk.hand.click(corner)
    desk.hand.tap(Qt.Key.Key_Return)
    return tool


def test_corners_of_a_closed_polygon_can_be_moved(desk):
    tool = draw_polygon(desk)
    assert not tool.busy
    area = desk.document.labels.index.area(6)
    for end in [(63, 35), (63, 40)]:
        start = tool.handles[2]
        desk.hand.drag([start, (start[0] + 1, start[1] + 1), end])
    assert ids(desk) == [1, 2, 5, 6]
    assert desk.document.labels.index.area(6) > area + 40
    assert desk.document.undo.count() == 1
    desk.hand.tap(Qt.Key.Key_Return)
    assert not tool.handles
    desk.document.undo.undo()
    assert ids(desk) == [1, 2, 5]


def test_a_closed_polygon_keeps_its_shape_where_the_new_one_has_no_room(desk):
    tool = draw_polygon(desk, (50, 5), (50, 9), (56, 9))
    before = desk.document.labels.full.copy()
    desk.hand.drag([(56, 9), (53, 8), (50, 7)])
    assert np.array_equal(desk.document.labels.full, before)
    assert 6 in desk.document.labels
    assert len(tool.handles) == 3
    assert desk.document.undo.count() == 1


@pytest.mark.parametrize("how", ["escape", "edit", "undo", "other tool", "next polygon"])
def test_corners_of_a_closed_polygon_are_let_go(desk, how):
    tool = draw_polygon(desk)
    assert len(tool.handles) == 4
    {
        "escape": lambda: desk.hand.tap(Qt.Key.Key_Escape),
        "edit": lambda: desk.cells.delete([1]),
        "undo": lambda: desk.document.undo.undo(),
        "other tool": lambda: desk.use("pick"),
        "next polygon": lambda: desk.hand.click((30, 5)),
    }[how]()
    assert len(tool.handles) == (1 if how == "next polygon" else 0)


@pytest.mark.parametrize("how", ["first corner", "last corner", "double click", "right click"])
def test_ways_to_close_a_polygon(desk, how):
    tool = desk.use("polygon")
    corners = [(50, 5), (50, 25), (60, 25)]
    for corner in corners if how != "double click" else corners[:2]:
        desk.hand.click(corner)
    if how == "double click":
        desk.hand.double_click(corners[2])
    elif how == "right click":
        desk.hand.click((58, 8), RIGHT)
    else:
        desk.hand.click(corners[0 if how == "first corner" else 2])
    assert not tool.busy
    assert 6 in desk.document.labels


def test_a_polygon_of_two_corners_is_not_closed(desk):
    tool = desk.use("polygon")
    desk.hand.click((50, 5))
    desk.hand.click((50, 25))
    desk.hand.tap(Qt.Key.Key_Enter)
    assert tool.busy
    desk.hand.tap(Qt.Key.Key_Backspace)
    desk.hand.tap(Qt.Key.Key_Backspace)
    assert not tool.busy
    assert not tool.takes(Qt.Key.Key_Backspace, PLAIN)


def test_split_by_a_line(desk):
    tool = desk.use("split-line")
    desk.hand.press((45, 47))
    desk.hand.move((45, 62), LEFT)
    assert len(tool.trace) == 2
    desk.hand.release((45, 62))
    assert ids(desk) == [1, 2, 5, 6]


def test_split_by_two_points(desk):
    desk.cells.merge([1, 2])
    desk.document.undo.clear()
    tool = desk.use("split-points")
    desk.hand.click((15, 12))
    assert tool.busy
    desk.hand.click((45, 55))  # another cell: the split begins anew there
    desk.hand.click((15, 12))
    desk.hand.click((15, 27))
    assert not tool.busy
    assert ids(desk) == [1, 5, 6]
    assert desk.document.undo.count() == 1
    desk.hand.click((60, 5))
    assert not tool.busy


def test_cells_are_dragged_with_the_pointer(desk):
    tool = desk.use("move")
    before = desk.document.labels.full.copy()
    desk.hand.press((45, 55))
    desk.hand.move((48, 60), LEFT)
    assert desk.document.labels.box(5) == (43, 55, 53, 65)
    desk.hand.move((-40, 60), LEFT)  # no room there: it stays where it was
    assert desk.document.labels.box(5) == (43, 55, 53, 65)
    desk.hand.move((52, 40), LEFT)
    desk.hand.release((52, 40))
    assert not tool.busy
    assert desk.document.labels.box(5) == (47, 35, 57, 45)
    assert desk.document.undo.count() == 1
    desk.hand.tap(Qt.Key.Key_Up, SHIFT)
    desk.hand.tap(Qt.Key.Key_Left)
    assert desk.document.labels.box(5) == (37, 34, 47, 44)
    assert desk.document.undo.count() == 2
    for _ in range(2):
        desk.document.undo.undo()
    assert np.array_equal(desk.document.labels.full, before)
    desk.hand.click((2, 2))
    assert desk.document.selection == ()
    assert not tool.takes(Qt.Key.Key_Up, PLAIN)


def test_several_cells_are_dragged_together(desk):
    desk.use("move")
    desk.document.select(1, 2)
    desk.hand.drag([(15, 15), (20, 15)])
    assert desk.document.labels.box(1) == (15, 10, 25, 20)
    assert desk.document.labels.box(2) == (15, 20, 25, 30)


def test_fill_and_find_and_delete_and_merge(desk, qtbot):
    desk.document.labels.apply(_hole(desk.document))
    desk.use("fill")
    desk.hand.click((45, 55))
    assert desk.document.labels.index.area(5) == 100
    desk.use("find")
    desk.hand.click((15, 15))
    assert desk.document.selected == 1
    desk.hand.click((55, 20))
    qtbot.waitUntil(lambda: 6 in desk.document.labels)
    desk.use("merge")
    desk.document.select()
    desk.hand.click((15, 15))
    desk.hand.click((15, 25))
    assert ids(desk) == [1, 5, 6]
    desk.use("delete")
    desk.hand.click((15, 25))
    assert ids(desk) == [5, 6]


def _hole(document):
    from cellmend.labels import operations

    return operations.erase(document.labels.array, (43, 53, 47, 57), np.ones((4, 4), bool))


def test_pick_selects_several_and_still_does_as_cellpose(desk):
    desk.use("pick")
    desk.hand.click((15, 15))
    desk.hand.click((45, 55), modifiers=CTRL | SHIFT)
    assert desk.document.selection == (1, 5)
    desk.hand.click((15, 15), modifiers=CTRL | SHIFT)
    assert desk.document.selection == (5,)
    desk.messages.yes = True
    desk.hand.click((15, 15), modifiers=ALT)
    assert ids(desk) == [2, 5]


def test_enter_closes_an_outline_and_fills_between_planes(qtbot, messages):
    document = Document()
    document.set_image(Image(np.zeros((3, 60, 60), np.uint8), "ZYX"))
    desk = Desk(document, messages)
    tool = desk.use("outline")
    for plane in (0, 2):
        document.plane = plane
        desk.hand.click((10, 10))
        for place in [(10, 30), (30, 30), (30, 12)]:
            desk.hand.move(place)
        desk.hand.tap(Qt.Key.Key_Return)
        assert not tool.busy
    assert document.labels.ids == [1]
    desk.hand.tap(Qt.Key.Key_Return)
    assert document.labels.plane_index(1).area(1) > 200
    desk.close()


# -- nothing gets stuck

GESTURES = {
    "rectangle": [(5, 5), (25, 35)],
    "lasso": [(5, 5), (5, 35), (25, 35)],
    "brush": [(30, 10), (33, 30)],
    "eraser": [(15, 12), (15, 28)],
    "outline": [(50, 10), (50, 30), (60, 30)],
    "polygon": [(50, 10)],
    "split-line": [(45, 45), (45, 65)],
    "move": [(45, 55), (48, 60)],
}

DROPS = {
    "escape": lambda d: d.hand.tap(Qt.Key.Key_Escape),
    "second button": lambda d: d.hand.press((30, 22), RIGHT, held=LEFT | RIGHT),
    "double right click": lambda d: d.hand.double_click((30, 22), RIGHT),
    "focus": lambda d: d.hand.lose_focus(),
    "window deactivated": lambda d: (
        QApplication.sendEvent(d.view.canvas, QEvent(QEvent.Type.WindowDeactivate)),
        d.hand.lose_focus(),
    ),
    "hidden": lambda d: d.view.hide(),
    "other tool": lambda d: d.use("pick"),
    "another image": lambda d: d.document.set_image(Image(d.document.image.data)),
    "result": lambda d: (
        d.document.undo.push(ReplaceLabels(d.document, np.zeros((64, 80), np.uint8), "segment")),
        d.view.cancel(),
    ),
}


CLOSED = {("polygon", "second button"), ("polygon", "double right click")}
"""With the right button a polygon is closed, not dropped."""


@pytest.mark.parametrize(
    ("name", "drop"),
    [(name, drop) for name in GESTURES for drop in DROPS if (name, drop) not in CLOSED],
)
def test_whatever_interrupts_a_gesture_drops_it_and_the_next_one_works(desk, name, drop):
    before = desk.document.labels.full.copy()
    tool = desk.use(name)
    places = GESTURES[name]
    desk.hand.press(places[0])
    for place in places[1:]:
        desk.hand.move(place, LEFT)
    assert tool.busy
    DROPS[drop](desk)
    if (name, drop) == ("outline", "double right click"):
        assert len(tool.trace) == 1  # the second click begins a new one, as any right click does
        desk.hand.tap(Qt.Key.Key_Escape)
    assert not tool.busy
    if drop in ("another image", "result"):
        before[...] = 0
    assert np.array_equal(desk.document.labels.full, before)
    desk.view.show()
    desk.hand.move(places[-1], LEFT)
    desk.hand.release(places[-1])
    desk.hand.move((3, 3))
    assert np.array_equal(desk.document.labels.full, before)
    steps = desk.document.undo.count()
    desk.document.select()
    desk.use("brush")
    desk.hand.drag([(58, 60), (58, 70)])
    assert desk.document.undo.count() == steps + 1
    assert desk.document.id_at(58, 65) > 0
    desk.document.undo.undo()
    assert np.array_equal(desk.document.labels.full, before)


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_survives_leaving_the_window_and_a_lost_release(desk, name):
    tool = desk.use(name)
    places = GESTURES[name]
    desk.hand.press(places[0])
    for place in places[1:]:
        desk.hand.leave()
        desk.hand.move(place, LEFT)
    assert tool.busy
    desk.hand.move((500, 900), LEFT)
    desk.hand.move((20, 20), LEFT)
    desk.hand.move((20, 20))  # the button went up elsewhere
    if name not in ("polygon", "outline"):
        assert not tool.busy
    desk.hand.tap(Qt.Key.Key_Escape)
    assert not tool.busy
    while desk.document.undo.canUndo():
        desk.document.undo.undo()
    assert ids(desk) == [1, 2, 5]
    assert desk.document.labels.count == 3


def test_a_pen_is_left_to_qt_which_makes_a_mouse_of_it(desk):
    desk.use("brush")
    at = desk.hand.at(30, 10)
    event = QTabletEvent(
        QEvent.Type.TabletPress,
        QPointingDevice.primaryPointingDevice(),
        at,
        QPointF(desk.hand.target.mapToGlobal(at.toPoint())),
        0.5,
        0,
        0,
        0.0,
        0.0,
        0.0,
        PLAIN,
        LEFT,
        LEFT,
    )
    event.ignore()
    QApplication.sendEvent(desk.hand.target, event)
    assert not event.isAccepted()
    assert not desk.tools["brush"].busy


def test_an_undo_while_cells_are_dragged_puts_them_back_first(desk):
    desk.cells.delete([1])
    before = desk.document.labels.full.copy()
    tool = desk.use("move")
    desk.hand.press((45, 55))
    desk.hand.move((48, 60), LEFT)
    desk.document.undo.undo()
    assert not tool.busy
    assert ids(desk) == [1, 2, 5]
    desk.document.undo.redo()
    assert np.array_equal(desk.document.labels.full, before)


def test_wheel_and_keys_in_the_middle_of_a_stroke_do_no_harm(desk):
    desk.use("brush")
    before = desk.document.labels.full.copy()
    desk.hand.press((30, 10))
    desk.hand.wheel((30, 10), 240)
    desk.hand.tap(Qt.Key.Key_Space)
    desk.hand.move((32, 20), LEFT)
    desk.hand.release((32, 20))
    assert desk.document.undo.count() == 1
    assert desk.document.id_at(31, 15) == 6
    desk.document.undo.undo()
    assert np.array_equal(desk.document.labels.full, before)


@pytest.mark.parametrize("name", GESTURES)
def test_another_plane_drops_the_gesture(qtbot, messages, name):
    document = Document()
    document.set_image(Image(np.zeros((2, 64, 80), np.uint8), "ZYX"))
    labels = np.zeros((2, 64, 80), np.uint32)
    labels[:, 10:20, 10:30], labels[0, 40:50, 50:60] = 1, 5
    document.set_labels(labels)
    document.select(5)
    desk = Desk(document, messages)
    tool = desk.use(name)
    places = GESTURES[name]
    desk.hand.press(places[0])
    for place in places[1:]:
        desk.hand.move(place, LEFT)
    assert tool.busy
    document.plane = 1
    assert not tool.busy
    desk.hand.move((30, 30), LEFT)
    desk.hand.release((30, 30))
    assert np.array_equal(document.labels.full, labels)
    assert document.undo.count() == 0
    desk.close()


def test_the_click_that_ends_an_outline_ends_it_once(desk):
    said = []
    desk.document.status.connect(said.append)
    desk.use("outline")
    desk.hand.click((45, 10))
    for place in [(45, 30), (60, 30), (60, 15)]:
        desk.hand.move(place)
    desk.hand.click((58, 12))
    assert [text[:4] for text in said] == ["Drew"]
