"""Edits of cells, as properties: each can be taken back, and does only what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.labels import choose, operations, reshape, split
from cellmend.labels.between import between, interpolate
from cellmend.labels.flood import fill_enclosed
from cellmend.labels.index import LabelIndex
from cellmend.labels.paint import capsule, disc, polygon
from cellmend.labels.patches import Patch
from cellmend.labels.stroke import StrokeBuilder

SIZE = 48
RULES = ("keep", "replace", "exclude")


def cells(seed: int, count: int = 8) -> np.ndarray:
    """Return discs of random places and radii, later ones over earlier ones."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((SIZE, SIZE), np.uint32)
    for label in range(1, count + 1):
        shape = disc(rng.uniform(0, SIZE, 2), rng.uniform(2, 9))
        StrokeBuilder(labels, label * 3, "replace").add(*shape).apply(labels)
    return labels


def places(index: LabelIndex) -> dict:
    return {i: (index.box(i), index.area(i)) for i in index}


EDITS = {
    "delete": lambda a, i, r, rng: operations.delete(a, r.choice(i.ids(), 2), i),
    "merge": lambda a, i, r, rng: operations.merge(a, r.choice(i.ids(), 3), i),
    "change id": lambda a, i, r, rng: operations.change_id(a, r.one(i), i.next_id + 4, i),
    "move": lambda a, i, r, rng: operations.move(a, r.choice(i.ids(), 2), r.shift(), r.rule(), i),
    "grow": lambda a, i, r, rng: reshape.grow(a, r.one(i), rng.uniform(1, 6), i),
    "shrink": lambda a, i, r, rng: reshape.shrink(a, r.one(i), rng.uniform(0.5, 3), i),
    "smooth": lambda a, i, r, rng: reshape.smooth(a, r.one(i), rng.uniform(0.5, 3), i),
    "hull": lambda a, i, r, rng: reshape.convex_hull(a, r.one(i), i),
    "holes": lambda a, i, r, rng: reshape.fill_holes(a, r.one(i), i),
    "enclosed": lambda a, i, r, rng: fill_enclosed(a, tuple(rng.integers(0, SIZE, 2))),
    "line": lambda a, i, r, rng: split.split_line(
        a, r.one(i), rng.uniform(0, SIZE, 2), rng.uniform(0, SIZE, 2), i.next_id, places=i
    ),
    "seeds": lambda a, i, r, rng: split.split_seeds(
        a, r.one(i), r.inside(a, i), i.next_id, places=i
    ),
    "polygon": lambda a, i, r, rng: operations.fill(
        a, rng.uniform(-5, SIZE + 5, (5, 2)), i.next_id, r.rule()
    ),
}


class Draw:
    """Random arguments of edits."""

    def __init__(self, rng):
        self.rng = rng

    def choice(self, ids, count):
        return [int(i) for i in self.rng.choice(ids, min(count, len(ids)), replace=False)]

    def one(self, index):
        return self.choice(index.ids(), 1)[0]

    def shift(self):
        return tuple(int(i) for i in self.rng.integers(-9, 10, 2))

    def rule(self):
        return str(self.rng.choice(RULES))

    def inside(self, labels, index):
        ys, xs = np.nonzero(labels == self.one(index))
        picked = self.rng.choice(len(ys), 2)
        return list(zip(ys[picked].tolist(), xs[picked].tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(sorted(EDITS)), max_size=10))
def test_every_edit_can_be_taken_back_and_keeps_the_index_right(seed, kinds):
    labels = cells(seed)
    index = LabelIndex(labels)
    rng = np.random.default_rng(seed)
    states, patches = [labels.copy()], []
    for kind in kinds:
        if not len(index):
            break
        try:
            patch = EDITS[kind](labels, index, Draw(rng), rng)
        except InputError:
            continue
        assert np.array_equal(labels, states[-1]), "an edit describes, and writes nothing"
        patch.apply(labels)
        index.update(patch)
        changed = labels != states[-1]
        covered = np.zeros_like(changed)
        for y0, x0, y1, x1 in patch.boxes():
            covered[y0:y1, x0:x1] = True
        assert not (changed & ~covered).any()
        assert patch.size == changed.sum()
        patches.append(patch)
        states.append(labels.copy())
    assert places(index) == places(LabelIndex(labels))
    for patch, state in zip(reversed(patches), reversed(states[:-1]), strict=True):
        patch.revert(labels)
        index.revert(patch)
        np.testing.assert_array_equal(labels, state)
    assert places(index) == places(LabelIndex(labels))


@given(st.integers(0, 10_000), st.data())
def test_merge_conserves_pixels(seed, data):
    labels = cells(seed)
    ids = LabelIndex(labels).ids()
    chosen = data.draw(st.lists(st.sampled_from(ids), min_size=2, max_size=6, unique=True))
    before = labels.copy()
    operations.merge(labels, chosen).apply(labels)
    np.testing.assert_array_equal(labels == chosen[0], np.isin(before, chosen))
    np.testing.assert_array_equal(labels > 0, before > 0)


