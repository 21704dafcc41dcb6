"""What people do to selected cells: each one undoable step, in planes and volumes."""

import tracemalloc

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages

from cellmend.image import Image
from cellmend_app.document import Document, FlowLayer
from cellmend_app.services.assist import AssistService
from cellmend_app.services.cells import CellService
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.workers import JobRunner


@pytest.fixture
def volume(messages):
    """Five planes of 40 × 40; cell 1 in the first two, cell 2 in the last, cell 3 in plane 1."""
    document = Document()
    document.set_image(Image(np.zeros((5, 40, 40), np.uint8), "ZYX"))
    labels = np.zeros((5, 40, 40), np.uint32)
    labels[:2, 5:15, 5:15] = 1
    labels[4, 5:15, 10:20] = 2
    labels[1, 25:30, 25:30] = 3
    document.set_labels(labels)
    return document


@pytest.fixture
def volume_cells(volume, messages):
    return CellService(volume, messages)


def said(document):
    texts = []
    document.status.connect(texts.append)
    return texts


def taken_back(document, before):
    """Undo everything, and check that nothing is left of it; then do it again."""
    after = document.labels.full.copy()
    steps = document.undo.index()
    for _ in range(steps):
        document.undo.undo()
    assert np.array_equal(document.labels.full, before)
    for _ in range(steps):
        document.undo.redo()
    assert np.array_equal(document.labels.full, after)


def test_deleting_many_cells_is_one_step(document, cells):
    before = document.labels.full.copy()
    document.select(1, 5)
    cells.delete(document.selection)
    assert document.labels.ids == [2]
    assert document.selection == ()
    assert document.undo.count() == 1
    taken_back(document, before)
    cells.delete([77, 0])
    assert document.undo.count() == 1


def test_a_cell_of_a_volume_is_deleted_in_all_planes_or_in_one(volume, volume_cells):
    before = volume.labels.full.copy()
    volume.select(1)
    volume_cells.delete([1], here=True)
    assert [1 in volume.labels.plane_index(z) for z in range(5)] == [0, 1, 0, 0, 0]
    volume.undo.undo()
    volume_cells.delete([1])
    assert volume.labels.ids == [2, 3]
    taken_back(volume, before)


def test_an_id_in_another_frame_is_another_cell(messages):
    document = Document()
    document.set_image(Image(np.zeros((3, 20, 20), np.uint8), "TYX"))
    labels = np.zeros((3, 20, 20), np.uint32)
    labels[:, 5:10, 5:10] = 1
    document.set_labels(labels)
    document.plane = 1
    CellService(document, messages).delete([1])
    assert document.labels.full.any(axis=(1, 2)).tolist() == [True, False, True]


def test_merging_asks_only_where_cells_do_not_touch(document, cells, messages):
    cells.merge([1, 2])
    assert messages.questions == []
    assert document.labels.ids == [1, 5]
    before = document.labels.full.copy()
    cells.merge([5, 1])
    assert len(messages.questions) == 1
    assert np.array_equal(document.labels.full, before)
    messages.yes = True
    cells.merge([5, 1])
    assert document.labels.ids == [5]
    assert document.selected == 5
    assert document.labels.index.area(5) == 300


def test_merging_keeps_the_undo_history(document, cells):
    before = document.labels.full.copy()
    cells.delete([5])
    cells.merge([1, 2])
    assert document.undo.count() == 2
    taken_back(document, before)


def test_merging_needs_two_cells(document, cells):
    texts = said(document)
    cells.merge([1, 99])
    assert "Select the cells" in texts[-1]
    assert document.undo.count() == 0


def test_cells_that_lie_over_each_other_touch(volume, volume_cells, messages):
    labels = volume.labels.full.copy()
    labels[3, 12:22, 12:22] = 4
    volume.set_labels(labels)
    volume_cells.merge([2, 4])
    assert messages.questions == []
    assert volume.labels.ids == [1, 2, 3]
    assert (volume.labels.full == 2).sum(axis=(1, 2)).tolist() == [0, 0, 0, 100, 100]


