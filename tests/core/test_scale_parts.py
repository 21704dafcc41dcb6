"""Cutting an image into blocks, scaling them, and joining what is found in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io import write
from cellmend.io.windows import ImageWindows
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.progress import SILENT
from cellmend.scale.blocks import cut, neighbours, seam, within
from cellmend.scale.join import BlockCells, match, number_cells
from cellmend.scale.scaling import find_scaling
from cellmend.scale.stage import run_stage
from cellmend.scale.workers import ThisProcess

lengths = st.integers(1, 90)


@settings(max_examples=60, deadline=None)
@given(lengths, lengths, st.integers(1, 40), st.integers(0, 12))
def test_cores_cover_the_image_once_and_windows_reach_beyond(height, width, size, overlap):
    shape = {"Y": height, "X": width}
    blocks = cut(shape, dict.fromkeys("YX", size), dict.fromkeys("YX", overlap))
    times = np.zeros((height, width), int)
    for block in blocks:
        times[tuple(block.core.values())] += 1
        for axis, length in shape.items():
            core, window = block.core[axis], block.window[axis]
            assert core.stop - core.start <= size
            assert window.start == max(0, core.start - overlap)
            assert window.stop == min(length, core.stop + overlap)
    assert (times == 1).all()


def test_a_seam_lies_within_both_windows_and_neighbours_touch_at_corners_too():
    overlap = {"Y": 8, "X": 8}
    blocks = cut({"T": 2, "Y": 40, "X": 40}, {"T": 1, "Y": 20, "X": 20}, overlap)
    pairs = list(neighbours(blocks, overlap))
    assert len(pairs) == 2 * 6
    for first, second in pairs:
        assert first.core["T"] == second.core["T"]
        for axis, part in seam(first, second).items():
            for block in (first, second):
                assert block.window[axis].start <= part.start < part.stop
                assert part.stop <= block.window[axis].stop


def random_cells(shape, seed):
    """Return touching cells of many shapes, numbered from 1."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.int64)
    count = max(1, int(np.prod(shape) / 40 ** (len(shape) / 2) / 3))
    places = tuple(rng.integers(0, length, count) for length in shape)
    seeds[places] = np.arange(1, count + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(distance < 5, seeds[tuple(nearest)], 0).astype(np.uint32)


def kept(cells, folder, blocks):
    """Do as the workers do: label each window for itself, in an order of its own."""

    def make(block, report):
        part = cells[tuple(block.window.values())]
        ids = np.unique(part[part > 0])
        order = np.random.default_rng(block.index).permutation(len(ids)) + 1
        table = np.zeros(int(cells.max()) + 1, np.uint32)
        table[ids] = order
        labels = table[part]
        core = labels[block.core_in_window]
        return labels, {"sizes": np.bincount(core.ravel(), minlength=len(ids) + 1).tolist()}

    numbers = run_stage(folder, make, blocks, ThisProcess(), SILENT)
    return [BlockCells(np.array(n["sizes"]), np.zeros(0, int)) for n in numbers]


def joined(cells, folder, size, overlap, min_size=1):
    axes = "ZYX"[-cells.ndim :]
    reach = dict.fromkeys(axes, overlap)
    blocks = cut(dict(zip(axes, cells.shape, strict=True)), dict.fromkeys(axes, size), reach)
    of_blocks = kept(cells, folder, blocks)
    pairs = list(neighbours(blocks, reach))
    matches = [match(folder, pair, SILENT) for pair in pairs]
    indices = [(first.index, second.index) for first, second in pairs]
    tables, count = number_cells(of_blocks, indices, matches, min_size, [0] * len(blocks))
    whole = np.zeros_like(cells)
    for block, table in zip(blocks, tables, strict=True):
        part = cells[tuple(block.window.values())]
        ids = np.unique(part[part > 0])
        order = np.random.default_rng(block.index).permutation(len(ids)) + 1
        labels = np.zeros(int(cells.max()) + 1, np.uint32)
        labels[ids] = order
        core = labels[part][within(block.core, block.window)]
        whole[tuple(block.core.values())] = table[core]
    return whole, count


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.integers(20, 40), st.booleans())
def test_cells_cut_by_blocks_are_whole_again(tmp_path_factory, seed, size, volume):
    cells = random_cells((30, 45, 50) if volume else (90, 110), seed)
    whole, count = joined(cells, tmp_path_factory.mktemp("found"), size, 12)
    pairs = np.unique(np.stack([cells.ravel(), whole.ravel()]), axis=1)
    assert count == len(np.unique(cells[cells > 0])) == whole.max()
    assert pairs.shape[1] == len(np.unique(cells))  # one label for each cell, and the other way
    assert len(np.unique(pairs[1])) == pairs.shape[1]


