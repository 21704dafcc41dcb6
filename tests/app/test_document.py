import numpy as np
import pytest
from PyQt6 import sip

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.labels.patches import Patch
from cellmend_app.commands import EditLabels
from cellmend_app.document import Document, FlowLayer, LabelContent, RestoredLayer
from cellmend_app.document.layers import plane_of


def test_set_labels_counts_and_finds(document):
    assert document.labels.count == 3
    assert document.labels.ids == [1, 2, 5]
    assert document.labels.next_id() == 6
    assert document.labels.box(5) == (40, 50, 50, 60)
    assert document.id_at(45.9, 50.1) == 5
    assert document.id_at(-1, 3) == 0
    assert document.id_at(64, 3) == 0
    assert not document.modified


def test_labels_cannot_be_written_around_the_model(document):
    with pytest.raises(ValueError, match="read-only"):
        document.labels.array[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        document.labels.full[...] = 1


@pytest.mark.parametrize(
    "labels",
    [np.zeros((3, 3), np.uint16), np.full((64, 80), -1), np.zeros((64, 80), np.float32)],
    ids=["shape", "negative", "float"],
)
def test_labels_that_do_not_fit_are_refused(document, labels):
    with pytest.raises(InputError):
        document.set_labels(labels)
    assert document.labels.count == 3


def test_the_given_array_is_copied(document):
    labels = np.ones((64, 80), np.uint32)
    document.set_labels(labels)
    labels[:] = 0
    assert document.labels.array.all()


def test_apply_and_revert_report_the_box(document, qtbot):
    patch = Patch((2, 3, 4, 6), np.ones((2, 3), bool), np.zeros(6, np.uint32), 9)
    revision = document.revision
    with qtbot.waitSignal(document.labels_edited) as seen:
        document.labels.apply(patch)
    assert seen.args == [(2, 3, 4, 6)]
    assert document.labels.index.area(9) == 6
    document.labels.revert(patch)
    assert 9 not in document.labels
    assert document.revision == revision + 2


def test_selection_ends_with_the_cell(document, qtbot):
    document.select(5)
    assert document.selected == 5
    document.select(77)
    assert document.selected == 0
    document.select(5)
    cell = document.labels.array == 5
    patch = Patch.between(document.labels.array, (0, 0, 64, 80), cell, 0)
    with qtbot.waitSignal(document.selection_changed) as seen:
        document.labels.apply(patch)
    assert seen.args == [0]


def test_a_cell_of_other_masks_is_not_selected_for_its_id(document, qtbot):
    document.select(1)
    with qtbot.waitSignal(document.selection_changed):
        document.set_labels(np.roll(document.labels.full, 20, axis=0))
    assert 1 in document.labels
    assert document.selection == ()


def test_several_cells_can_be_selected(document, qtbot):
    with qtbot.waitSignal(document.selection_changed) as seen:
        document.select(2, 77, 5, 0, 2)
    assert seen.args == [2]
    assert document.selection == (2, 5)
    document.toggle(1)
    document.toggle(2)
    assert document.selection == (5, 1)
    assert document.selected == 5
    patch = Patch.between(document.labels.array, (0, 0, 64, 80), document.labels.array == 5, 0)
    document.labels.apply(patch)
    assert document.selection == (1,)


def test_a_patch_to_many_planes_is_one_step(qapp, qtbot):
    document = Document()
    document.set_image(Image(np.zeros((2, 3, 20, 20), np.uint8), "TZYX"))
    document.plane = 4
    assert document.frame == range(3, 6)
    patch = Patch((2, 3, 4, 6), np.ones((2, 3), bool), np.zeros(6, np.uint32), 9)
    with qtbot.waitSignal(document.labels_edited) as seen:
        document.undo.push(EditLabels(document, {3: patch, 4: patch}, "draw", drawn=[9]))
    assert seen.args == [(2, 3, 4, 6)]
    assert [i for i in range(6) if 9 in document.labels.plane_index(i)] == [3, 4]
    assert (document.labels.count, document.labels.ids) == (1, [9])
    document.plane = 0
    document.undo.undo()
    assert document.plane == 4
    assert not document.labels.full.any()
    assert (document.labels.count, 9 in document.labels) == (0, False)


def test_review_states_and_the_next_undone(qapp, qtbot, tmp_path):
    folder = [tmp_path / name for name in ("a.tif", "b.tif", "c.tif")]
    document = Document()
    review = document.review
    assert review.state(folder[0]) == "unseen"
    with qtbot.waitSignal(review.changed):
        review.mark(folder[1], "done")
    assert review.next_undone(folder, folder[0]) == folder[2]
    assert review.next_undone(folder, folder[2]) == folder[0]
    review.take({folder[2]: "done"})
    assert review.states(folder) == {folder[1]: "done", folder[2]: "done"}
    assert review.next_undone(folder, folder[0]) is None
    assert review.next_undone(folder, None) == folder[0]


def test_another_image_starts_afresh(document):
    document.add_restored(RestoredLayer("denoise", Image(np.zeros((64, 80), np.float32))))
    document.set_results(FlowLayer(np.zeros((2, 64, 80), np.float32), np.zeros((64, 80))))
    document.select(1)
    document.set_diameter(17)
    document.set_image(Image(np.zeros((9, 12), np.uint8)))
    assert document.labels.array.shape == (9, 12)
    assert (document.restored, document.flows, document.selected) == (None, None, 0)
    assert (document.labels.count, document.undo.count(), document.diameter) == (0, 0, 17)


def test_diameter_must_be_positive(document, qtbot):
    with qtbot.waitSignal(document.diameter_changed) as seen:
        document.diameter = 12
    assert seen.args == [12.0]
    with pytest.raises(InputError):
        document.diameter = 0


def test_planes_of_a_stack(qapp, qtbot):
    document = Document()
    data = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    image = Image(data, "TCZYX")
    document.set_image(image)
    assert document.plane_count == 8
    assert document.labels.full.shape == (2, 4, 5, 6)
    with qtbot.waitSignal(document.plane_changed) as seen:
        document.plane = 6
    assert seen.args == [6]
    assert np.array_equal(document.display, data[1, :, 2])
    document.plane = 99
    assert document.plane == 7
    labels = np.zeros((2, 4, 5, 6), np.uint32)
    labels[0, 0], labels[1, 3] = 4, 8
    document.set_labels(labels)
    assert document.labels.count == 2
    assert set(np.unique(document.labels.array)) == {8}
    assert 4 in document.labels
    assert document.labels.box(4) is None


@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "TYX", "TCYX", "CZYX", "TZYX"])
def test_a_plane_always_has_channels_first(axes):
    sizes = dict(zip("TCZYX", (2, 3, 4, 5, 6), strict=True))
    data = np.zeros([sizes[a] for a in axes])
    plane = plane_of(Image(data, axes), 1 if set(axes) & set("TZ") else 0)
    assert plane.shape == (3 if "C" in axes else 1, 5, 6)
    assert np.shares_memory(plane, data)


def test_a_document_can_be_deleted_with_its_history(document, qtbot):
    patch = Patch((2, 3, 4, 6), np.ones((2, 3), bool), np.zeros(6, np.uint32), 9)
    document.undo.push(EditLabels(document, patch, "paint"))
    with qtbot.captureExceptions() as caught:
        sip.delete(document)
    assert not caught


def test_masks_that_nobody_else_holds_are_edited_where_they_are():
    fresh = np.zeros((6, 8), np.uint32)
    assert np.shares_memory(LabelContent.of(fresh, copy=False).labels, fresh)
    assert not np.shares_memory(LabelContent.of(fresh).labels, fresh)
    fixed = np.arange(48, dtype=np.uint32).reshape(6, 8)
    fixed.flags.writeable = False
    for given in (fixed, fixed.T, fixed.astype(np.uint8)):
        labels = LabelContent.of(given, copy=False).labels
        assert np.array_equal(labels, given)
        assert (labels.dtype, labels.flags.writeable) == (np.uint32, True)
        assert labels.flags.c_contiguous