def test_changing_an_id_warns_of_one_that_is_taken(document, cells, messages):
    document.manual = {5}
    document.select(5)
    cells.change_id(5, 9)
    assert document.labels.ids == [1, 2, 9]
    assert 9 in document.manual
    assert document.selected == 9
    cells.change_id(9, 2)
    assert "already" in messages.questions[-1]
    assert document.labels.ids == [1, 2, 9]
    messages.yes = True
    cells.change_id(9, 2)
    assert document.labels.ids == [1, 2]
    cells.change_id(1, 0)
    cells.change_id(1, 1)
    assert document.labels.ids == [1, 2]


def test_clearing_asks_and_can_be_undone(document, cells, messages):
    cells.clear()
    assert "Delete all masks?" in messages.questions
    assert document.labels.count == 3
    messages.yes = True
    before = document.labels.full.copy()
    cells.clear()
    assert document.labels.count == 0
    taken_back(document, before)


def test_nudges_are_one_step_and_lose_nothing_under_others(document, cells):
    before = document.labels.full.copy()
    document.select(1)
    for _ in range(6):
        cells.nudge(0, 1)
    assert document.undo.count() == 1
    assert document.labels.index.area(1) == 40
    cells.nudge(0, 30)
    assert document.labels.box(1) == (10, 46, 20, 56)
    assert document.labels.index.area(1) == 100
    taken_back(document, before)
    document.undo.undo()
    cells.nudge(1, 0)
    cells.nudge(-1, 0)
    assert np.array_equal(document.labels.full, before)


def test_a_nudge_that_has_no_room_changes_nothing(document, cells):
    document.select(1)
    cells.nudge(0, -15)
    there = document.labels.full.copy()
    texts = said(document)
    cells.nudge(0, -15)
    assert "no room" in texts[-1]
    assert np.array_equal(document.labels.full, there)
    cells.nudge(0, 15)
    assert document.labels.box(1) == (10, 10, 20, 20)


@pytest.mark.parametrize("how", ["grow", "shrink", "smooth", "hull", "holes"])
def test_shapes_of_all_selected_cells_change_in_one_step(document, cells, how):
    labels = document.labels.full.copy()
    labels[13:16, 13:16] = 0
    labels[40:43, 50:53] = 0
    labels[44, 54] = 0
    document.set_labels(labels)
    document.select(1, 5)
    cells.reshape(how, 2.0)
    assert document.undo.count() == 1
    assert document.undo.undoText()
    changed = document.labels.full != labels
    assert changed[8:22, 8:22].any()
    assert changed[38:52, 48:62].any()
    assert document.labels.index.area(2) == 100
    taken_back(document, labels)


def test_what_cannot_be_shrunk_is_said_and_the_rest_shrinks(document, cells):
    cells.draw([(30, 5), (30, 8), (32, 8), (32, 5)])
    document.select(6, 5)
    texts = said(document)
    cells.reshape("shrink", 3.0)
    assert "too small" in texts[-1]
    assert document.labels.index.area(5) == 16
    assert document.labels.index.area(6) == 12


def test_a_line_splits_every_cell_it_crosses(document, cells):
    before = document.labels.full.copy()
    cells.split_line((15, 2), (15, 40))
    assert document.labels.count == 5
    assert document.undo.count() == 1
    assert np.array_equal(document.labels.full > 0, before > 0)
    taken_back(document, before)
    document.undo.undo()
    texts = said(document)
    cells.split_line((14, 12), (14, 25))
    cells.split_line((60, 2), (60, 40))
    assert all("does not cut" in text for text in texts)