def test_what_is_small_as_a_whole_is_dropped(tmp_path):
    cells = np.zeros((40, 40), np.uint32)
    cells[5:8, 5:8] = 1
    cells[18:22, 15:25] = 2  # 40 pixels, 20 in each of two rows of blocks
    whole, count = joined(cells, tmp_path, 20, 8, min_size=30)
    assert count == 1
    np.testing.assert_array_equal(whole, cells == 2)


HOW = [
    NormalizeSettings(),
    NormalizeSettings(percentiles=(0, 90), invert=True, background=40),
    NormalizeSettings(per_plane=True),
    NormalizeSettings(lowhigh=(100, 900)),
    NormalizeSettings(enabled=False),
]


@pytest.mark.parametrize("how", HOW)
def test_blocks_are_scaled_as_the_whole_image(tmp_path, how):
    rng = np.random.default_rng(0)
    data = rng.gamma(2, 200, (2, 3, 60, 70)).astype(np.float32) * np.array([1, 3, 2])[:, None, None]
    write(tmp_path / "a.tif", Image(data, "CZYX"))
    windows = ImageWindows(tmp_path / "a.tif")
    blocks = cut({"Z": 3, "Y": 60, "X": 70}, {"Z": 2, "Y": 32, "X": 32}, {"Y": 8, "X": 8})
    scaling = find_scaling(windows, (2, 1), how, blocks, ThisProcess(), SILENT)
    for block in blocks:
        scaled = scaling.apply(windows.read(block.window), block.window)
        for channel, one in zip((1, 0), scaled, strict=True):
            expected = normalize(data[channel], how)[tuple(block.window.values())]
            np.testing.assert_allclose(one, expected, atol=2e-5)


def test_the_dark_frame_is_taken_from_every_block(tmp_path):
    rng = np.random.default_rng(0)
    dark = rng.uniform(0, 100, (60, 70)).astype(np.float32)
    data = rng.uniform(100, 500, (60, 70)).astype(np.float32)
    write(tmp_path / "dark.tif", Image(dark))
    write(tmp_path / "a.tif", Image(data))
    how = NormalizeSettings(dark_frame=tmp_path / "dark.tif")
    windows = ImageWindows(tmp_path / "a.tif")
    blocks = cut({"Y": 60, "X": 70}, {"Y": 32, "X": 32}, {})
    scaling = find_scaling(windows, (1,), how, blocks, ThisProcess(), SILENT)
    expected = normalize(data, how, dark_frame=dark)
    for block in blocks:
        scaled = scaling.apply(windows.read(block.window), block.window)[0]
        np.testing.assert_allclose(scaled, expected[tuple(block.window.values())], atol=1e-5)


@pytest.mark.parametrize(
    ("data", "how", "reason"),
    [
        (np.full((60, 70), 7, np.uint8), NormalizeSettings(), "constant"),
        (np.full((60, 70), np.nan, np.float32), NormalizeSettings(), "not numbers"),
        (np.eye(60, dtype=np.uint8), NormalizeSettings(sharpen_radius=3), "sharpened"),
    ],
)
def test_images_that_cannot_be_scaled_are_refused(tmp_path, data, how, reason):
    write(tmp_path / "a.tif", Image(data))
    windows = ImageWindows(tmp_path / "a.tif")
    blocks = cut(windows.shape, {"Y": 32, "X": 32}, {})
    with pytest.raises(InputError, match=reason):
        find_scaling(windows, (1,), how, blocks, ThisProcess(), SILENT)
