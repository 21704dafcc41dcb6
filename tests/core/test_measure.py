from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawn import draw_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage
from skimage.measure import regionprops

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.measure import table


@pytest.fixture
def masks() -> np.ndarray:
    labels = np.zeros((30, 41), np.uint16)
    labels[2:9, 3:12] = 4
    labels[9:15, 3:12] = 7
    labels[20:30, 30:41] = 70_00
    labels[22, 33] = 0
    labels[0, 40] = 9
    return labels


def test_an_array_of_channels_is_measured_by_its_axes(masks):
    image = np.random.default_rng(0).random((2, *masks.shape))
    columns = table(image, masks, axes="CYX")
    alone = table(image[1], masks)
    assert np.array_equal(columns["mean_channel 2"], alone["mean_channel 1"])


def test_channels_of_one_name_are_all_measured(masks):
    data = np.random.default_rng(0).random((3, *masks.shape))
    columns = table(Image(data, "CYX", ("DAPI", "actin", "DAPI")), masks)
    for index, name in enumerate(("DAPI (1)", "actin", "DAPI (3)")):
        alone = table(data[index], masks)
        assert np.array_equal(columns[f"mean_{name}"], alone["mean_channel 1"])
        assert np.array_equal(columns[f"sum_corrected_{name}"], alone["sum_corrected_channel 1"])


def test_every_cell_is_measured(masks):
    image = np.random.default_rng(0).random(masks.shape)
    columns = table(image, masks)
    ids = np.array([4, 7, 9, 7000])
    assert np.array_equal(columns["label"], ids)
    assert np.array_equal(columns["area_px"], [np.sum(masks == i) for i in ids])
    assert np.allclose(columns["diameter_px"], 2 * np.sqrt(columns["area_px"] / np.pi))
    centres = np.array(ndimage.center_of_mass(masks > 0, masks, ids))
    assert np.allclose(np.stack([columns["centroid_y"], columns["centroid_x"]], 1), centres)
    assert np.allclose(columns["mean_channel 1"], ndimage.mean(image, masks, ids))
    box = [columns[name].tolist() for name in ("y0", "x0", "y1", "x1")]
    assert box == [[2, 9, 0, 20], [3, 3, 40, 30], [9, 15, 1, 30], [12, 12, 41, 41]]
    assert len({len(column) for column in columns.values()}) == 1
    assert not any(name.endswith("um") for name in columns)


def test_each_channel_has_its_mean_and_known_pixels_give_um(masks):
    data = np.stack([np.full(masks.shape, 3), masks]).astype(np.uint16)
    image = Image(data, "CYX", ("DAPI", "actin"), {"Y": 0.5, "X": 0.5})
    columns = table(image, masks)
    assert (columns["mean_DAPI"] == 3).all()
    assert np.array_equal(columns["mean_actin"], columns["label"])
    assert np.allclose(columns["area_um2"], columns["area_px"] / 4)
    assert np.allclose(columns["diameter_um"], columns["diameter_px"] / 2)
    assert np.allclose(columns["centroid_y_um"], columns["centroid_y"] / 2)
    assert "area_um2" not in table(Image(data, "CYX", (), {"X": 0.5}), masks)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint32])
def test_masks_of_any_dtype_and_layout(masks, dtype):
    image = np.ones(masks.shape)
    other = table(image, np.asfortranarray(masks.astype(dtype)))
    for name, column in table(image, masks).items():
        np.testing.assert_array_equal(column, other[name])


def test_minus_one_is_background_and_bool_is_one_cell(masks):
    image = np.ones(masks.shape)
    assert len(table(image, np.where(masks > 0, masks.astype(int), -1))["label"]) == 4
    assert table(image, masks > 0)["area_px"].tolist() == [np.count_nonzero(masks)]


def test_no_cells_no_rows(masks):
    columns = table(np.ones(masks.shape), np.zeros_like(masks))
    assert {"label", "area_px", "mean_channel 1"} <= columns.keys()
    assert all(len(column) == 0 for column in columns.values())


def test_a_volume_has_volumes(masks):
    volume = np.stack([masks, masks, np.zeros_like(masks)])
    image = Image(volume, "ZYX", (), {"Z": 2, "Y": 1, "X": 1})
    columns = table(image, volume)
    flat = table(masks, masks)
    assert np.array_equal(columns["volume_px"], 2 * flat["area_px"])
    assert np.allclose(columns["centroid_z"], 0.5)
    assert (columns["z1"] == 2).all()
    assert np.allclose(columns["diameter_px"] ** 3 * np.pi / 6, columns["volume_px"])
    assert np.allclose(columns["volume_um3"], 2 * columns["volume_px"])


def test_a_series_has_a_row_per_frame_and_cell(masks):
    series = np.stack([masks, np.where(masks == 7, 7, 0)]).astype(np.uint32)
    columns = table(Image(series, "TYX"), series)
    assert columns["frame"].tolist() == [0, 0, 0, 0, 1]
    assert columns["label"].tolist() == [4, 7, 9, 7000, 7]
    assert "centroid_t" not in columns


def test_masks_of_another_size_are_refused(masks):
    with pytest.raises(InputError, match="do not fit"):
        table(np.ones((5, 5)), masks)


# What scikit-image calls our columns; brightness is that of a channel named "a".
SAME = {
    "area_px": "area",
    "diameter_px": "equivalent_diameter_area",
    "axis_major_px": "axis_major_length",
    "axis_minor_px": "axis_minor_length",
    "extent": "extent",
    "mean_a": "intensity_mean",
    "min_a": "intensity_min",
    "max_a": "intensity_max",
    "std_a": "intensity_std",
}
SAME_IN_PLANES = {
    "perimeter_px": "perimeter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "convex_area_px": "area_convex",
    "feret_max_px": "feret_diameter_max",
}
ALIKE = {"rtol": 1e-6, "atol": 1e-6}