def test_a_split_of_one_plane_says_that_others_keep_the_cell(volume, volume_cells):
    texts = said(volume)
    volume_cells.split_line((2, 10), (18, 10))
    assert texts[-1] == "Split cell 1 in this plane; the other planes keep it whole."
    volume.plane = 4
    volume_cells.split_points(2, [(10, 11), (10, 18)])
    assert texts[-1] == "Split cell 2."


def test_enclosed_background_is_filled(document, cells):
    cells.draw([(50, 5), (50, 25), (60, 25), (60, 5)])
    document.labels.apply(_hole(document))
    cells.fill(55.5, 15.5)
    assert document.labels.index.area(6) == 11 * 21
    texts = said(document)
    cells.fill(2, 2)
    assert "open" in texts[-1]


def _hole(document):
    from cellmend.labels import operations

    return operations.erase(document.labels.array, (53, 10, 57, 20), np.ones((4, 10), bool))


@pytest.mark.parametrize(("rule", "old", "new"), [("keep", 100, 66), ("replace", 40, 126)])
def test_drawing_follows_the_overlap_rule(document, cells, rule, old, new):
    document.set_overlap(rule)
    assert cells.draw([(10, 4), (10, 15), (19, 15), (19, 4)])
    assert document.labels.index.area(1) == old
    assert document.labels.index.area(6) in (new, 60, 120)
    assert document.manual == {6}


def test_drawing_may_exclude_what_two_cells_claim(document, cells):
    before = document.labels.full.copy()
    document.set_overlap("exclude")
    cells.draw([(10, 4), (10, 15), (19, 15), (19, 4)])
    assert not document.labels.array[10:20, 10:16].any()
    assert document.labels.index.area(1) == 40
    assert document.labels.index.area(6) == 60
    taken_back(document, before)


def test_outlines_in_planes_of_a_volume_make_one_cell_and_enter_fills_between(volume, volume_cells):
    before = volume.labels.full.copy()
    square = np.array([(20, 5), (20, 12), (27, 12), (27, 5)])
    volume_cells.draw(square)
    assert volume.selected == 4
    volume.plane = 4
    volume_cells.draw(np.add(square, (2, 4)))
    assert volume.labels.ids == [1, 2, 3, 4]
    volume_cells.draw(np.add(square, (10, 24)))  # elsewhere, and so another cell
    assert volume.labels.ids == [1, 2, 3, 4, 5]
    volume.undo.undo()
    volume.select(4)
    volume_cells.interpolate()
    assert [4 in volume.labels.plane_index(z) for z in range(5)] == [True] * 5
    assert volume.undo.count() == 3
    taken_back(volume, before)
    texts = said(volume)
    volume_cells.interpolate()
    assert "gap" in texts[-1]


def test_cells_are_copied_to_the_next_plane(volume, volume_cells):
    before = volume.labels.full.copy()
    volume.plane = 1
    volume_cells.copy_on()
    assert volume.plane == 2
    assert volume.labels.index.ids() == [1, 3]
    volume.select(3)
    volume_cells.copy_on()
    assert volume.labels.index.ids() == [3]
    volume_cells.copy_on()
    assert volume.labels.index.ids() == [2, 3]
    texts = said(volume)
    volume_cells.copy_on()
    assert "last plane" in texts[-1]
    assert volume.undo.count() == 3
    taken_back(volume, before)


# -- cost

COSTS = {
    "delete": lambda cells: cells.delete([8]),
    "merge": lambda cells: cells.merge([8, 9]),
    "change id": lambda cells: cells.change_id(8, 40_000),
    "grow": lambda cells: cells.reshape("grow", 2.0),
    "smooth": lambda cells: cells.reshape("smooth", 2.0),
    "hull": lambda cells: cells.reshape("hull"),
    "move": lambda cells: cells.nudge(2, 3),
    "split": lambda cells: cells.split_line((20, -5), (20, 2100)),
    "fill": lambda cells: cells.fill(1, 1),
    "draw": lambda cells: cells.draw([(3, 3), (3, 30), (30, 30), (30, 3)]),
}


