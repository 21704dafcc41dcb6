from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from cellmend.errors import InputError
from cellmend.labels.overlap import overlaps
from cellmend.metrics import average_precision, match, psnr


def random_labels(seed: int, shape=(40, 50), cells=12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int64)
    for label in rng.permutation(cells) + 1:
        y, x = rng.integers(0, np.array(shape))
        h, w = rng.integers(2, 15, 2)
        labels[y : y + h, x : x + w] = label * 3
    return labels


def slow_true_positives(truth: np.ndarray, found: np.ndarray, level: float) -> int:
    true_ids, found_ids = np.unique(truth[truth > 0]), np.unique(found[found > 0])
    iou = np.zeros((true_ids.size, found_ids.size))
    for i, a in enumerate(true_ids):
        for j, b in enumerate(found_ids):
            shared = ((truth == a) & (found == b)).sum()
            iou[i, j] = shared / ((truth == a) | (found == b)).sum()
    good = iou >= level
    rows, columns = linear_sum_assignment(-good.astype(float))
    return int(good[rows, columns].sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_matching_is_the_largest_there_is(seed, other):
    truth = random_labels(seed)
    found = np.where(np.random.default_rng(other).random(truth.shape) < 0.1, 0, truth)
    found = np.where(random_labels(other) > 20, random_labels(other), found)
    levels = (0.1, 0.3, 0.5, 0.51, 0.75, 0.9)
    result = match(truth, found, levels)
    assert result.tp.tolist() == [slow_true_positives(truth, found, t) for t in levels]
    assert (result.tp + result.fn == np.unique(truth[truth > 0]).size).all()
    assert (result.tp + result.fp == np.unique(found[found > 0]).size).all()


def test_a_cell_split_in_equal_halves_matches_one_of_them():
    truth = np.array([[1, 1, 0, 2, 2]])
    found = np.array([[5, 6, 0, 9, 9]])
    result = match(truth, found, (0.5,))
    assert (result.tp[0], result.fp[0], result.fn[0]) == (2, 1, 0)
    assert average_precision(truth, found, (0.5,))[0] == pytest.approx(2 / 3)


def test_perfect_empty_and_missing():
    labels = random_labels(1)
    nothing = np.zeros_like(labels)
    assert average_precision(labels, labels).tolist() == [1, 1, 1]
    assert average_precision(labels, nothing).tolist() == [0, 0, 0]
    assert average_precision(nothing, labels).tolist() == [0, 0, 0]
    assert average_precision(nothing, nothing).tolist() == [1, 1, 1]
    assert average_precision(nothing[:0], nothing[:0]).tolist() == [1, 1, 1]


def test_ids_dtypes_and_layouts_do_not_matter():
    truth, found = random_labels(3), np.roll(random_labels(3), 1, axis=0)
    expected = average_precision(truth, found, (0.5, 0.7))
    huge = np.where(truth > 0, truth.astype(np.uint32) + np.uint32(4_000_000_000), 0)
    assert np.array_equal(average_precision(huge, found, (0.5, 0.7)), expected)
    assert np.array_equal(
        average_precision(np.asfortranarray(truth, float), found.astype(np.uint8), (0.5, 0.7)),
        expected,
    )
    volume = average_precision(truth.reshape(4, 10, 50), found.reshape(4, 10, 50), (0.5, 0.7))
    assert np.array_equal(volume, expected)
    truth.flags.writeable = False
    assert average_precision(truth, found, 0.5).shape == (1,)


def test_rates_per_true_cell():
    truth = np.array([[1, 1, 0, 2, 2, 3]])
    found = np.array([[1, 1, 4, 0, 0, 0]])
    rates = match(truth, found, (0.5,)).per_true_cell()
    assert rates["tp"][0] == pytest.approx(1 / 3)
    assert rates["fp"][0] == pytest.approx(1 / 3)
    assert rates["fn"][0] == pytest.approx(2 / 3)
    assert np.isnan(match(truth * 0, found, (0.5,)).per_true_cell()["fp"][0])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="cannot be compared"):
        average_precision(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="Thresholds"):
        average_precision(np.zeros((2, 3)), np.zeros((2, 3)), (0,))


def test_overlaps_are_counted_across_strips(monkeypatch):
    truth, found = random_labels(5), random_labels(6)
    whole = overlaps(truth, found)
    monkeypatch.setattr("cellmend.labels.overlap._CHUNK_PIXELS", 37)
    strips = overlaps(truth, found)
    for name in ("first", "second", "shared", "first_areas", "second_areas", "first_ids"):
        assert np.array_equal(getattr(whole, name), getattr(strips, name))
    assert whole.first_areas.sum() == (truth > 0).sum()
    assert whole.shared.sum() == ((truth > 0) & (found > 0)).sum()


def test_psnr():
    clean = np.linspace(0, 1, 100).reshape(10, 10)
    assert psnr(clean, clean + 0.1) == pytest.approx(20)
    assert psnr(clean, clean + 0.1, data_range=10) == pytest.approx(40)
    assert psnr(clean, clean) == float("inf")
    assert psnr((clean * 200).astype(np.uint8), (clean * 200).astype(np.uint8)[::-1]) < 10
    with pytest.raises(InputError, match="constant"):
        psnr(np.ones((3, 3)), clean[:3, :3])
    with pytest.raises(InputError, match="compared"):
        psnr(clean, clean[:3])


def test_lists_of_images_are_refused():
    masks = np.eye(4, dtype=np.uint16)
    with pytest.raises(InputError, match="one pair at a time"):
        average_precision([masks, masks], [masks, masks])