def assert_as_scikit_image(pixels, masks):
    axes = "ZYX"[-masks.ndim :]
    columns = table(Image(pixels, axes, ("a",)), masks)
    cells = regionprops(masks, pixels)
    assert columns["label"].tolist() == [cell.label for cell in cells]
    columns["area_px"] = columns.get("area_px", columns.get("volume_px"))
    for ours, theirs in SAME.items():
        assert_alike(ours, columns[ours], [getattr(cell, theirs) for cell in cells])
    for axis, letter in enumerate(axes.lower()):
        assert_alike("centroid", columns[f"centroid_{letter}"], [c.centroid[axis] for c in cells])
    for percent in (5, 25, 75, 95):
        values = [np.percentile(cell.image_intensity[cell.image], percent) for cell in cells]
        assert_alike("percentile", columns[f"p{percent}_a"], values)
    values = [np.median(cell.image_intensity[cell.image]) for cell in cells]
    assert_alike("median", columns["median_a"], values)
    return columns, cells


def assert_alike(name, ours, theirs):
    np.testing.assert_allclose(ours, theirs, **ALIKE, err_msg=name)


def assert_plane_as_scikit_image(pixels, masks):
    columns, cells = assert_as_scikit_image(pixels, masks)
    for ours, theirs in SAME_IN_PLANES.items():
        assert_alike(ours, columns[ours], [getattr(cell, theirs) for cell in cells])
    angles = columns["orientation_rad"] - [cell.orientation for cell in cells]
    # A round cell has no direction, and half a turn makes no difference.
    slender = columns["eccentricity"] > 1e-3
    assert np.allclose(np.sin(angles[slender]), 0, atol=1e-6)


def test_drawn_cells_as_scikit_image():
    assert_plane_as_scikit_image(*draw_cells())


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.uint16,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 3),
    )
)
def test_any_labels_as_scikit_image(masks):
    pixels = np.random.default_rng(0).normal(size=masks.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image warns of lines and dots
        assert_plane_as_scikit_image(pixels, masks)


DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = ("cells/codex_expert", "microbes/microbetracker_examples", "cells/usiigaci")


@pytest.mark.parametrize("folder", REAL)
def test_real_masks_as_scikit_image(folder):
    found = sorted((DATA / folder / "val").glob("*_masks.tif"))
    if not found:
        pytest.skip("the microscope images are not here")
    masks = tifffile.imread(found[0])
    pixels = tifffile.imread(found[0].with_name(found[0].name.replace("_masks", "_img")))
    pixels = pixels[0] if pixels.ndim == 3 else pixels
    ids = np.unique(masks)[:150]  # scikit-image takes long
    assert_plane_as_scikit_image(pixels, np.where(np.isin(masks, ids), masks, 0))


def test_a_real_volume_as_scikit_image():
    found = sorted((DATA / "volumes" / "stardist_demo3d").glob("*_masks.tif"))
    if not found:
        pytest.skip("the microscope images are not here")
    masks = tifffile.imread(found[0])
    pixels = tifffile.imread(found[0].with_name(found[0].name.replace("_masks", "_img")))
    assert_as_scikit_image(pixels, masks)


def test_background_is_taken_off(masks):
    pixels = np.where(masks > 0, 110, 100).astype(np.uint16)
    pixels[-1, 0] = 50_000
    columns = table(Image(pixels, "YX", ("a",)), masks)
    assert (columns["background_a"] == 100).all()
    assert (columns["mean_corrected_a"] == 10).all()
    assert np.array_equal(columns["sum_corrected_a"], 10 * columns["area_px"])
    full = table(pixels, np.ones_like(masks))
    assert np.isnan(full["background_channel 1"]).all()
    series = Image(np.stack([pixels, pixels + 7]), "TYX", ("a",))
    frames = table(series, np.stack([masks, masks]))
    assert sorted(set(frames["background_a"])) == [100, 107]


def test_cells_that_touch_the_border_are_told(masks):
    columns = table(np.ones(masks.shape), masks)
    assert columns["touches_border"].tolist() == [False, False, True, True]


def test_a_pixel_that_is_no_number_is_not_hidden(masks):
    pixels = np.ones(masks.shape)
    pixels[3, 4] = np.nan
    columns = table(Image(pixels, "YX", ("a",)), masks)
    for name in ("mean_a", "median_a", "sum_a", "std_a", "min_a", "max_a", "p5_a", "p95_a"):
        assert np.isnan(columns[name]).tolist() == [True, False, False, False]


def test_lengths_in_um_follow_the_pixel(masks):
    square = table(Image(masks, "YX", (), {"Y": 0.5, "X": 0.5}), masks)
    for name in ("perimeter", "feret_max", "axis_major", "axis_minor"):
        assert np.allclose(square[f"{name}_um"], square[f"{name}_px"] / 2)
    oblong = table(Image(masks, "YX", (), {"Y": 2.0, "X": 0.5}), masks)
    assert "perimeter_um" not in oblong
    wide = oblong["label"].tolist().index(4)  # 7 rows and 9 columns: lies along X, but not in µm
    assert np.isclose(oblong["axis_major_um"][wide], 2.0 * square["axis_minor_px"][wide])


def test_many_chunks_give_what_one_gives(masks, monkeypatch):
    pixels = np.random.default_rng(0).random(masks.shape)
    whole = table(pixels, masks)
    monkeypatch.setattr("cellmend.measure.runs._CHUNK_PIXELS", 60)
    for name, column in table(pixels, masks).items():
        np.testing.assert_array_equal(column, whole[name])
