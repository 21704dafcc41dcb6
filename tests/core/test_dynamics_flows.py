from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.dynamics import masks_to_flows
from cellmend.errors import Cancelled, InputError
from cellmend.progress import CancelToken, SilentReporter


def discs(shape=(120, 150), n=9, seed=0) -> np.ndarray:
    """Touching blobs of several sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(10, np.array(shape) - 10, (n, 2))
    y, x = np.indices(shape)
    distance = np.hypot(y[None] - centres[:, 0, None, None], x[None] - centres[:, 1, None, None])
    radius = rng.integers(5, 18, n)[:, None, None]
    nearest = (distance / radius).argmin(0)
    return np.where((distance / radius).min(0) < 1, nearest + 1, 0).astype(np.int32)


def slow_flows(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The definition, written out cell by cell with array arithmetic.

    Also tells where the gradient is more than rounding, which leaves out pixels
    such as the source of a symmetric cell.
    """
    flows = np.zeros((2, *masks.shape))
    clear = np.zeros(masks.shape, bool)
    for label in np.unique(masks[masks > 0]):
        y, x = np.nonzero(masks == label)
        height, width = np.ptp(y) + 1, np.ptp(x) + 1
        inside = np.zeros((height + 2, width + 2))
        yl, xl = y - y.min() + 1, x - x.min() + 1
        inside[yl, xl] = 1
        centre = ((yl - yl.mean()) ** 2 + (xl - xl.mean()) ** 2).argmin()
        heat = np.zeros_like(inside)
        for _ in range(2 * (height + width + 4)):
            heat[yl[centre], xl[centre]] += 1
            heat = ndimage.convolve(heat, np.full((3, 3), 1 / 9), mode="constant") * inside
        flow = np.stack([heat[yl + 1, xl] - heat[yl - 1, xl], heat[yl, xl + 1] - heat[yl, xl - 1]])
        length = np.sqrt((flow**2).sum(0))
        flows[:, y, x] = flow / (1e-60 + length)
        clear[y, x] = length > 1e-4 * heat[yl, xl]
    return flows, clear


def assert_follows_the_definition(masks: np.ndarray) -> None:
    expected, clear = slow_flows(masks)
    flows = masks_to_flows(masks)
    assert np.abs((flows - expected)[:, clear]).max(initial=0) < 2e-3
    assert not flows[:, masks == 0].any()


def test_flows_follow_the_definition():
    masks = discs()
    flows = masks_to_flows(masks)
    assert flows.shape == (2, *masks.shape)
    assert flows.dtype == np.float32
    assert np.hypot(*flows)[masks > 0].mean() > 0.99
    assert_follows_the_definition(masks)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 0.9))
def test_flows_follow_the_definition_on_ragged_labels(seed, height, width, density):
    rng = np.random.default_rng(seed)
    masks = (rng.random((height, width)) < density) * rng.integers(1, 5, (height, width))
    assert_follows_the_definition(masks)


def test_a_long_thin_cell_has_flows_up_to_its_ends():
    masks = np.zeros((9, 420), np.uint16)
    masks[4, 5:415] = 1
    assert_follows_the_definition(masks)
    assert (masks_to_flows(masks)[1, 4, 170:205] == 1).all()


def test_a_thin_winding_cell_in_a_large_box():
    angle = np.linspace(0, 4 * np.pi, 3000)
    radius = 3 + 4.5 * angle
    masks = np.zeros((130, 130), np.uint8)
    masks[(65 + radius * np.sin(angle)).astype(int), (65 + radius * np.cos(angle)).astype(int)] = 3
    assert 8 * np.count_nonzero(masks) < 110 * 110
    assert_follows_the_definition(masks)


def test_inputs_of_every_kind_give_the_same_flows():
    masks = discs()
    expected = masks_to_flows(masks)
    frozen = masks.astype(np.uint32)
    frozen.flags.writeable = False
    for same in (masks.astype(np.float64), frozen, np.asfortranarray(masks)):
        assert np.array_equal(masks_to_flows(same), expected)
    assert np.array_equal(masks_to_flows(np.repeat(masks, 2, axis=1)[:, ::2]), expected)


def test_ids_do_not_matter():
    masks = discs()
    expected = masks_to_flows(masks)
    ids = np.array([0, *np.random.default_rng(0).permutation(1000)[: masks.max()] + 5])
    assert np.array_equal(masks_to_flows(ids[masks]), expected)
    huge = np.where(masks > 0, masks.astype(np.uint32) + np.uint32(4_000_000_000), 0)
    assert huge.dtype == np.uint32
    assert np.array_equal(masks_to_flows(huge), expected)


def test_a_bool_mask_is_one_cell():
    masks = discs(n=1) > 0
    assert np.array_equal(masks_to_flows(masks), masks_to_flows(masks.astype(int)))


def test_minus_one_is_background():
    masks = discs()
    assert np.array_equal(masks_to_flows(np.where(masks > 0, masks, -1)), masks_to_flows(masks))


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (0, 4), (3, 4, 5)])
def test_no_cells_no_flows(shape):
    flows = masks_to_flows(np.zeros(shape, np.uint16))
    assert flows.shape == (len(shape), *shape)
    assert not flows.any()


def test_200_000_cells():
    ids = np.arange(1, 200_001, dtype=np.uint32).reshape(400, 500)
    masks = np.kron(ids, np.ones((2, 2), np.uint32))
    block = masks_to_flows(np.ones((2, 2), int))
    assert np.array_equal(masks_to_flows(masks)[:, -2:, -2:], block)


def test_a_volume_sums_the_flows_of_its_slices():
    volume = np.stack([discs((30, 40), 4, seed=s) for s in (1, 1, 1, 2)])
    expected = np.zeros((3, *volume.shape))
    for z in range(volume.shape[0]):
        expected[1:, z] += masks_to_flows(volume[z])
    for y in range(volume.shape[1]):
        expected[[0, 2], :, y] += masks_to_flows(volume[:, y])
    for x in range(volume.shape[2]):
        expected[:2, :, :, x] += masks_to_flows(volume[:, :, x])
    assert np.abs(masks_to_flows(volume) - expected).max() < 1e-6


def test_other_dimensions_are_refused():
    with pytest.raises(InputError, match="shape"):
        masks_to_flows(np.zeros(4, int))


def test_cancelling_stops_the_work():
    token = CancelToken()
    token.cancel()

    class Reporter(SilentReporter):
        def check(self) -> None:
            token.check()

    with pytest.raises(Cancelled):
        masks_to_flows(discs(), report=Reporter())


def test_cancelling_stops_one_enormous_cell_while_it_is_computed():
    token = CancelToken()

    class Reporter(SilentReporter):
        def check(self) -> None:
            token.check()

    timer = threading.Timer(0.3, token.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        masks_to_flows(np.ones((3000, 3000), np.uint8), report=Reporter())
    timer.join()


def test_several_threads_at_once():
    masks = discs((400, 400), 60)
    expected = masks_to_flows(masks)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(masks_to_flows(masks))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)
