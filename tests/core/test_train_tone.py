"""Changed light: what it does to an image, and how often."""

import numpy as np
import pytest
import torch
from drawn import draw_cells

from cellmend.dynamics import masks_to_flows
from cellmend.normalize import normalize
from cellmend.train.dataset import Sample
from cellmend.train.render import plain_crop, render_one
from cellmend.train.render_torch import render_on_device
from cellmend.train.tasks import SegmentationTask, with_tone
from cellmend.train.tone import Tone, change_tone, change_tones, random_tone


@pytest.fixture(scope="module")
def sample():
    image, masks = draw_cells(size=160)
    target = np.concatenate([masks_to_flows(masks), (masks > 0)[None]]).astype(np.float16)
    return Sample(normalize(image)[None].astype(np.float16), target, 30.0)


@pytest.fixture
def plane(sample):
    return torch.from_numpy(sample.image[0].astype(np.float32))


def tones(count):
    return [random_tone(np.random.default_rng(i)) for i in range(count)]


def test_no_change_is_none(plane):
    assert torch.equal(change_tone(plane, Tone()), plane)


def test_an_empty_channel_stays_empty():
    empty = torch.zeros(40, 40)
    assert all(not change_tone(empty, tone).any() for tone in tones(50))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gamma_keeps_the_order_of_pixels_and_their_sign(plane, gamma):
    changed = change_tone(plane, Tone(gamma=gamma)).numpy()
    np.testing.assert_array_equal(np.sign(changed), np.sign(plane.numpy()))
    order = np.argsort(plane.numpy(), axis=None)
    assert (np.diff(changed.ravel()[order]) >= 0).all()
    bright = plane.numpy() > 0.1
    np.testing.assert_allclose(changed[bright], plane.numpy()[bright] ** gamma, rtol=1e-4)


def test_haze_takes_contrast_and_spreads_what_it_takes():
    point = torch.zeros(96, 96)
    point[48, 48] = 100.0
    changed = change_tone(point, Tone(haze=0.4, spread=20.0))
    assert changed[48, 48] == pytest.approx(60, abs=0.5)
    assert changed[40, 56] > 0.01
    assert abs(float(changed[5, 5])) < 1e-3
    even = change_tone(torch.ones(96, 96), Tone(haze=0.4, spread=20.0)).numpy()
    np.testing.assert_allclose(even, 0.6 + 0.4 * 1.3, rtol=1e-5)


def test_uneven_light_is_smooth_and_as_strong_as_its_grid():
    grid = np.log(np.array([[0.5, 0.5], [2.0, 2.0]], np.float32))
    changed = change_tone(torch.ones(64, 64), Tone(unevenness=grid)).numpy()
    assert changed[0].mean() == pytest.approx(0.5, rel=0.15)
    assert changed[-1].mean() == pytest.approx(2.0, rel=0.15)
    assert np.abs(np.diff(changed, axis=0)).max() < 0.1
    np.testing.assert_allclose(changed, np.repeat(changed[:, :1], 64, axis=1), rtol=1e-5)


def test_random_tones_differ_and_stay_within_sense(plane):
    drawn = tones(400)
    assert 0.4 < np.mean([tone.gamma != 1 for tone in drawn]) < 0.6
    assert 0.2 < np.mean([tone.haze > 0 for tone in drawn]) < 0.4
    assert 0.3 < np.mean([tone.unevenness is not None for tone in drawn]) < 0.5
    changed = np.stack([change_tone(plane, tone).numpy() for tone in drawn[:100]])
    assert np.isfinite(changed).all()
    inside = plane.numpy() > 0.5
    contrasts = changed[:, inside].mean(axis=1) - changed[:, ~inside].mean(axis=1)
    assert (contrasts > 0.05).all()
    assert contrasts.std() > 0.1


def test_each_channel_has_a_tone_of_its_own(plane):
    both = change_tones(torch.stack([plane, plane, plane]), [Tone(contrast=2), Tone(contrast=3)])
    assert torch.equal(both, torch.stack([2 * plane, 3 * plane, plane]))


def test_as_many_crops_as_asked_for_are_changed_and_targets_are_not(sample):
    task = SegmentationTask(crop=64, tone=0.3)
    crops = [task.example(sample, np.random.default_rng(i)) for i in range(300)]
    assert 0.22 < np.mean([bool(crop.tones) for crop in crops]) < 0.38
    plain = SegmentationTask(crop=64)
    for index, crop in enumerate(crops[:20]):
        same = plain.example(sample, np.random.default_rng(index))
        seen, _, target = render_one(crop, 2)
        before, _, expected = render_one(same, 2)
        np.testing.assert_array_equal(target, expected)
        assert np.array_equal(seen, before) == (not crop.tones)


def test_both_renderers_change_light_alike(sample):
    crops = []
    for index in range(12):
        rng = np.random.default_rng(index)
        crops.append(with_tone(plain_crop(sample.image, sample.target, 1.2, 96, rng), 0.7, rng))
    ours = np.stack([render_one(crop, 2)[0] for crop in crops])
    theirs = render_on_device(crops, 2, torch.device("cpu"))[0].numpy()
    assert 4 < sum(bool(crop.tones) for crop in crops) < 12
    assert np.abs(ours - theirs).mean() < 0.01
