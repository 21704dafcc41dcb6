from __future__ import annotations

import argparse
import importlib

import numpy as np
import pytest
import tifffile

import cellmend
from cellmend.cli import main
from cellmend.errors import FileFormatError, InputError
from cellmend.io.dark_frame import dark_frame
from cellmend.io.labels import read_labels
from cellmend.metrics import average_precision
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings


@pytest.fixture
def image() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.gamma(3.0, 100.0, (70, 90))).astype(np.float32)


def test_first_and_ninetyninth_percentile_become_zero_and_one(image):
    scaled = normalize(image)
    assert scaled.dtype == np.float32
    assert np.percentile(scaled, [1, 99]) == pytest.approx([0, 1], abs=1e-5)
    assert scaled.min() < 0
    assert scaled.max() > 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float16, np.float64])
def test_any_dtype_and_order(image, dtype):
    converted = (image / image.max() * 250).astype(dtype)
    expected = normalize(converted.astype(np.float32))
    assert np.allclose(normalize(np.asfortranarray(converted)), expected, atol=1e-5)
    assert np.allclose(normalize(converted[::-1])[::-1], expected, atol=1e-5)


def test_d24_the_callers_array_is_never_altered(image):
    before = image.copy()
    for settings in (
        NormalizeSettings(),
        NormalizeSettings(enabled=False),
        NormalizeSettings(lowhigh=(0, 10), invert=True),
        NormalizeSettings(tile_size=30, sharpen_radius=4, smooth_radius=1),
    ):
        result = normalize(image, settings)
        assert not np.shares_memory(result, image)
        assert np.array_equal(image, before)


def test_read_only_input_is_accepted(image):
    image.flags.writeable = False
    assert normalize(image).flags.writeable


def test_d5_a_call_does_not_change_the_defaults(image):
    first = normalize(image)
    normalize(image, NormalizeSettings(enabled=False))
    normalize(image, NormalizeSettings(percentiles=(10, 50), invert=True))
    assert np.array_equal(normalize(image), first)


@pytest.mark.parametrize("value", [0, 7, 1e6, -3.5])
@pytest.mark.parametrize(
    "settings",
    [
        NormalizeSettings(),
        NormalizeSettings(invert=True),
        NormalizeSettings(tile_size=16),
        NormalizeSettings(sharpen_radius=3, smooth_radius=1),
    ],
)
def test_a_constant_image_becomes_zeros(value, settings):
    scaled = normalize(np.full((40, 40), value), settings)
    assert np.abs(scaled).max() == 0


def test_few_bright_pixels_on_nothing_are_kept():
    image = np.zeros((100, 100))
    image[50:55, 50:55] = 9
    assert normalize(image)[52, 52] == 1


def test_very_small_values_are_scaled_like_large_ones(image):
    assert np.allclose(normalize(image * np.float32(1e-7)), normalize(image), atol=1e-4)


def test_pixels_that_are_not_finite_become_zero_and_do_not_move_the_scale(image):
    spoiled = image.copy()
    spoiled[10, 10], spoiled[20, 20], spoiled[30, 30] = np.nan, np.inf, -np.inf
    keep = np.isfinite(spoiled)
    scaled = normalize(spoiled)
    assert np.isfinite(scaled).all()
    assert (scaled[~keep] == 0).all()
    low, high = np.percentile(image[keep], [1, 99])
    assert np.allclose(scaled[keep], (image[keep] - low) / (high - low), atol=1e-5)
    filtered = normalize(spoiled, NormalizeSettings(smooth_radius=2, tile_size=30))
    assert np.isfinite(filtered).all()
    assert np.abs(normalize(np.full((5, 5), np.nan))).max() == 0


def test_low_and_high_given(image):
    scaled = normalize(image, NormalizeSettings(lowhigh=(100, 300), background=50))
    assert np.allclose(scaled, (image - 150) / 200, atol=1e-5)
    with pytest.raises(InputError, match="not in order"):
        normalize(image, NormalizeSettings(lowhigh=(5, 5)))
    with pytest.raises(InputError, match="not in order"):
        normalize(image, NormalizeSettings(percentiles=(99, 1)))


def test_dark_frame_is_subtracted_from_every_plane(image):
    stack = np.stack([image, image * 2])
    dark = np.linspace(0, 50, image.size).reshape(image.shape)
    assert np.allclose(
        normalize(stack, dark_frame=dark), normalize(stack - dark.astype(np.float32)), atol=1e-5
    )
    with pytest.raises(InputError, match="dark frame"):
        normalize(image, dark_frame=dark[1:])


def test_planes_together_or_one_by_one(image):
    stack = np.stack([image, image * 5 + 100])
    together = normalize(stack)
    apart = normalize(stack, NormalizeSettings(per_plane=True))
    assert together[1].mean() > 3 * together[0].mean()
    assert np.allclose(apart[0], normalize(image), atol=1e-5)
    assert np.allclose(apart[1], apart[0], atol=1e-4)


def test_d25_invert_also_works_with_tiles(image):
    plain = normalize(image, NormalizeSettings(tile_size=30))
    assert np.allclose(
        normalize(image, NormalizeSettings(tile_size=30, invert=True)), 1 - plain, atol=1e-4
    )
    assert np.allclose(
        normalize(image, NormalizeSettings(invert=True)), 1 - normalize(image), atol=1e-5
    )


