from __future__ import annotations

import importlib
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.extending import is_jitted
from scipy import ndimage

from cellmend.dynamics import MaskMaker, flows_to_masks, masks_from_flows, masks_to_flows
from cellmend.dynamics.follow import follow
from cellmend.dynamics.warm import compile_kernels
from cellmend.errors import Cancelled, InputError
from cellmend.params import MaskSettings
from cellmend.progress import CancelToken, SilentReporter

KERNEL_MODULES = ("filters", "flows", "follow", "heat", "regions", "seeds")


def grid_of_discs(rows=4, columns=5, pitch=24, radius=9) -> np.ndarray:
    y, x = np.indices((rows * pitch, columns * pitch))
    inside = np.hypot(y % pitch - pitch // 2, x % pitch - pitch // 2) <= radius
    return np.where(inside, (y // pitch) * columns + x // pitch + 1, 0).astype(np.int32)


def network_output(masks: np.ndarray, noise=0.0, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """What a good network would say about these masks."""
    rng = np.random.default_rng(seed)
    flows = 5 * masks_to_flows(masks)
    flows = flows + noise * rng.standard_normal(flows.shape)
    return flows.astype(np.float32), np.where(masks > 0, 4, -4).astype(np.float32)


def same_cells(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two label images differ only in their numbering."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def slow_ends(flows: np.ndarray, inside: np.ndarray, niter: int) -> np.ndarray:
    """All the Euler steps, none left out."""
    field = np.where(inside, flows / np.float32(5), 0)
    top = np.array(inside.shape)[:, None] - 1
    points = np.stack(np.nonzero(inside)).astype(np.float32)
    for _ in range(niter):
        low = points.astype(np.int32)
        high = np.minimum(low + 1, top)
        part = points - low
        step = np.zeros_like(points)
        for corner in np.ndindex(*[2] * len(points)):
            pick = np.array(corner, bool)[:, None]
            weight = np.where(pick, part, 1 - part).prod(0, dtype=np.float32)
            step += weight * field[:, *np.where(pick, high, low)]
        points = np.clip(points + step, 0, top).astype(np.float32)
    return points.astype(np.int64)


def test_masks_come_back_from_their_flows():
    masks = grid_of_discs()
    result = masks_from_flows(*network_output(masks, noise=0.5))
    assert result.masks.dtype == np.uint32
    assert np.array_equal(np.unique(result.masks), np.arange(masks.max() + 1))
    assert same_cells(result.masks, masks)
    assert not any(result.removed.values())
    assert result.flow_errors.shape == result.cellprobs.shape == (20,)
    assert (result.flow_errors < 0.1).all()
    assert np.allclose(result.cellprobs, 4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_random_blobs_come_back(seed, count):
    rng = np.random.default_rng(seed)
    shape = (160, 170)
    centres = rng.integers(15, np.array(shape) - 15, (count, 2))
    y, x = np.indices(shape)
    masks = np.zeros(shape, np.int32)
    for label, (cy, cx) in enumerate(centres, 1):
        a, b = rng.uniform(6, 12, 2)
        masks[((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 <= 1] = label
    whole = [i for i in range(1, count + 1) if ndimage.label(masks == i)[1] == 1]
    whole = [i for i in whole if (masks == i).sum() > 100]
    found = flows_to_masks(*network_output(masks))
    for label in whole:
        ids, counts = np.unique(found[masks == label], return_counts=True)
        best = ids[counts.argmax()]
        overlap = counts.max() / ((found == best) | (masks == label)).sum()
        assert best > 0
        assert overlap > 0.8


@pytest.mark.parametrize("niter", [1, 7, 30, 200, 201])
@pytest.mark.parametrize("shape", [(70, 90), (9, 30, 40)])
def test_stopping_early_changes_no_end(niter, shape):
    rng = np.random.default_rng(len(shape))
    flows = np.stack(
        [ndimage.gaussian_filter(rng.standard_normal(shape), 4) for _ in shape]
    ).astype(np.float32)
    flows *= 5 / flows.std()
    inside = rng.random(shape) < 0.8
    volume = inside.shape if inside.ndim == 3 else (1, *inside.shape)
    ends = follow(flows.reshape(len(flows), *volume), inside.reshape(volume), niter)
    found = np.stack(np.unravel_index(ends[ends >= 0], shape))
    expected = slow_ends(flows, inside, niter)
    assert np.array_equal(np.flatnonzero(ends >= 0), np.flatnonzero(inside))
    # Rounding differs in the last bit, so that a few points on a pixel's edge may differ.
    assert (found == expected).all(axis=0).mean() > 0.97
    assert np.median(np.abs(found - expected)) == 0


def test_no_pixel_above_the_threshold_no_masks():
    flows, cellprob = network_output(grid_of_discs())
    result = masks_from_flows(flows, cellprob, MaskSettings(cellprob_threshold=5))
    assert result.masks.shape == cellprob.shape
    assert not result.masks.any()
    assert result.flow_errors.size == result.cellprobs.size == 0
    assert not flows_to_masks(np.zeros((2, 3, 4)), np.zeros((3, 4))).any()


def test_cells_too_large_are_dropped_and_counted():
    flows, cellprob = network_output(grid_of_discs(1, 2))
    result = masks_from_flows(flows, cellprob, MaskSettings(max_size_fraction=0.1))
    assert not result.masks.any()
    assert result.removed["too large"] == 2


def test_cells_that_contradict_the_flows_are_dropped_and_counted():
    masks = grid_of_discs()
    flows, cellprob = network_output(masks)
    flows[:, masks == 7] *= 0.2
    result = masks_from_flows(flows, cellprob)
    assert result.removed["flow error"] == 1
    assert result.masks.max() == 19
    assert not result.masks[masks == 7].any()
    kept = masks_from_flows(flows, cellprob, MaskSettings(flow_threshold=0))
    assert kept.masks.max() == 20
    assert np.flatnonzero(kept.flow_errors > 0.4).size == 1


def test_flow_error_is_the_mean_squared_difference():
    masks = grid_of_discs(2, 2)
    flows, cellprob = network_output(masks, noise=1.0)
    result = masks_from_flows(flows, cellprob)
    difference = ((masks_to_flows(result.masks) - flows / 5) ** 2).sum(0)
    expected = ndimage.mean(difference, result.masks, np.arange(1, result.masks.max() + 1))
    assert np.allclose(result.flow_errors, expected, atol=1e-4)


def test_small_cells_are_dropped_and_counted():
    masks = grid_of_discs(radius=9)
    masks[masks == 3] = 0
    masks[12:16, 60:64] = 3
    output = network_output(masks)
    dropped = masks_from_flows(*output, MaskSettings(min_size=50))
    assert dropped.removed["too small"] == 1
    assert dropped.masks.max() == 19
    assert masks_from_flows(*output, MaskSettings(min_size=-1)).masks.max() == 20


def on_border(masks):
    """Return the labels that a pixel of the border of a plane has."""
    rim = np.ones(masks.shape[-2:], bool)
    rim[1:-1, 1:-1] = False
    return set(np.unique(masks[..., rim])) - {0}


def test_cells_on_the_edge_are_dropped_and_counted():
    masks = grid_of_discs()[12:-12, 12:-12]
    output = network_output(masks)
    everything = masks_from_flows(*output)
    touching = on_border(everything.masks)
    assert 0 < len(touching) < everything.masks.max()
    maker = MaskMaker(*output)
    maker.make()
    inside = maker.make(MaskSettings(exclude_on_edges=True))
    assert not on_border(inside.masks)
    assert inside.removed["on the edge"] == len(touching)
    kept = np.where(np.isin(everything.masks, list(touching)), 0, everything.masks)
    assert same_cells(inside.masks, kept)
    assert np.array_equal(inside.masks, flows_to_masks(*output, exclude_on_edges=True))


def test_cells_of_the_first_and_the_last_plane_are_not_on_the_edge():
    masks = np.zeros((8, 30, 30), np.int32)
    masks[:, 2:12, 10:20] = 1
    masks[2:6, 18:, 10:20] = 2
    output = network_output(masks)
    assert masks_from_flows(*output).masks.max() == 2
    inside = masks_from_flows(*output, MaskSettings(exclude_on_edges=True))
    assert np.array_equal(inside.masks, masks == 1)
    assert inside.removed["on the edge"] == 1


def test_holes_are_filled():
    masks = grid_of_discs(1, 1, pitch=60, radius=25)
    flows, cellprob = network_output(masks)
    cellprob[[31, 15, 40], [20, 40, 41]] = -4
    result = masks_from_flows(flows, cellprob, MaskSettings(max_size_fraction=1))
    assert same_cells(result.masks, masks)


def test_the_number_of_steps_comes_from_the_settings_or_the_caller():
    masks = np.zeros((20, 400), np.int32)
    masks[5:15, 10:390] = 1
    flows, cellprob = network_output(masks)
    whole = MaskSettings(max_size_fraction=1, flow_threshold=0)
    assert masks_from_flows(flows, cellprob, whole, default_niter=50).masks.max() > 1
    assert masks_from_flows(flows, cellprob, whole, default_niter=400).masks.max() == 1
    longer = whole.model_copy(update={"niter": 400})
    assert masks_from_flows(flows, cellprob, longer, default_niter=50).masks.max() == 1


def test_inputs_are_never_altered_and_may_be_of_any_layout():
    masks = grid_of_discs()
    flows, cellprob = network_output(masks)
    expected = flows_to_masks(flows, cellprob)
    flows.flags.writeable = cellprob.flags.writeable = False
    assert np.array_equal(flows_to_masks(flows, cellprob), expected)
    last = np.ascontiguousarray(np.moveaxis(flows, 0, -1)).astype(np.float64)
    assert np.array_equal(
        flows_to_masks(np.moveaxis(last, -1, 0), np.asfortranarray(cellprob)), expected
    )
    assert flows_to_masks(flows, cellprob).flags.writeable


def test_output_that_is_not_finite_does_no_harm():
    masks = grid_of_discs()
    flows, cellprob = network_output(masks)
    flows[0, 3, 3] = np.nan
    flows[1, 12, 12] = np.inf
    flows[1, 13, 12] = 1e30
    cellprob[2, 2] = np.nan
    cellprob[3, 3] = np.inf
    assert flows_to_masks(flows, cellprob).max() in (19, 20)


def test_two_hundred_thousand_cells():
    side = 448
    ids = np.arange(1, side * side + 1, dtype=np.uint32).reshape(side, side)
    masks = np.zeros((side * 5, side * 5), np.uint32)
    for dy, dx in np.ndindex(4, 4):
        masks[dy::5, dx::5] = ids
    found = flows_to_masks(*network_output(masks), niter=20)
    assert found.max() == side * side
    assert same_cells(found, masks)


def balls() -> np.ndarray:
    z, y, x = np.indices((20, 44, 66))
    inside = np.sqrt((z - 10) ** 2 + (y % 22 - 11) ** 2 + (x % 22 - 11) ** 2) <= 8
    return np.where(inside, (y // 22) * 3 + x // 22 + 1, 0)


def test_volumes():
    masks = balls()
    flows = 5 * masks_to_flows(masks) / 2
    cellprob = np.where(masks > 0, 2.0, -2.0)
    cellprob[10, 11, 16] = -2
    result = masks_from_flows(flows, cellprob)
    assert result.masks.shape == masks.shape
    assert same_cells(result.masks, masks)
    assert np.isnan(result.flow_errors).all()
    assert result.cellprobs.shape == (6,)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        masks_from_flows(np.zeros((2, 4, 5)), np.zeros((5, 4)))
    with pytest.raises(InputError, match="do not fit"):
        masks_from_flows(np.zeros((3, 4, 5)), np.zeros((4, 5)))


def test_traps_change_no_end(monkeypatch):
    rng = np.random.default_rng(2)
    flows = np.stack([ndimage.gaussian_filter(rng.standard_normal((90, 80)), 3) for _ in "yx"])
    flows = (flows * 3 / flows.std()).astype(np.float32)[:, None]
    inside = rng.random((1, 90, 80)) < 0.9
    with_traps = follow(flows, inside, 203)
    monkeypatch.setattr("cellmend.dynamics.follow._find_traps", lambda *_: None)
    assert np.array_equal(follow(flows, inside, 203), with_traps)


def in_a_new_maker(output, changed: MaskSettings):
    return masks_from_flows(*output, changed, default_niter=50)


@pytest.mark.parametrize(
    "changes",
    [
        {"flow_threshold": 0.1},
        {"flow_threshold": 0.0},
        {"min_size": 200},
        {"min_size": -1},
        {"max_size_fraction": 1.0},
        {"cellprob_threshold": 1.5},
        {"niter": 9},
    ],
)
def test_masks_made_anew_are_those_of_a_new_run(changes):
    y, x = np.indices((160, 200))
    cell = (y // 40) * 5 + x // 40
    radius = 5 + cell * 0.7
    distance = np.hypot(y % 40 - 20, x % 40 - 20)
    masks = np.where(distance <= radius, cell + 1, 0)
    flows, _ = network_output(masks, noise=0.3)
    flows *= (1 - cell % 5 / 5).astype(np.float32)
    cellprob = (2 * (radius - distance)).astype(np.float32)
    maker = MaskMaker(flows, cellprob, default_niter=50)
    first = MaskSettings(max_size_fraction=0.02, min_size=90)
    changed = first.model_copy(update=changes)
    for wanted in (first, changed, first):
        again, fresh = maker.make(wanted), in_a_new_maker((flows, cellprob), wanted)
        assert np.array_equal(again.masks, fresh.masks)
        assert np.array_equal(again.flow_errors, fresh.flow_errors)
        assert np.array_equal(again.cellprobs, fresh.cellprobs)
        assert again.removed == fresh.removed
    assert not np.array_equal(maker.make(changed).masks, maker.make(first).masks)


def test_filters_alone_follow_no_flow_again(monkeypatch):
    flows, cellprob = network_output(grid_of_discs(), noise=0.5)
    maker = MaskMaker(flows, cellprob)
    maker.make()
    called = []
    for name in ("follow", "flow_errors"):
        monkeypatch.setattr(f"cellmend.dynamics.masks.{name}", lambda *_: called.append(1))
    result = maker.make(MaskSettings(flow_threshold=0.02, min_size=100))
    assert result.removed["flow error"] > 0
    assert not called


def test_cancelling_stops_long_runs():
    token = CancelToken()

    class Reporter(SilentReporter):
        def check(self) -> None:
            token.check()

    rng = np.random.default_rng(0)
    flows = rng.standard_normal((2, 1500, 1500)).astype(np.float32)
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    settings = MaskSettings(niter=10**7)
    with pytest.raises(Cancelled):
        masks_from_flows(flows, np.ones((1500, 1500)), settings, report=Reporter())
    timer.join()


def in_threads(work: Callable[[], np.ndarray], count: int) -> list[np.ndarray]:
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_several_threads_at_once():
    output = network_output(grid_of_discs(8, 8))
    expected = flows_to_masks(*output)
    results = in_threads(lambda: flows_to_masks(*output), 4)
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


def test_compiling_ahead_leaves_no_kernel_of_planes_to_be_compiled():
    compile_kernels()
    before = {kernel: len(kernel.signatures) for kernel in compiled_kernels()}
    masks = np.zeros((64, 48), np.uint32)
    masks[10:30, 10:30] = 3
    flows_to_masks(5 * masks_to_flows(masks), np.where(masks, 5.0, -5.0).astype(np.float32))
    assert before
    assert {kernel: len(kernel.signatures) for kernel in compiled_kernels()} == before


def compiled_kernels():
    modules = (importlib.import_module(f"cellmend.dynamics.{name}") for name in KERNEL_MODULES)
    return [value for module in modules for value in vars(module).values() if is_jitted(value)]
