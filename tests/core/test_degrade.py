"""Degradations follow the stated distributions."""

import numpy as np
import pytest

from cellmend.normalize import normalize
from cellmend.restore.degrade import Degradation, degrade, interpolate_kept, random_degradation


def drawn(task, count=4000):
    rng = np.random.default_rng(1)
    return [random_degradation(task, 30.0, rng) for _ in range(count)]


@pytest.mark.parametrize(("task", "mean"), [("denoise", 5.7), ("deblur", 40), ("upsample", 400)])
def test_noise_scales_are_gamma(task, mean):
    scales = np.array([how.poisson for how in drawn(task)])
    assert np.mean(scales > 0) == pytest.approx(0.8, abs=0.03)
    noisy = scales[scales > 0]
    assert noisy.mean() == pytest.approx(mean, rel=0.05)
    assert noisy.min() >= 1
    # A gamma of shape 4 has a coefficient of variation of one half.
    assert noisy.std() / noisy.mean() == pytest.approx(0.5, abs=0.04)


def test_blur_is_a_clipped_exponential_of_the_diameter():
    for task, share in (("deblur", 10.0), ("upsample", 5.0)):
        blur = np.array([how.blur for how in drawn(task)])
        assert np.mean(blur > 0) == pytest.approx(0.8, abs=0.03)
        relative = blur[blur > 0] / share
        assert relative.min() == pytest.approx(0.1, abs=1e-6)
        assert relative.max() == pytest.approx(1.0, abs=1e-6)
        clipped = np.clip(np.random.default_rng(0).exponential(0.5, 100_000), 0.1, 1)
        assert relative.mean() == pytest.approx(clipped.mean(), abs=0.02)


def test_only_upsampling_subsamples_by_two_to_seven():
    factors = np.array([how.downsample for how in drawn("upsample")])
    assert set(factors) == {1, 2, 3, 4, 5, 6, 7}
    assert np.mean(factors > 1) == pytest.approx(0.8, abs=0.03)
    assert all(how.downsample == 1 and how.blur == 0 for how in drawn("denoise", 200))


def test_poisson_noise_has_the_variance_of_its_mean():
    plane = np.tile(np.repeat([0.0, 1.0], 200), (400, 1))
    noisy = degrade(plane, Degradation(poisson=50), np.random.default_rng(0))
    low, high = np.percentile(np.random.default_rng(0).poisson(plane * 50), (1, 99))
    bright = noisy[:, 200:] * (high - low) + low
    assert bright.mean() == pytest.approx(50, rel=0.01)
    assert bright.var() == pytest.approx(50, rel=0.05)


def test_result_is_normalised_and_the_input_untouched(cells):
    image, _ = cells
    before = image.copy()
    for how in (Degradation(poisson=3), Degradation(blur=2), Degradation(downsample=3)):
        worse = degrade(image, how, np.random.default_rng(0))
        assert worse.shape == image.shape
        np.testing.assert_allclose(np.percentile(worse, (1, 99)), (0, 1), atol=1e-5)
        assert np.abs(worse - normalize(image)).mean() > 0.01
    np.testing.assert_array_equal(image, before)


def test_same_seed_gives_the_same_noise(cells):
    how = Degradation(poisson=3)
    first, second = (degrade(cells[0], how, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("factor", [2, 3, 6, 7])
def test_subsampling_moves_nothing(factor):
    y, x = np.mgrid[:90, :101]
    blob = np.exp(-((y - 42.0) ** 2 + (x - 55.0) ** 2) / (2 * 12.0**2)).astype(np.float32)
    worse = degrade(blob, Degradation(downsample=factor), np.random.default_rng(0), normalized=True)
    weight = np.maximum(worse - worse.min(), 0) ** 4  # Its peak alone, not the border.
    assert (weight * y).sum() / weight.sum() == pytest.approx(42, abs=0.1)
    assert (weight * x).sum() / weight.sum() == pytest.approx(55, abs=0.1)


@pytest.mark.parametrize("cubic", [False, True])
def test_kept_pixels_keep_their_values(cells, cubic):
    image = normalize(cells[0])[:70, :83]
    filled = interpolate_kept(image[::4, ::4], 4, image.shape, cubic=cubic)
    assert filled.shape == image.shape
    np.testing.assert_allclose(filled[::4, ::4], image[::4, ::4], atol=1e-5)


def test_beyond_the_last_kept_pixel_it_is_repeated(cells):
    image = normalize(cells[0])[:71, :83]
    filled = interpolate_kept(image[::4, ::4], 4, image.shape)
    np.testing.assert_allclose(filled[68:, ::4], image[[68] * 3, ::4], atol=1e-5)
