"""Edits of label images: exact, reversible and never wider than what they change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.labels import operations, reshape, split
from cellmend.labels.index import LabelIndex
from cellmend.labels.outlines import outline_mask, outlines
from cellmend.labels.paint import capsule, clip, disc, polygon
from cellmend.labels.patches import Patch
from cellmend.labels.stroke import StrokeBuilder

SIZE = 40


def blobs() -> np.ndarray:
    """Return four square cells, ids with gaps, two of them touching."""
    labels = np.zeros((SIZE, SIZE), np.uint32)
    labels[2:12, 2:12] = 1
    labels[2:12, 12:20] = 4
    labels[20:30, 5:15] = 7
    labels[22:38, 22:38] = 70_000
    return labels


def draw(shape, image_shape=(SIZE, SIZE)):
    labels = np.zeros(image_shape, np.uint32)
    (y0, x0, y1, x1), mask = clip(shape, image_shape)
    labels[y0:y1, x0:x1][mask] = 1
    return labels


coordinates = st.floats(-5, SIZE + 5)
strokes = st.tuples(
    st.just("stroke"),
    st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=5),
    st.integers(0, 9),
    st.floats(0, 8),
    st.sampled_from(["keep", "replace"]),
)
deletions = st.tuples(st.just("delete"), st.lists(st.integers(1, 9), max_size=4))
merges = st.tuples(st.just("merge"), st.lists(st.integers(1, 9), min_size=1, max_size=4))
fills = st.tuples(
    st.just("fill"),
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6),
    st.integers(0, 9),
    st.sampled_from(["keep", "replace"]),
)


def perform(edit, labels, index):
    """Apply one edit; return its patch."""
    kind, *arguments = edit
    if kind == "stroke":
        points, value, radius, overlap = arguments
        stroke = StrokeBuilder(labels, value, overlap)
        for p, q in itertools.pairwise(points):
            move = stroke.add(*capsule(p, q, radius))
            move.apply(labels)
            index.update(move)
        return stroke.patch()
    if kind == "delete":
        patch = operations.delete(labels, arguments[0], index)
    elif kind == "merge":
        present = [i for i in arguments[0] if i in index]
        patch = operations.merge(labels, present, index) if present else Patch.merge([])
    else:
        patch = operations.fill(labels, *arguments)
    patch.apply(labels)
    index.update(patch)
    return patch


def places(index):
    return {i: (index.box(i), index.area(i)) for i in index}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(strokes, deletions, merges, fills), max_size=8))
def test_undoing_every_edit_gives_the_array_back(edits):
    labels = blobs()
    index = LabelIndex(labels)
    states, patches = [labels.copy()], []
    for edit in edits:
        patches.append(perform(edit, labels, index))
        states.append(labels.copy())
    assert places(index) == places(LabelIndex(labels))
    whole = Patch.merge(patches)
    for patch, state in zip(reversed(patches), reversed(states[:-1]), strict=True):
        patch.revert(labels)
        index.revert(patch)
        np.testing.assert_array_equal(labels, state)
    assert places(index) == places(LabelIndex(labels))
    whole.apply(labels)
    np.testing.assert_array_equal(labels, states[-1])
    whole.revert(labels)
    np.testing.assert_array_equal(labels, states[0])


def test_patch_records_only_changed_pixels_and_a_tight_box():
    labels = blobs()
    patch = Patch.between(labels, (0, 0, SIZE, SIZE), np.ones((SIZE, SIZE), bool), 1)
    assert patch.size == SIZE * SIZE - 100
    patch = Patch.between(labels, (0, 0, 15, 15), labels[:15, :15] == 1, 3)
    assert patch.box == (2, 2, 12, 12)
    assert patch.mask.all()
    assert set(patch.before) == {1}
    assert set(patch.after) == {3}
    assert patch.ids() == {1, 3}


def test_patch_size_follows_the_pixels_and_not_the_box():
    labels = np.zeros((4000, 4000), np.uint32)
    labels[:10, :10] = 1
    labels[-10:, -10:] = 2
    patch = operations.delete(labels, [1, 2])
    assert patch.box == (0, 0, 4000, 4000)
    assert patch.nbytes < 1000
    patch.apply(labels)
    assert not labels.any()


def test_a_brush_stroke_is_small():
    labels = np.zeros((1024, 1024), np.uint32)
    stroke = StrokeBuilder(labels, 5)
    for x in range(20, 1000, 7):
        stroke.add(*capsule((x, x), (x + 7, x + 7), 10)).apply(labels)
    assert stroke.patch().nbytes < 65 * 1024


def test_brush_rules():
    labels = blobs()
    over = disc((7, 12), 4)
    assert StrokeBuilder(labels, 9, "keep").add(*over).size == 0
    replaced = StrokeBuilder(labels, 9, "replace").add(*over)
    assert set(replaced.before) == {1, 4}
    own = StrokeBuilder(labels, 0, only=4).add(*over)
    assert set(own.before) == {4}
    assert set(StrokeBuilder(labels, 0).add(*over).before) == {1, 4}


def test_shapes():
    (y0, x0, y1, x1), mask = disc((10, 20), 3)
    assert (y0, x0, y1, x1) == (7, 17, 14, 24)
    assert mask[3, 3]
    assert mask[0, 3]
    assert not mask[0, 0]
    assert draw(disc((5.4, 5.4), 0)).sum() == 1
    line = draw(capsule((3, 3), (30, 17), 0))
    assert ndimage.label(line, np.ones((3, 3)))[1] == 1
    assert draw(disc((-20, -20), 3)).sum() == 0
    assert draw(disc((0, 0), 3)).sum() > 0


def test_polygon_fills_what_it_encloses():
    square = draw(polygon([(5, 5), (5, 14), (14, 14), (14, 5)]))
    assert square.sum() == 100
    # A spiral that goes round twice has no hole, as even-odd filling would leave.
    twice = [(5, 5), (5, 20), (20, 20), (20, 5), (8, 8), (8, 17), (17, 17), (17, 8)]
    assert draw(polygon(twice))[12, 12] == 1
    assert polygon([])[1].size == 0
    assert draw(polygon([(3, 3)])).sum() == 1


def test_merge_takes_the_first_id_and_names_a_missing_one():
    labels = blobs()
    operations.merge(labels, [4, 1]).apply(labels)
    assert set(np.unique(labels)) == {0, 4, 7, 70_000}
    with pytest.raises(InputError, match="no cell 99"):
        operations.merge(labels, [4, 99])


def test_change_id():
    labels = blobs()
    operations.change_id(labels, 70_000, 3).apply(labels)
    assert set(np.unique(labels)) == {0, 1, 3, 4, 7}
    with pytest.raises(InputError, match="id of a cell"):
        operations.change_id(labels, 3, 0)


def dumbbell() -> np.ndarray:
    labels = np.zeros((60, 90), np.uint32)
    for (y0, x0, y1, x1), mask in (disc((30, 25), 18), disc((30, 65), 12)):
        labels[y0:y1, x0:x1][mask] = 5
    labels[27:34, 40:55] = 5
    return labels


@pytest.mark.parametrize("how", ["line", "seeds"])
def test_split_a_dumbbell_in_two(how):
    labels = dumbbell()
    before = labels.copy()
    if how == "line":
        patch = split.split_line(labels, 5, (5, 48), (55, 48), 6)
    else:
        patch = split.split_seeds(labels, 5, [(30, 25), (30, 65)], 6)
    np.testing.assert_array_equal(labels, before)
    patch.apply(labels)
    assert set(np.unique(labels)) == {0, 5, 6}
    np.testing.assert_array_equal(labels > 0, before > 0)
    assert all(ndimage.label(labels == i)[1] == 1 for i in (5, 6))
    assert (labels[:, :40][before[:, :40] > 0] == 5).all()
    assert (labels[:, 56:][before[:, 56:] > 0] == 6).all()


def test_a_line_through_a_comb_gives_every_piece_an_id():
    labels = np.zeros((30, 30), np.uint32)
    labels[5:10, 5:25] = 2
    for x in (5, 12, 19):
        labels[10:20, x : x + 4] = 2
    split.split_line(labels, 2, (12, 0), (12, 29), 10).apply(labels)
    assert set(np.unique(labels)) == {0, 2, 10, 11, 12}


def test_a_round_cell_is_split_in_halves():
    labels = draw(disc((20, 20), 15))
    split.split_seeds(labels, 1, [(14, 20), (26, 20)], 2).apply(labels)
    sizes = np.bincount(labels.ravel())[1:]
    assert abs(int(sizes[0]) - int(sizes[1])) < 0.1 * sizes.sum()


def test_splits_that_cannot_be_done_say_so():
    labels = dumbbell()
    with pytest.raises(InputError, match="does not cut"):
        split.split_line(labels, 5, (0, 0), (5, 5), 6)
    with pytest.raises(InputError, match="two points"):
        split.split_seeds(labels, 5, [(30, 25), (0, 0)], 6)


def test_reshaping_leaves_other_cells_alone():
    labels = blobs()
    labels[5:7, 5:7] = 0
    labels[24, 8] = 0
    others = labels != 1
    reshape.fill_holes(labels, 1).apply(labels)
    assert (labels == 1).sum() == 100
    reshape.grow(labels, 1, 2).apply(labels)
    assert (labels == 4).sum() == 80
    assert (labels == 1).sum() > 100
    reshape.shrink(labels, 70_000, 3).apply(labels)
    assert (labels == 70_000).sum() == 100
    reshape.smooth(labels, 7, 2).apply(labels)
    assert labels[20, 5] == 0
    assert others.any()
    with pytest.raises(InputError, match="too small"):
        reshape.shrink(labels, 4, 30)


def test_convex_hull():
    labels = np.zeros((20, 20), np.uint32)
    labels[2:18, 2:5] = 3
    labels[15:18, 2:18] = 3
    labels[14, 6] = 8
    reshape.convex_hull(labels, 3).apply(labels)
    assert labels[10, 6] == 3
    assert labels[14, 6] == 8
    assert labels[3, 15] == 0


def test_outlines_follow_each_cell():
    labels = blobs()
    first, second, *_ = found = outlines(labels)
    assert len(found) == 4
    assert {tuple(p) for p in first} == {
        (x, y) for y in range(2, 12) for x in range(2, 12) if x in (2, 11) or y in (2, 11)
    }
    assert second[:, 0].min() == 12
    one_pixel = np.zeros((5, 5), np.uint32)
    one_pixel[2, 3] = 1
    assert outlines(one_pixel)[0].tolist() == [[3, 2]]


def test_outline_is_that_of_the_largest_piece():
    labels = np.zeros((30, 30), np.uint32)
    labels[1:4, 1:4] = 1
    labels[10:25, 10:25] = 1
    assert outlines(labels)[0].min() == 10


def test_outline_mask():
    labels = blobs()
    mask = outline_mask(labels)
    assert mask[2:12, 11].all()
    assert mask[2:12, 12].all()
    assert not mask[3:11, 3:11].any()
    assert not mask[labels == 0].any()
    np.testing.assert_array_equal(outline_mask(np.stack([labels, labels]))[1], mask)


def test_index_knows_the_next_free_id():
    labels = blobs()
    index = LabelIndex(labels)
    assert index.next_id == 70_001
    assert index.ids() == [1, 4, 7, 70_000]
    patch = operations.delete(labels, [70_000], index)
    patch.apply(labels)
    index.update(patch)
    assert index.next_id == 70_001
    assert 70_000 not in index
    assert index.box(70_000) is None
    assert len(LabelIndex(np.zeros((0, 5), np.uint32))) == 0
