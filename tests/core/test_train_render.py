"""Crops: both renderers make the same ones, and what is degraded on a device is as stated."""

import cv2
import numpy as np
import pytest
import torch
from drawn import draw_cells
from scipy import stats

from cellmend.dynamics import masks_to_flows
from cellmend.normalize import normalize
from cellmend.restore.degrade import Degradation, degrade
from cellmend.restore.degrade_torch import degrade_batch, normalize_batch
from cellmend.train.render import Crop, degraded_crop, plain_crop, render_one
from cellmend.train.render_torch import render_on_device

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def planes():
    image, masks = draw_cells(size=160)
    data = cv2.GaussianBlur(normalize(image), (0, 0), 1.5)
    target = np.concatenate([masks_to_flows(masks), (masks > 0)[None]])
    return data[None].astype(np.float16), target.astype(np.float16)


def without_noise(crop):
    return Crop(crop.image, crop.target, crop.first, Degradation(), crop.second)


def differences(crops, channels):
    """Return the differences of seen, clean and target between the two renderers."""
    ours = [
        np.stack(parts) for parts in zip(*(render_one(c, channels) for c in crops), strict=True)
    ]
    theirs = render_on_device(crops, channels, CPU)
    return [np.abs(a - b.numpy()) for a, b in zip(ours, theirs, strict=True)]


def test_plain_crops_are_the_same_on_both_ways(planes):
    crops = [plain_crop(*planes, 1.3, 96, np.random.default_rng(i)) for i in range(20)]
    for difference in differences(crops, 2):
        # OpenCV places samples to 1/32 of a pixel; cell borders move by as much.
        assert difference.mean() < 0.01
        assert np.quantile(difference, 0.99) < 0.1


def test_what_is_not_known_stays_unknown_on_both_ways(planes):
    image, target = planes[0], planes[1].copy()
    target[2, 40:90, 50:] = -1
    crops = [plain_crop(image, target, 1.3, 96, np.random.default_rng(i)) for i in range(20)]
    ours = np.stack([render_one(crop, 1)[2][2] for crop in crops])
    theirs = render_on_device(crops, 1, CPU)[2][:, 2].numpy()
    assert set(np.unique(ours)) == set(np.unique(theirs)) == {-1, 0, 1}
    assert np.mean(ours != theirs) < 0.01
    assert 0.05 < np.mean(ours == -1) < 0.5


def test_noise_has_the_same_strength_on_both_ways(planes):
    wide = [np.tile(plane, (1, 5, 5)) for plane in planes]  # noise is made on 340 pixels
    crops = [
        degraded_crop(*wide, 1.0, 96, ("denoise", 30.0), np.random.default_rng(i))
        for i in range(16)
    ]
    noisy = np.array([crop.degradation.poisson > 0 for crop in crops])
    clean = np.stack([render_one(without_noise(crop), 1)[0] for crop in crops])
    ours = np.stack([render_one(crop, 1)[0] for crop in crops])
    theirs = render_on_device(crops, 1, CPU)[0].numpy()
    spread = [(seen - clean).std(axis=(1, 2, 3)) for seen in (ours, theirs)]
    for each in spread:
        np.testing.assert_array_equal(each > 0.05, noisy)
    assert np.median(np.abs(spread[1][noisy] / spread[0][noisy] - 1)) < 0.05


def test_crops_to_degrade_are_the_same_on_both_ways(planes):
    crops = [
        without_noise(degraded_crop(*planes, 1.0, 96, ("denoise", 30.0), np.random.default_rng(i)))
        for i in range(6)
    ]
    for difference in differences(crops, 1):
        assert difference.mean() < 0.015
        assert np.quantile(difference, 0.99) < 0.15


def test_a_crop_keeps_only_the_part_of_the_image_that_it_shows(planes):
    image = np.tile(planes[0], (1, 5, 5))
    target = np.tile(planes[1], (1, 5, 5))
    crop = plain_crop(image, target, 1.0, 64, np.random.default_rng(0))
    assert crop.image[0].size < 0.05 * image[0].size
    geometry = crop.first
    whole = Crop(image, target, geometry)
    assert np.abs(render_one(crop, 1)[0]).sum() > 0
    assert whole.image.shape == (1, 800, 800)


@pytest.mark.parametrize("how", [Degradation(blur=3.3), Degradation(downsample=5), Degradation()])
def test_blur_and_subsampling_are_those_of_numpy(planes, how):
    image = planes[0][0].astype(np.float32)
    expected = degrade(image, how, np.random.default_rng(0), normalized=True)
    got = degrade_batch(torch.from_numpy(image)[None], [how])[0].numpy()
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_images_of_a_batch_are_degraded_each_in_its_way(planes):
    image = torch.from_numpy(planes[0].astype(np.float32)).repeat(3, 1, 1)
    hows = [Degradation(blur=2.0), Degradation(), Degradation(downsample=3, blur=1.0)]
    together = degrade_batch(image, hows)
    for row, how in enumerate(hows):
        alone = degrade_batch(image[:1], [how])[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=1e-5)


def test_photons_on_a_device_are_those_of_numpy():
    level, scale = 0.6, 4.0
    image = np.full((200, 200), level, np.float32)
    image[:, :100] = 0
    image[0, 0] = 1
    generator = torch.Generator().manual_seed(1)
    how = Degradation(poisson=scale)
    got = degrade_batch(torch.from_numpy(image)[None], [how], generator)[0].numpy()
    # Back to photons: the 1st percentile is none, so that one photon is the smallest step.
    steps = np.unique(got)
    photons = np.rint((got[:, 100:] - steps[0]) / (steps[1] - steps[0])).ravel()
    assert got.shape == image.shape
    assert photons.mean() == pytest.approx(level * scale, rel=0.02)
    assert photons.var() == pytest.approx(level * scale, rel=0.04)
    counts = np.bincount(photons.astype(int), minlength=12)[:12]
    expected = stats.poisson(level * scale).pmf(np.arange(12)) * photons.size
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected.max())


def test_scaling_of_a_batch_is_that_of_numpy(cells):
    images = np.stack([cells[0].astype(np.float32), np.full(cells[0].shape, 7, np.float32)])
    images = np.concatenate([images, np.eye(96, dtype=np.float32)[None]])
    expected = np.stack([normalize(image) for image in images])
    got = normalize_batch(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_scales_before_the_noise_lie_between_a_half_and_two(planes):
    rng = np.random.default_rng(0)
    crops = [degraded_crop(*planes, 1.0, 64, ("upsample", 30.0), rng) for _ in range(600)]
    scales = np.array([np.sqrt(abs(np.linalg.det(c.first.matrix[:, :2]))) for c in crops])
    assert stats.kstest(np.log2(scales), stats.uniform(-1, 2).cdf).pvalue > 0.01
    # Together the two maps bring cells to 0.75-1.25 times the network's size.
    whole = np.array(
        [np.sqrt(abs(np.linalg.det(c.first.then(c.second).matrix[:, :2]))) for c in crops]
    )
    assert stats.kstest(whole, stats.uniform(0.75, 0.5).cdf).pvalue > 0.01
    # The blur follows the size that the cells have when it is made.
    blurred = [(c.degradation.blur / s) for c, s in zip(crops, scales, strict=True)]
    assert max(blurred) == pytest.approx(5.0, rel=1e-6)