@given(st.integers(0, 10_000), st.floats(1, 8), st.data())
def test_growth_is_bounded_and_touches_no_other_cell(seed, radius, data):
    labels = cells(seed)
    label = data.draw(st.sampled_from(LabelIndex(labels).ids()))
    before = labels.copy()
    reshape.grow(labels, label, radius).apply(labels)
    gained = (labels == label) & (before != label)
    assert not before[gained].any()
    assert (ndimage.distance_transform_edt(before != label)[gained] <= radius).all()
    np.testing.assert_array_equal(labels[~gained], before[~gained])


@given(st.integers(0, 10_000), st.data())
def test_hull_and_filled_holes_only_gain_and_shrinking_only_loses(seed, data):
    labels = cells(seed)
    label = data.draw(st.sampled_from(LabelIndex(labels).ids()))
    own = labels == label
    for change in (reshape.convex_hull, reshape.fill_holes):
        after = labels.copy()
        change(labels, label).apply(after)
        assert (after == label)[own].all()
        np.testing.assert_array_equal(after[labels > 0], labels[labels > 0])
    try:
        patch = reshape.shrink(labels, label, 1)
    except InputError:
        return
    assert set(patch.after.tolist()) <= {0}
    assert set(patch.before.tolist()) <= {label}


@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(-6, 6), st.integers(-6, 6)),
    st.sampled_from(RULES),
)
def test_a_moved_cell_is_the_same_cell_elsewhere(seed, by, rule):
    labels = cells(seed)
    label = LabelIndex(labels).ids()[0]
    wanted = np.zeros_like(labels, dtype=bool)
    ys, xs = np.nonzero(labels == label)
    ys, xs = ys + by[0], xs + by[1]
    there = (ys >= 0) & (xs >= 0) & (ys < SIZE) & (xs < SIZE)
    wanted[ys[there], xs[there]] = True
    others = (labels > 0) & (labels != label)
    after = labels.copy()
    try:
        operations.move(labels, [label], by, rule).apply(after)
    except InputError:
        assert not (wanted & ~others).any() or rule == "replace"
        return
    free = wanted & ~others
    np.testing.assert_array_equal(after == label, wanted if rule == "replace" else free)
    if rule == "keep":
        np.testing.assert_array_equal(after[others], labels[others])
    if rule == "exclude":
        assert not after[wanted & others].any()


def test_cells_moved_together_do_not_eat_each_other():
    labels = np.zeros((20, 30), np.uint32)
    labels[5:10, 5:10], labels[5:10, 10:15] = 1, 2
    operations.move(labels, [1, 2], (2, 3)).apply(labels)
    assert (labels[7:12, 8:13] == 1).all()
    assert (labels[7:12, 13:18] == 2).all()
    assert (labels > 0).sum() == 50
    with pytest.raises(InputError, match="no room"):
        operations.move(labels, [1], (100, 0))


@given(st.integers(0, 10_000), st.data())
def test_a_cell_stays_whole_when_split(seed, data):
    labels = cells(seed)
    index = LabelIndex(labels)
    label = data.draw(st.sampled_from(index.ids()))
    assume(index.area(label) > 1)
    ys, xs = np.nonzero(labels == label)
    where = data.draw(st.lists(st.integers(0, len(ys) - 1), min_size=2, max_size=4, unique=True))
    seeds = [(int(ys[i]), int(xs[i])) for i in where]
    after = labels.copy()
    split.split_seeds(labels, label, seeds, index.next_id, places=index).apply(after)
    pieces = {int(after[seed]) for seed in seeds}
    assert len(pieces) == len(seeds)
    np.testing.assert_array_equal(np.isin(after, list(pieces)), labels == label)
    np.testing.assert_array_equal(after[labels != label], labels[labels != label])


def test_a_stroke_that_excludes_leaves_contested_pixels_to_nobody():
    labels = np.zeros((20, 40), np.uint32)
    labels[:, 10:20] = 1
    stroke = StrokeBuilder(labels, 5, "exclude")
    for _ in range(2):  # back and forth: what was cleared is not painted later
        for x in range(2, 26, 3):
            stroke.add(*capsule((10, x), (10, x + 3), 2)).apply(labels)
    assert (labels[10, 3:10] == 5).all()
    assert (labels[10, 20:28] == 5).all()
    assert not labels[10, 10:20].any()
    assert (labels[0, 10:20] == 1).all()
    stroke.patch().revert(labels)
    assert (labels == 1).sum() == 200
    assert (labels > 0).sum() == 200