@pytest.fixture(scope="module")
def large(qapp):
    """2000 × 2000 pixels with 2,500 cells, side by side."""
    document = Document()
    document.set_image(Image(np.zeros((2000, 2000), np.uint8)))
    ids = np.arange(1, 2501, dtype=np.uint32).reshape(50, 50)
    document.set_labels(np.kron(ids, np.ones((40, 40), np.uint32)))
    return document


@pytest.mark.parametrize("edit", COSTS.values(), ids=COSTS)
def test_an_edit_and_its_undo_never_copy_the_image(large, messages, edit):
    cells = CellService(large, messages)
    messages.yes = True
    large.select(8)
    tracemalloc.start()
    edit(cells)
    while large.undo.canUndo():
        large.undo.undo()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < large.labels.array.nbytes / 10


# -- click to find a cell


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


def assist_with(cells, runner, pipelines):
    return AssistService(cells, runner, RecordingMessages(), pipelines)


def disc_image(centers, radius=7, size=64):
    y, x = np.mgrid[:size, :size]
    near = [(y - a) ** 2 + (x - b) ** 2 for a, b in centers]
    return np.min(near, axis=0) <= radius**2


@pytest.fixture
def discs(messages):
    """Two touching bright discs on noise, and their flows."""
    from cellmend.dynamics import masks_to_flows

    document = Document()
    truth = disc_image([(30, 20)]) * 1 + disc_image([(30, 35)]) * 2
    pixels = (truth > 0) * 80 + np.random.default_rng(0).normal(30, 5, truth.shape)
    document.set_image(Image(pixels.astype(np.float32)))
    document.set_diameter(15)
    return document, truth, masks_to_flows(truth.astype(np.uint32))


@pytest.mark.parametrize("by", ["flows", "image"])
def test_a_click_finds_the_cell_under_it(qtbot, discs, messages, runner, by):
    document, truth, flows = discs
    if by == "flows":
        logits = np.where(truth > 0, -1.0, -8.0).astype(np.float32)  # the network was not sure
        document.set_results(FlowLayer(5 * flows, logits))
    assist = assist_with(CellService(document, messages), runner, CorePipelines())
    job = assist.find(30.5, 19.5)
    with qtbot.waitSignal(job.finished, timeout=60_000):
        pass
    found = document.labels.array == 1
    iou = (found & (truth == 1)).sum() / (found | (truth == 1)).sum()
    assert iou > 0.85
    assert document.undo.count() == 1
    assert document.selected == 1
    document.undo.undo()
    assert not document.labels.array.any()


def test_a_click_in_a_volume_uses_the_flows_of_its_plane(volume, volume_cells, runner):
    assist = assist_with(volume_cells, runner, FakePipelines())
    flows = np.arange(3 * 5 * 40 * 40, dtype=np.float32).reshape(3, 5, 40, 40)
    volume.set_results(FlowLayer(flows, flows[0] / 7))
    volume.plane = 3
    request = assist._request((20, 20))
    assert np.array_equal(request.flows, flows[1:, 3])
    assert np.array_equal(request.cellprob, flows[0, 3] / 7)


def test_a_click_that_finds_nothing_or_comes_too_late_changes_nothing(
    qtbot, document, cells, runner
):
    pipelines = FakePipelines()
    assist = assist_with(cells, runner, pipelines)
    assert assist.find(-3, 5) is None
    with qtbot.waitSignal(assist.find(2, 30).finished):
        pass
    assert "draw it" in _notes(assist, qtbot, document)
    pipelines.gate.clear()
    job = assist.find(55, 20)
    document.set_image(Image(document.image.data))
    pipelines.gate.set()
    with qtbot.waitSignal(job.finished):
        pass
    assert document.undo.count() == 0


def _notes(assist, qtbot, document):
    with qtbot.waitSignal(assist._messages.noted) as seen:
        qtbot.waitSignal(assist.find(2, 30).finished).wait()
    return seen.args[0]
