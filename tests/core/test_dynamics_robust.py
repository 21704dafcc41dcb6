"""Input of every kind gives right masks and flows or a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellmend.dynamics import MaskMaker, flows_to_masks, masks_from_flows, masks_to_flows
from cellmend.errors import InputError
from cellmend.metrics import average_precision
from cellmend.params import MaskSettings


def squares() -> np.ndarray:
    """Nine squares."""
    y, x = np.indices((60, 66))
    inside = (y % 20 >= 3) & (y % 20 < 17) & (x % 22 >= 3) & (x % 22 < 19)
    return np.where(inside, (y // 20) * 3 + x // 22 + 1, 0)


def output_for(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 5 * masks_to_flows(masks), np.where(masks > 0, 4, -4).astype(np.float32)


@pytest.mark.parametrize("background", [-1, -(2**31), -(2**32) + 5, np.iinfo(np.int64).min])
def test_negative_ids_are_background(background):
    masks = squares()
    expected = masks_to_flows(masks)
    assert np.array_equal(masks_to_flows(np.where(masks > 0, masks, background)), expected)


def test_ids_of_64_bits():
    masks = squares()
    ids = np.where(masks > 0, masks.astype(np.uint64) + np.uint64(2**63), np.uint64(0))
    assert np.array_equal(masks_to_flows(ids), masks_to_flows(masks))


def test_masks_of_floats_that_are_not_finite():
    masks = squares()
    floats = masks.astype(float)
    floats[0, 0] = np.nan
    floats[masks == 4] = np.inf
    assert np.array_equal(masks_to_flows(floats), masks_to_flows(masks))


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (1, 1, 1), (1, 9, 1)])
def test_images_one_pixel_wide(shape):
    masks = np.ones(shape, np.uint8)
    flows = masks_to_flows(masks)
    assert np.isfinite(flows).all()
    settings = MaskSettings(max_size_fraction=1, min_size=-1, flow_threshold=0)
    found = masks_from_flows(5 * flows, np.ones(shape), settings)
    # A heap of 10 points or fewer is no cell.
    assert found.masks.max() == (1 if masks.size > 10 else 0)


def test_one_cell_fills_the_image():
    masks = np.ones((70, 60), np.int32)
    output = output_for(masks)
    found = masks_from_flows(*output, MaskSettings(max_size_fraction=1))
    assert np.array_equal(found.masks, masks)
    assert found.flow_errors[0] < 0.01
    assert masks_from_flows(*output).removed["too large"] == 1


def test_a_cell_probability_that_is_nowhere_above_the_threshold_gives_no_cells():
    flows, cellprob = output_for(squares())
    for empty in (
        np.full_like(cellprob, -3),
        np.zeros_like(cellprob),
        np.full_like(cellprob, np.nan),
    ):
        found = masks_from_flows(flows, empty)
        assert not found.masks.any()
        assert found.flow_errors.size == found.cellprobs.size == 0


def test_an_empty_image():
    assert masks_to_flows(np.zeros((0, 5), int)).shape == (2, 0, 5)
    assert flows_to_masks(np.zeros((2, 0, 5)), np.zeros((0, 5))).shape == (0, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flows_that_are_nowhere_finite_give_no_cell(value):
    flows = np.full((2, 20, 30), value, np.float32)
    assert not flows_to_masks(flows, np.ones((20, 30))).any()


def test_a_cell_whose_flows_are_not_finite_is_dropped_for_its_flow_error():
    masks = squares()
    flows, cellprob = output_for(masks)
    flows[:, masks == 5] = np.where(np.hypot(*flows[:, masks == 5]) > 4.9, np.nan, 0)
    found = masks_from_flows(flows, cellprob)
    assert np.isfinite(found.flow_errors).all()
    assert found.masks.max() == 8


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e300])
def test_tiny_and_huge_flows_do_no_harm(scale):
    flows, cellprob = output_for(squares())
    found = flows_to_masks(flows.astype(np.float64) * scale, cellprob.astype(np.float64) * 1e300)
    assert found.shape == cellprob.shape
    assert set(np.unique(found[cellprob < 0])) <= {0}


def test_cell_probability_of_every_dtype():
    masks = squares()
    flows, cellprob = output_for(masks)
    expected = flows_to_masks(flows, cellprob)
    for same in (masks > 0, cellprob.astype(np.int8), cellprob.astype(np.float16)):
        assert np.array_equal(flows_to_masks(flows, same), expected)


@pytest.mark.parametrize("cores", [1, 3, 16])
@pytest.mark.parametrize("shape", [(2, 150, 140), (3, 20, 40, 30)])
def test_masks_do_not_depend_on_the_number_of_threads(monkeypatch, cores, shape):
    rng = np.random.default_rng(0)
    flows = rng.standard_normal(shape).astype(np.float32) * 4
    cellprob = rng.standard_normal(shape[1:]).astype(np.float32)
    settings = MaskSettings(flow_threshold=0, min_size=-1)
    expected = masks_from_flows(flows, cellprob, settings)
    monkeypatch.setattr("cellmend.dynamics.chunks.cores", lambda: cores)
    monkeypatch.setattr("cellmend.dynamics.follow.LEAST_POINTS", 1)
    again = masks_from_flows(flows, cellprob, settings)
    assert expected.masks.max() > 10
    assert np.array_equal(again.masks, expected.masks)
    assert np.array_equal(again.cellprobs, expected.cellprobs)
    assert np.array_equal(masks_to_flows(again.masks), masks_to_flows(expected.masks))


@pytest.mark.parametrize(
    "setting", [{"niter": 0}, {"min_size": -2}, {"cellprob_threshold": float("nan")}]
)
def test_settings_out_of_bounds_are_named(setting):
    (name,) = setting
    with pytest.raises(InputError, match=name):
        flows_to_masks(np.zeros((2, 8, 8)), np.zeros((8, 8)), **setting)


def test_a_maker_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="do not fit"):
        MaskMaker(np.zeros((2, 3, 4, 5)), np.zeros((3, 4, 5)))


def test_flows_and_masks_are_those_of_the_reference():
    with np.load(Path(__file__).parents[1] / "golden" / "dynamics.npz") as golden:
        masks, true_flows = golden["masks"], golden["true_flows"] / np.float32(127)
        flows, cellprob = golden["flows"] / np.float32(16), golden["cellprob"] / np.float32(8)
        niter, expected = int(golden["niter"]), golden["network_masks"]
    cosines = (masks_to_flows(masks) * true_flows).sum(0)[masks > 0]
    assert cosines.mean() > 0.999 * np.hypot(*true_flows)[masks > 0].mean()
    found = flows_to_masks(flows, cellprob, niter=niter)
    assert expected.max() > 5
    assert average_precision(expected, found, (0.9,))[0] == 1
