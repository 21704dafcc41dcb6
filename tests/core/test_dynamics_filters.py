from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.dynamics.filters import fill_holes, renumber
from cellmend.dynamics.regions import boxes_and_areas


def filled(masks: np.ndarray) -> np.ndarray:
    labels = np.ascontiguousarray(masks, np.int32)
    volume = labels if labels.ndim == 3 else labels[None]
    boxes, areas = boxes_and_areas(labels)
    fill_holes(volume, boxes, areas, int(labels.ndim == 3), 1, len(boxes))
    assert np.array_equal(areas[1:], np.bincount(labels.ravel(), minlength=len(areas))[1:])
    return labels


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(12, 15), (1, 9), (30, 4), (6, 7, 8)]))
def test_one_cell_is_filled_as_scipy_does(seed, shape):
    mask = np.random.default_rng(seed).random(shape) < 0.7
    assert np.array_equal(filled(mask), ndimage.binary_fill_holes(mask))


def test_cells_are_filled_in_order_and_swallow_what_they_enclose():
    masks = np.zeros((20, 20), int)
    masks[2:18, 2:18] = 1
    masks[4:16, 4:16] = 0
    masks[6:14, 6:14] = 2
    masks[9:11, 9:11] = 0
    expected = np.zeros_like(masks)
    expected[2:18, 2:18] = 1
    assert np.array_equal(filled(masks), expected)


def test_a_hole_open_along_z_is_not_filled_in_a_volume():
    volume = np.ones((5, 6, 7), int)
    volume[:, 3, 3] = 0
    assert np.array_equal(filled(volume), volume)
    volume[[0, 4], 3, 3] = 1
    assert filled(volume).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 1)])
def test_tiny_cells(shape):
    assert filled(np.ones(shape)).all()


def test_renumber_counts_in_reading_order_and_drops():
    labels = np.array([0, 7, 7, 2, 5, 2, 0, 3], np.int32)
    keep = np.ones(8, bool)
    keep[5] = False
    table = np.zeros(8, np.int32)
    assert renumber(labels, keep, table) == 3
    assert labels.tolist() == [0, 1, 1, 2, 0, 2, 0, 3]
    assert table.tolist() == [0, 0, 2, 3, 0, 0, 0, 1]
