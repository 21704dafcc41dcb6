from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.errors import InputError
from cellmend.tiling import HALO, Blender, HaloPlan, TilePlan, taper

sides = st.integers(1, 300)
sizes = st.sampled_from([16, 32, 64, 112, 224])
overlaps = st.floats(0.05, 0.5)


def through_tiles(plane: np.ndarray, plan: TilePlan) -> np.ndarray:
    padded = plan.pad(plane)
    blend = Blender(len(plane), plan)
    for box in plan.boxes:
        y0, x0, y1, x1 = box
        blend.add(padded[:, y0:y1, x0:x1], box)
    return blend.result()


@settings(max_examples=60, deadline=None)
@given(sides, sides, sizes, overlaps)
def test_splitting_and_blending_gives_the_plane_back(height, width, size, overlap):
    plane = np.random.default_rng(height).random((2, height, width), np.float32)
    plan = TilePlan(height, width, size=size, overlap=overlap)
    assert np.allclose(through_tiles(plane, plan), plane, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(sides, sides, sizes, overlaps)
def test_tiles_are_alike_lie_inside_and_overlap(height, width, size, overlap):
    plan = TilePlan(height, width, size=size, overlap=overlap)
    rows, columns = plan.padded_shape
    assert rows % 16 == columns % 16 == 0
    assert rows >= height + 16
    assert columns >= width + 16
    for y0, x0, y1, x1 in plan.boxes:
        assert (y1 - y0, x1 - x0) == plan.tile_shape
        assert 0 <= y0 < y1 <= rows
        assert 0 <= x0 < x1 <= columns
    for axis, step in ((0, plan.tile_shape[0]), (1, plan.tile_shape[1])):
        starts = sorted({box[axis] for box in plan.boxes})
        assert max(np.diff(starts), default=0) < step


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([64, 224, 336, 640]))
def test_cores_cover_the_plane_once_and_lie_inside_their_tiles(height, width, size):
    plan = HaloPlan(height, width, size=size)
    rows, columns = plan.padded_shape
    times = np.zeros((rows // 16, columns // 16), int)
    halo = min(HALO, size // 4 - 8)
    for box, core in zip(plan.boxes, plan.cores, strict=True):
        assert not any(side % 16 for side in (*box, *core))
        assert (box[2] - box[0], box[3] - box[1]) == plan.tile_shape
        assert max(plan.tile_shape) <= size
        for axis, length in ((0, rows), (1, columns)):
            assert 0 <= box[axis] <= core[axis] < core[axis + 2] <= box[axis + 2] <= length
            assert core[axis] - box[axis] >= halo - 16 or core[axis] == 0
            assert box[axis + 2] - core[axis + 2] >= halo - 16 or core[axis + 2] == length
        times[core[0] // 16 : core[2] // 16, core[1] // 16 : core[3] // 16] += 1
    assert (times == 1).all()


def test_a_small_image_is_one_tile_of_the_padded_image():
    plan = TilePlan(100, 180)
    assert plan.padded_shape == (128, 208)
    assert plan.boxes == [(0, 0, 128, 208)]
    assert plan.origin == (14, 14)


def test_overlap_decides_the_number_of_tiles():
    assert len(TilePlan(1024, 1024, overlap=0.1).boxes) == 36
    assert len(TilePlan(1024, 1024, overlap=0.5).boxes) == 100


def test_padding_is_zero_and_leaves_the_plane_alone():
    plane = np.ones((1, 5, 6), np.uint8)
    plan = TilePlan(5, 6)
    padded = plan.pad(plane)
    assert padded.dtype == np.float32
    assert padded.sum() == 30
    assert (plan.crop(padded) == 1).all()


def test_a_tile_counts_little_near_its_edges():
    weights = taper(224)
    assert np.array_equal(weights, weights[::-1])
    assert (np.diff(weights[:112]) >= 0).all()
    assert weights[112] > 0.999
    assert weights[0] < 0.1
    plan = TilePlan(400, 100, size=224)
    blend = Blender(1, plan)
    for index, box in enumerate(plan.boxes):
        blend.add(np.full((1, 224, 112 + 16), index, np.float32), box)
    seam = blend.result()[0, :, 50]
    assert seam[0] == 0
    assert seam[-1] == len(plan.boxes) - 1
    assert np.abs(np.diff(seam)).max() < 0.1


def test_tiles_may_be_added_more_than_once():
    plane = np.random.default_rng(0).random((1, 40, 300), np.float32)
    plan = TilePlan(40, 300, size=64)
    padded = plan.pad(plane)
    blend = Blender(1, plan)
    for box in plan.boxes * 4:
        y0, x0, y1, x1 = box
        blend.add(padded[:, y0:y1, x0:x1], box)
    assert np.allclose(blend.result(), plane, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 0, "width": 5}, "no tiles"),
        ({"height": 5, "width": 5, "size": 100}, "multiple of 16"),
        ({"height": 5, "width": 5, "overlap": 0.7}, "overlap"),
    ],
)
def test_impossible_plans_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        TilePlan(**arguments)
