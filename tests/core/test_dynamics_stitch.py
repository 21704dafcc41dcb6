from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.dynamics import MaskResult
from cellmend.dynamics.stitch import link_planes, link_results
from cellmend.errors import InputError
from cellmend.params import MaskSettings


def test_cells_keep_their_label_from_plane_to_plane():
    plane = np.zeros((20, 30), np.uint16)
    plane[2:8, 2:8] = 1
    plane[2:8, 12:18] = 2
    renamed = np.array([0, 9, 4])[plane]
    shifted = np.roll(plane, 1, axis=1)
    linked = link_planes(np.stack([plane, renamed, shifted]), 0.25)
    assert linked.dtype == np.uint32
    assert np.array_equal(linked[0], plane)
    assert np.array_equal(linked[1], plane)
    assert np.array_equal(linked[2], shifted)


def test_a_cell_that_moved_too_far_is_a_new_one():
    plane = np.zeros((20, 30), np.uint16)
    plane[2:8, 2:8] = 1
    stack = np.stack([plane, np.roll(plane, 3, axis=1)])
    assert link_planes(stack, 0.5).max() == 2
    assert link_planes(stack, 0.2).max() == 1


def test_two_halves_do_not_both_take_the_label():
    whole = np.zeros((10, 21), int)
    whole[2:8, 2:18] = 1
    halves = whole.copy()
    halves[2:8, 10:18] = 2
    linked = link_planes(np.stack([whole, halves]), 0.25)
    assert sorted(np.unique(linked[1])) == [0, 1, 2]
    assert np.unique(linked[1][halves == 1]).size == 1


def test_d22_an_empty_plane_ends_all_cells_and_ids_go_past_65535():
    dots = np.zeros((300, 300), np.uint16)
    dots[::2, ::2] = np.arange(1, 22_501).reshape(150, 150)
    stack = np.stack([dots, dots * 0, dots, dots * 0, dots, dots * 0, dots])
    linked = link_planes(stack, 0.5)
    assert linked.max() == 4 * 22_500
    assert np.array_equal(linked[-1][dots > 0], dots[dots > 0] + np.uint32(3 * 22_500))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1))
def test_linking_only_renames(seed, threshold):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 6, (5, 4, 5))
    stack = np.kron(blocks, np.ones((1, 3, 3), int))
    before = stack.copy()
    linked = link_planes(stack, threshold)
    assert np.array_equal(stack, before)
    for plane, renamed in zip(stack, linked, strict=True):
        pairs = np.unique(np.stack([plane.ravel(), renamed.ravel()]), axis=1)
        assert pairs.shape[1] == np.unique(plane).size == np.unique(renamed).size
    assert np.array_equal(np.unique(linked[linked > 0]), np.arange(1, linked.max() + 1))


def test_what_cannot_be_linked_is_refused():
    with pytest.raises(InputError, match="shape"):
        link_planes(np.zeros((4, 4), int))
    with pytest.raises(InputError, match="threshold"):
        link_planes(np.zeros((2, 4, 4), int), 0)


def plane_result(masks: np.ndarray, errors: list[float]) -> MaskResult:
    removed = {"too large": 0, "flow error": 1, "too small": 0, "on the edge": 0}
    return MaskResult(masks.astype(np.uint32), np.array(errors), 10 * np.array(errors), removed)


def test_cells_are_small_only_as_a_whole():
    """A cell of 4, 9 and 4 pixels has 17 voxels; one of 9 pixels in a single plane has 9."""
    top, middle = np.zeros((12, 12), int), np.zeros((12, 12), int)
    top[1:3, 1:3] = 1
    middle[6:9, 6:9], middle[1:4, 1:4] = 1, 2
    planes = [
        plane_result(top, [0.1]),
        plane_result(middle, [0.9, 0.4]),
        plane_result(top, [0.1]),
    ]
    found = link_results(planes, 0.25, MaskSettings(min_size=15))
    assert np.array_equal(found.masks > 0, np.stack([top, middle == 2, top]) > 0)
    assert found.masks.dtype == np.uint32
    assert found.flow_errors == pytest.approx([(8 * 0.1 + 9 * 0.4) / 17])
    assert found.cellprobs == pytest.approx(10 * found.flow_errors)
    counts = {"too large": 0, "flow error": 3, "too small": 1, "on the edge": 0}
    assert found.removed == counts
    everything = link_results(planes, 0.25, MaskSettings(min_size=-1))
    assert everything.masks.max() == 2
    assert everything.flow_errors[1] == pytest.approx(0.9)


@pytest.mark.parametrize("side", [np.s_[:3, 5:8], np.s_[-3:, 5:8], np.s_[5:8, :3], np.s_[5:8, -3:]])
def test_a_cell_on_the_edge_of_one_plane_is_dropped_from_all(side):
    touching = np.zeros((12, 12), int)
    touching[side] = 1
    inside = np.pad(touching[1:-1, 1:-1], 1)
    inside[4, 4] = 2
    planes = [plane_result(inside, [0.1, 0.3]), plane_result(touching, [0.1])]
    found = link_results(planes, 0.25, MaskSettings(min_size=-1, exclude_on_edges=True))
    assert np.array_equal(found.masks, np.stack([inside == 2, touching == 2]))
    assert found.flow_errors == pytest.approx([0.3])
    assert (found.removed["on the edge"], found.removed["too small"]) == (1, 0)
    assert link_results(planes, 0.25, MaskSettings(min_size=-1)).masks.max() == 2


def test_linking_planes_without_cells():
    empty = [plane_result(np.zeros((4, 5)), [])] * 2
    found = link_results(empty, 0.5, MaskSettings(exclude_on_edges=True))
    assert not found.masks.any()
    assert found.flow_errors.size == 0