def test_d17_tiles_of_single_planes_use_both_percentiles(image):
    stack = np.stack([image, image * 4])
    scaled = normalize(stack, NormalizeSettings(tile_size=45, per_plane=True))
    assert np.isfinite(scaled).all()
    spread = [np.percentile(plane, 99) - np.percentile(plane, 1) for plane in scaled]
    assert spread == pytest.approx([1, 1], abs=0.6)
    whole = normalize(stack, NormalizeSettings(tile_size=45))
    assert not np.allclose(whole, scaled)


@pytest.mark.parametrize("axis", [0, 1])
def test_d27_d28_tiles_follow_brightness_along_both_axes(axis):
    rng = np.random.default_rng(0)
    texture = rng.random((400, 400))
    ramp = np.linspace(1, 20, 400)
    ramp = ramp[:, None] if axis == 0 else ramp[None, :]
    scaled = normalize((texture * ramp).astype(np.float32), NormalizeSettings(tile_size=50))
    high = np.percentile(scaled, 99, axis=1 - axis)[100:-40]
    assert high.min() > 0.7
    assert high.max() < 1.4


def test_d28_the_tile_map_is_smoothed_the_same_way_along_rows_and_columns(image):
    settings = NormalizeSettings(tile_size=20)
    assert np.allclose(normalize(image, settings), normalize(image.T, settings).T, atol=1e-4)


def test_an_empty_corner_borrows_the_scale_of_its_neighbours(image):
    image[:40, :40] = 0
    assert np.abs(normalize(image, NormalizeSettings(tile_size=20))).max() < 20


def test_sharpen_takes_away_a_slow_gradient(image):
    slope = np.linspace(0, 5000, image.shape[1], dtype=np.float32)
    flat = normalize(image + slope, NormalizeSettings(sharpen_radius=6))
    columns = flat[:, 20:-20].mean(axis=0)
    assert abs(np.polyfit(np.arange(columns.size), columns, 1)[0]) < 2e-3


def test_smooth_lowers_the_noise(image):
    smoothed = normalize(image, NormalizeSettings(smooth_radius=2, lowhigh=None))
    assert np.abs(np.diff(smoothed)).mean() < 0.5 * np.abs(np.diff(normalize(image))).mean()


def test_without_normalisation_values_are_only_converted(image):
    assert np.array_equal(normalize(image, NormalizeSettings(enabled=False)), image)


def test_one_dimension_is_refused():
    with pytest.raises(InputError, match="rows and columns"):
        normalize(np.arange(5))


def test_values_beyond_float32_count_as_not_finite(image):
    huge = image.astype(np.float64)
    huge[5, 5], huge[6, 6] = 1e300, -1e300
    spoiled = image.copy()
    spoiled[5, 5], spoiled[6, 6] = np.nan, np.nan
    assert np.array_equal(normalize(huge), normalize(spoiled))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 1, 1), (2, 5, 4)])
@pytest.mark.parametrize(
    "settings",
    [
        NormalizeSettings(),
        NormalizeSettings(tile_size=32, per_plane=True),
        NormalizeSettings(sharpen_radius=5, smooth_radius=2, invert=True),
    ],
)
def test_tiny_images(shape, settings):
    scaled = normalize(np.arange(np.prod(shape)).reshape(shape) % 3 == 1, settings)
    assert scaled.shape == shape
    assert np.isfinite(scaled).all()


def test_d28_the_tile_maps_of_a_stack_are_smoothed_along_z_too():
    rng = np.random.default_rng(1)
    stack = rng.random((9, 60, 60), dtype=np.float32)
    stack[4] *= 5
    scaled = normalize(stack, NormalizeSettings(tile_size=20, per_plane=True))
    spread = np.percentile(scaled, 99, axis=(1, 2)) - np.percentile(scaled, 1, axis=(1, 2))
    assert spread[4] > 1.3  # Alone it would be 1: the dim planes beside it hold its scale down.
    assert spread[3] < 0.9
    assert spread[0] == pytest.approx(1, abs=0.1)


def test_g09_the_dark_frame_is_a_setting_of_segmenting_and_restoring(tmp_path, cells):
    image = cells[0].astype(np.float32)
    dark = np.linspace(0, 900, image.shape[1], dtype=np.float32) + np.zeros_like(image)
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    tifffile.imwrite(tmp_path / "lit.tif", image + dark)
    words = [str(tmp_path / "lit.tif"), "--dark-frame", str(tmp_path / "dark.tif")]
    assert main(["segment", *words, "--diameter", "18", "--json"]) == 0
    found = read_labels(tmp_path / "lit_cp_masks.tif")
    plain = cellmend.Segmenter(device="cpu").run(image, diameter=18).masks
    assert average_precision(plain, found, (0.9,))[0] == 1
    assert main(["restore", *words]) == 0
    restored = cellmend.read(tmp_path / "lit_restored.tif").data
    expected = cellmend.Restorer("denoise", "cpu").run(image).image.data
    assert np.allclose(restored, expected, atol=0.02)


def test_a_dark_frame_that_is_no_plane_or_no_file_is_named(tmp_path, image):
    tifffile.imwrite(tmp_path / "stack.tif", np.ones((2, 5, 5)), photometric="minisblack")
    for name, reason in (("stack.tif", "one plane"), ("missing.tif", "missing")):
        with pytest.raises(FileFormatError, match=reason):
            dark_frame(NormalizeSettings(dark_frame=tmp_path / name))
    assert dark_frame(NormalizeSettings()) is None


@pytest.mark.parametrize("command", ["segment", "restore", "train"])
def test_g73_every_setting_of_normalisation_has_a_switch(command):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"cellmend.cli.{command}").add_arguments(parser)
    switches = {action.dest.rpartition(".")[2] for action in parser._actions}
    assert set(NormalizeSettings.model_fields) <= switches
