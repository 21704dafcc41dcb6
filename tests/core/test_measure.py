from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

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
        assert np.array_equal(column, other[name])


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