def test_copy_to_another_plane_follows_the_rule():
    source, target = np.zeros((2, 20, 20), np.uint32)
    source[5:10, 5:10], source[15:18, 15:18] = 3, 4
    target[5:10, 8:12] = 9
    kept, replaced, excluded = target.copy(), target.copy(), target.copy()
    for array, rule in ((kept, "keep"), (replaced, "replace"), (excluded, "exclude")):
        operations.copy(source, target, [3, 4], rule).apply(array)
    assert (kept == 3).sum() == 15
    assert (kept == 9).sum() == 20
    assert (replaced == 3).sum() == 25
    assert not excluded[5:10, 8:10].any()
    assert (excluded == 9).sum() == 10
    assert all((array == 4).sum() == 9 for array in (kept, replaced, excluded))


def test_touching_cells():
    labels = np.zeros((20, 20), np.uint32)
    labels[2:5, 2:5], labels[5:8, 5:8], labels[2:5, 6:8], labels[15, 15] = 1, 2, 3, 4
    assert operations.touching(labels, [1, 2, 3, 4]) == [(1, 2), (2, 3)]
    assert operations.touching(labels, [1, 3]) == []


def test_enclosed_background_goes_to_the_cell_around_it():
    labels = np.zeros((200, 200), np.uint32)
    (y0, x0, y1, x1), mask = disc((100, 100), 80)
    labels[y0:y1, x0:x1][mask] = 4
    labels[60:140, 60:140] = 0
    labels[60:140, 59] = 5
    patch = fill_enclosed(labels, (100, 100))
    assert patch.size == 6400
    assert set(patch.after) == {4}
    assert set(fill_enclosed(labels, (100, 100), 77).after) == {77}
    for at, reason in (((0, 0), "open"), ((100, 30), "enclose"), ((-1, 5), "enclose")):
        with pytest.raises(InputError, match=reason):
            fill_enclosed(labels, at)
    with pytest.raises(InputError, match="open"):
        fill_enclosed(np.pad(np.zeros((2100, 2100), np.uint32), 1, constant_values=1), (9, 9))


def test_interpolation_follows_a_cell_that_moves_and_grows():
    planes = np.zeros((5, 60, 60), np.uint32)
    for z, center, radius in ((0, (20, 20), 6), (4, (36, 32), 10)):
        StrokeBuilder(planes[z], 7).add(*disc(center, radius)).apply(planes[z])
    planes[2, 28, :] = 3
    indexes = [LabelIndex(plane) for plane in planes]
    patches = interpolate(planes, indexes, 7)
    assert sorted(patches) == [1, 2, 3]
    for z, patch in patches.items():
        patch.apply(planes[z])
    areas = (planes == 7).sum(axis=(1, 2))
    assert (np.diff(np.delete(areas, 2)) > 0).all()
    middle = np.argwhere(planes[2] == 7).mean(axis=0)
    np.testing.assert_allclose(middle, (28, 26), atol=1)
    assert (planes[2, 28] == 3).all()
    with pytest.raises(InputError, match="no gap"):
        interpolate(planes, [LabelIndex(plane) for plane in planes], 7)


@given(st.floats(0, 1), st.floats(3, 9), st.floats(3, 9))
def test_a_shape_between_two_discs_is_a_disc_between_them(fraction, first, second):
    _, mask = between(disc((20, 20), first), disc((24, 30), second), fraction)
    expected = np.pi * (first + (second - first) * fraction) ** 2
    assert abs(int(mask.sum()) - expected) < 0.2 * expected + 14


def test_choosing_cells():
    labels = np.zeros((60, 60), np.uint32)
    for label, (y, x, side) in enumerate([(0, 10, 4), (20, 20, 6), (20, 40, 10), (50, 50, 10)], 1):
        labels[y : y + side, x : x + side] = label
    index = LabelIndex(labels)
    assert choose.in_box(index, (15, 15, 30, 42)) == [2]
    assert choose.in_box(index, (15, 15, 30, 50)) == [2, 3]
    assert choose.in_lasso(index, [(15, 15), (15, 58), (35, 58)]) == [3]
    assert choose.of_size(index, 16, 36) == [1, 2]
    assert choose.at_border(index, labels.shape) == [1, 4]


def test_changed_boxes_of_scattered_cells_stay_small():
    labels = np.zeros((4000, 4000), np.uint32)
    for label, (y, x) in enumerate([(5, 5), (3900, 3900), (250, 250)], 1):
        labels[y : y + 20, x : x + 20] = label
    boxes = operations.delete(labels, [1, 2, 3]).boxes()
    assert sum((y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in boxes) < 256**2 + 2000
    assert Patch.merge([]).boxes() == []


def test_an_index_of_an_empty_image_needs_no_scan():
    labels = np.zeros((30, 30), np.uint32)
    index = LabelIndex.of_empty(labels)
    assert len(index) == 0
    patch = operations.fill(labels, [(5, 5), (5, 9), (9, 9), (9, 5)], 1)
    patch.apply(labels)
    index.update(patch)
    assert places(index) == places(LabelIndex(labels))
    assert polygon([(5, 5), (5, 9), (9, 9), (9, 5)])[1].all()
