import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PyQt6.QtGui import QUndoCommand

from cellmend.image import Image
from cellmend.labels import operations
from cellmend.labels.paint import disc
from cellmend.labels.patches import Patch
from cellmend.labels.stroke import StrokeBuilder
from cellmend_app.commands import AddRestored, EditLabels, ReplaceLabels
from cellmend_app.document import Document, FlowLayer, History, RestoredLayer
from cellmend_app.document.history import Block


def square(document, label=9, at=(2, 3)):
    y, x = at
    shape = (y, x, y + 4, x + 4), np.ones((4, 4), bool)
    return StrokeBuilder(document.labels.array, label, "replace").add(*shape)


def restored(name="denoise"):
    return RestoredLayer(name, Image(np.zeros((64, 80), np.float32)))


def results(value=1.0):
    flows = np.full((2, 64, 80), value, np.float32)
    return FlowLayer(flows, np.full((64, 80), value, np.float32))


def state(document):
    layer = document.restored
    return (
        document.labels.full.tobytes(),
        document.labels.ids,
        frozenset(document.manual),
        None if layer is None else layer.name,
        document.results,
    )


COMMANDS = {
    "patch": lambda d: EditLabels(d, square(d), "paint"),
    "drawn": lambda d: EditLabels(d, square(d), "draw", drawn=[9]),
    "replace": lambda d: ReplaceLabels(d, np.eye(64, 80, dtype=np.uint16) * 3, "segment"),
    "segmentation": lambda d: ReplaceLabels(
        d, np.zeros((64, 80), np.uint32), "segment", results=results()
    ),
    "restored": lambda d: AddRestored(d, restored(), "denoise"),
}


@pytest.mark.parametrize("make", COMMANDS.values(), ids=COMMANDS)
def test_each_command_alone_goes_back_and_forth(document, make):
    document.manual = {1}
    before = state(document)
    command = make(document)
    assert isinstance(command, QUndoCommand)
    document.undo.push(command)
    after = state(document)
    assert after != before
    assert document.modified
    for _ in range(3):
        document.undo.undo()
        assert state(document) == before
        assert not document.modified
        document.undo.redo()
        assert state(document) == after


def test_a_patch_that_is_applied_already_is_not_written_again(document, qtbot):
    patch = square(document)
    document.labels.apply(patch)
    with qtbot.assertNotEmitted(document.labels_edited):
        document.undo.push(EditLabels(document, patch, "paint", applied=True))
    document.undo.undo()
    assert 9 not in document.labels
    document.undo.redo()
    assert document.labels.index.area(9) == 16


def test_undo_brings_back_the_restored_layer_before(document):
    document.undo.push(AddRestored(document, restored("denoise"), "denoise"))
    document.undo.push(AddRestored(document, restored("deblur"), "deblur"))
    document.undo.undo()
    assert document.restored.name == "denoise"
    document.undo.undo()
    assert document.restored is None


def test_undo_shows_the_plane_of_the_edit(qapp):
    document = Document()
    document.set_image(Image(np.zeros((3, 20, 20), np.uint8), "ZYX"))
    document.plane = 1
    document.undo.push(EditLabels(document, square(document), "paint"))
    document.plane = 2
    document.undo.push(EditLabels(document, square(document), "paint"))
    document.plane = 0
    document.undo.undo()
    assert document.plane == 2
    document.undo.undo()
    assert document.plane == 1
    assert not document.labels.full.any()


def random_edit(document, rng):
    labels = document.labels
    kind = rng.integers(5)
    ids = labels.ids
    if kind == 0 and ids:
        patch = operations.delete(labels.array, [int(rng.choice(ids))], labels.index)
    elif kind == 1 and len(ids) > 1:
        pair = [int(i) for i in rng.choice(ids, 2, replace=False)]
        patch = operations.merge(labels.array, pair, labels.index)
    elif kind == 2:
        command = ReplaceLabels(document, rng.integers(0, 6, (64, 80)), "replace")
        return document.undo.push(command)
    else:
        value = 0 if kind == 3 else labels.next_id()
        shape = disc(rng.uniform(-5, 85, 2), rng.uniform(0.5, 12))
        patch = StrokeBuilder(labels.array, value, rng.choice(["keep", "replace"])).add(*shape)
    return document.undo.push(EditLabels(document, patch, "edit"))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1), budget=st.sampled_from([0, 20_000, 10**9]))
def test_n_edits_and_n_undos_give_the_labels_back(document, seed, budget):
    document.undo.clear()
    document.undo._budget = document.undo._packed_budget = budget
    rng = np.random.default_rng(seed)
    states = [state(document)]
    for _ in range(25):
        random_edit(document, rng)
        states.append(state(document))
    document.undo.trim()
    for expected in reversed(states[:-1]):
        document.undo.undo()
        assert state(document) == expected
    for expected in states[1:]:
        document.undo.redo()
        assert state(document) == expected
    while document.undo.canUndo():
        document.undo.undo()
    assert document.labels.index.next_id > max(document.labels.ids)


def test_more_than_a_hundred_steps_can_be_undone(document):
    before = state(document)
    for i in range(150):
        document.undo.push(EditLabels(document, square(document, 10 + i), "paint"))
    assert document.undo.count() == 150
    for _ in range(150):
        document.undo.undo()
    assert state(document) == before


def test_history_gives_memory_back_and_drops_nothing(document, qtbot):
    history = document.undo
    history._budget, history._packed_budget = 100_000, 3_000
    rng = np.random.default_rng(1)
    states = [state(document)]
    for _ in range(30):
        document.undo.push(ReplaceLabels(document, rng.integers(0, 3, (64, 80)), "segment"))
        states.append(state(document))
    loose = 64 * 80 * 4
    qtbot.waitUntil(lambda: history.nbytes <= 10 * loose + 3_000)
    for expected in reversed(states[:-1]):
        history.undo()
        assert state(document) == expected


def test_history_of_a_large_step_is_compressed_in_pieces():
    data = np.random.default_rng(0).integers(0, 2, 3_000_000, dtype=np.uint16)
    block = Block(data.data)
    assert not block.squeeze()
    while not block.squeeze():
        pass
    assert block.nbytes < data.nbytes / 4
    assert bytes(block.read()) == data.tobytes()


def test_a_step_undone_while_being_compressed_is_whole(document):
    command = ReplaceLabels(document, np.ones((64, 80), np.uint8), "segment")
    before = state(document)
    document.undo.push(command)
    Block.PIECE, piece = 4096, Block.PIECE
    try:
        command.pack()
        assert not command.packed
    finally:
        Block.PIECE = piece
    document.undo.undo()
    assert state(document) == before


def test_history_has_no_limit_of_number(qapp):
    assert History().undoLimit() == 0


def test_patch_keeps_little(document):
    patch = Patch.between(document.labels.array, (0, 0, 64, 80), np.ones((64, 80), bool), 4)
    assert patch.nbytes < 64 * 80 * 4


def test_a_full_disk_costs_no_step(document, monkeypatch):
    history = document.undo
    history._budget = history._packed_budget = 0
    rng = np.random.default_rng(1)
    states = [state(document)]
    for _ in range(15):
        document.undo.push(ReplaceLabels(document, rng.integers(0, 3, (64, 80)), "segment"))
        states.append(state(document))

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    history.trim()
    for expected in reversed(states[:-1]):
        history.undo()
        assert state(document) == expected
