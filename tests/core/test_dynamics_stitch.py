from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.dynamics.stitch import link_planes
from cellmend.errors import InputError


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
