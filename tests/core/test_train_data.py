"""Training data: what is refused, how often it is drawn, and what it costs in memory."""

import os
import tracemalloc

import numpy as np
import pytest
import tifffile
from drawn import draw_cells
from scipy import ndimage, stats

from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.params import NormalizeSettings
from cellmend.segment import Segmenter
from cellmend.train.cache import Cache
from cellmend.train.dataset import TrainingSet
from cellmend.train.pairs import check_single_cells, ids_in_several_places, training_channels
from cellmend.train.render import plain_crop

pytestmark = pytest.mark.usefixtures("home")


def write_pair(folder, name, image, masks):
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(folder / f"{name}_img.tif", image, photometric="minisblack")
    tifffile.imwrite(folder / f"{name}_masks.tif", masks)


def test_a_map_of_foreground_is_refused_and_specks_are_not(tmp_path):
    _, masks = draw_cells()
    file = tmp_path / "a_masks.tif"
    check_single_cells(file, masks)
    with pytest.raises(FileFormatError, match=r"a_masks\.tif: 1 of 1 ids mark several places"):
        check_single_cells(file, (masks > 0).astype(np.uint32))
    paired = (masks + 1) // 2
    with pytest.raises(FileFormatError, match="mark several places"):
        check_single_cells(file, paired)
    speck = masks.copy()
    speck[0, :3] = 5
    assert ids_in_several_places(speck) == ([], int(masks.max()))
    cut = masks.copy()
    rows = np.nonzero(masks == 5)[0]
    cut[(rows.min() + rows.max()) // 2][masks[(rows.min() + rows.max()) // 2] == 5] = 0
    assert ids_in_several_places(cut)[0] == [5]
    check_single_cells(file, cut)


def test_of_partly_annotated_images_only_the_surroundings_of_cells_are_known(tmp_path):
    image, masks = draw_cells()
    masks[masks > 3] = 0
    write_pair(tmp_path / "set", "a", image, masks)
    whole = TrainingSet([tmp_path / "set"]).load(0)
    partly = TrainingSet([tmp_path / "set"], partial=True).load(0)
    np.testing.assert_array_equal(partly.image, whole.image)
    np.testing.assert_array_equal(partly.target[:2], whole.target[:2])
    inside = partly.target[2]
    np.testing.assert_array_equal(inside == 1, masks > 0)
    away = ndimage.distance_transform_edt(masks == 0)
    assert set(np.unique(inside[away > 0.2 * whole.diameter])) == {-1}
    assert set(np.unique(inside[(away > 0) & (away <= 1.5)])) == {0}


def test_all_bad_pairs_are_named_before_training_starts(pairs_folder):
    tifffile.imwrite(pairs_folder / "cells1_masks.tif", np.ones((5, 7), np.uint16))
    tifffile.imwrite(pairs_folder / "cells2_masks.tif", np.full((96, 96), 0.5, np.float32))
    tifffile.imwrite(pairs_folder / "cells3_img.tif", np.zeros((96, 96), np.uint8))
    with pytest.raises(InputError) as caught:
        TrainingSet([pairs_folder]).prepare()
    text = str(caught.value)
    assert text.startswith("3 of 4 pairs cannot be used")
    assert "cells1_masks.tif: masks of shape (5, 7)" in text
    assert "cells2_masks.tif: it holds fractions" in text
    assert "cells3_img.tif: The image is constant" in text


def test_a_stack_is_refused(tmp_path):
    image = np.random.default_rng(0).integers(0, 99, (3, 96, 96)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "z_img.tif", image, metadata={"axes": "ZYX"}, imagej=True)
    tifffile.imwrite(tmp_path / "z_masks.tif", draw_cells()[1].astype(np.uint16))
    with pytest.raises(FileFormatError, match="Training takes 2D images"):
        TrainingSet([tmp_path]).prepare()


@pytest.mark.parametrize(("weights", "share"), [((3, 1), 0.75), (None, 2 / 3)])
def test_data_sets_are_drawn_by_their_weights(tmp_path, weights, share):
    for place, count in (("few", 1), ("many", 4)):
        for index in range(count):
            image, masks = draw_cells(seed=index)
            write_pair(tmp_path / place, f"a{index}", image, masks.astype(np.uint16))
    places = [tmp_path / "many", tmp_path / "few"]
    images = TrainingSet(places, weights=weights)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(images), p=images.probabilities, size=2000)
    drawn = int((chosen < 4).sum())
    assert stats.binomtest(drawn, 2000, share).pvalue > 0.01
    with pytest.raises(InputError, match="3 sampling weights for 2 data sets"):
        TrainingSet(places, weights=(1, 2, 3))


def test_held_out_images_hold_cells_and_are_not_trained_on(tmp_path):
    for index in range(8):
        image, masks = draw_cells(seed=index)
        write_pair(tmp_path, f"a{index}", image, (masks * (index > 1)).astype(np.uint16))
    whole = TrainingSet([tmp_path])
    training, held_out = whole.split(0.25, np.random.default_rng(0))
    assert (len(training), len(held_out)) == (6, 2)
    assert not set(training.pairs) & set(held_out.pairs)
    assert all(sample.diameter > 0 for sample in map(held_out.load, range(2)))
    assert training.probabilities.sum() == pytest.approx(1)
    assert {whole.pairs[0], whole.pairs[1]} <= set(training.pairs)


SETTINGS = [
    NormalizeSettings(),
    NormalizeSettings(invert=True, percentiles=(3, 97)),
    NormalizeSettings(lowhigh=(100, 900)),
    NormalizeSettings(tile_size=48, sharpen_radius=8, smooth_radius=1),
    NormalizeSettings(background=50, smooth_radius=2),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_training_sees_an_image_as_segmenting_does(settings, tmp_path, cells):
    """Cellpose drops such settings in training (its defect of normalize=dict)."""
    image, masks = cells
    both = np.stack([image, image[::-1]])
    tifffile.imwrite(tmp_path / "a_img.tif", both, metadata={"axes": "CYX"}, imagej=True)
    tifffile.imwrite(tmp_path / "a_masks.tif", masks.astype(np.uint16))
    trained_on = TrainingSet([tmp_path], settings).load(0).image
    segmenter = Segmenter("generalist")
    chosen = segmenter_settings(channels=(1, 2), normalize=settings)
    segmented = segmenter._channels(Image(both, "CYX"), chosen)
    np.testing.assert_array_equal(trained_on, segmented.astype(np.float16))


def segmenter_settings(**changes):
    from cellmend.params import SegmentSettings

    return SegmentSettings(**changes)


def test_channels_are_those_of_segmenting(cells):
    image = cells[0]
    settings = NormalizeSettings()
    colour = Image(np.stack([image, image // 2, image[::-1]]), "CYX", ("red", "green", "blue"))
    assert training_channels(Image(image, "YX"), settings).shape == (1, 96, 96)
    chosen = training_channels(colour, settings, (3, 1))
    np.testing.assert_array_equal(chosen[1], training_channels(Image(image, "YX"), settings)[0])
    if colour.usual_channels == (0, 0):
        assert training_channels(colour, settings).shape == (1, 96, 96)


def test_pairs_are_kept_by_content_and_read_once(pairs_folder, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    first = TrainingSet([pairs_folder], cache=cache)
    first.prepare()
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 4
    monkeypatch.setattr("cellmend.train.pairs.masks_to_flows", None)
    again = TrainingSet([pairs_folder], cache=cache)
    again.prepare()
    np.testing.assert_array_equal(first.load(2).target, again.load(2).target)
    monkeypatch.undo()
    other = TrainingSet([pairs_folder], NormalizeSettings(invert=True), cache=cache)
    assert not np.array_equal(other.load(2).image, first.load(2).image)
    masks = tifffile.imread(pairs_folder / "cells2_masks.tif")
    masks[masks == 1] = 0
    tifffile.imwrite(pairs_folder / "cells2_masks.tif", masks)
    changed = TrainingSet([pairs_folder], cache=cache)
    assert changed.load(2).target[2].sum() < first.load(2).target[2].sum()


def test_the_cache_stays_below_its_limit_but_keeps_what_is_needed(tmp_path):
    cache = Cache(tmp_path, limit=3000)
    for index in range(5):
        path, _ = cache.keep(f"k{index}", np.zeros(100, np.float64), {})
        os.utime(path, (index, index))
    cache.trim(keep=[tmp_path / "k0.npy"])
    assert sorted(file.stem for file in tmp_path.glob("*.npy")) == ["k0", "k2", "k3", "k4"]
    assert cache.find("k1") is None
    (tmp_path / "k4.json").unlink()
    assert cache.find("k4") is None  # killed before it was whole


def peak_bytes(folder, count):
    """Return the peak of memory while a set of `count` images is prepared and drawn from."""
    for index in range(count):
        image, masks = draw_cells(size=256, seed=index)
        write_pair(folder, f"a{index}", image, masks.astype(np.uint16))
    tracemalloc.start()
    images = TrainingSet([folder], cache=Cache(folder.parent / "cache"))
    images.prepare()
    rng = np.random.default_rng(0)
    for _ in range(2 * count):
        sample = images.draw(rng)
        plain_crop(sample.image, sample.target, 1.0, 64, rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    few = peak_bytes(tmp_path / "few", 3)
    many = peak_bytes(tmp_path / "many", 24)
    one = 256 * 256 * 4 * 2
    assert many < few + 2 * one


def write_with_empty_ones(folder, cells, empty):
    for index in range(cells + empty):
        image, masks = draw_cells(seed=index)
        write_pair(folder, f"a{index}", image, (masks * (index < cells)).astype(np.uint16))


@pytest.mark.parametrize("partial", [False, True])
def test_images_without_cells_teach_what_is_no_cell_if_they_are_to_count(tmp_path, partial):
    write_with_empty_ones(tmp_path, cells=2, empty=1)
    left_out = TrainingSet([tmp_path], partial=partial)
    left_out.prepare()
    np.testing.assert_allclose(left_out.probabilities, [0.5, 0.5, 0])
    images = TrainingSet([tmp_path], partial=partial, empty=True)
    images.prepare()
    np.testing.assert_allclose(images.probabilities, np.full(3, 1 / 3))
    with_cells, other, empty = map(images.load, range(3))
    assert not empty.target.any()
    assert empty.diameter == pytest.approx((with_cells.diameter + other.diameter) / 2)


def test_images_without_cells_that_count_are_not_held_out(tmp_path):
    write_with_empty_ones(tmp_path, cells=5, empty=4)
    training, held_out = TrainingSet([tmp_path], empty=True).split(0.4, np.random.default_rng(0))
    assert (len(training), len(held_out)) == (7, 2)
    assert all(held_out.load(index).target[2].any() for index in range(2))
    assert (training.probabilities > 0).all()


def test_nothing_but_images_without_cells_is_refused(tmp_path):
    write_with_empty_ones(tmp_path, cells=0, empty=2)
    with pytest.raises(InputError, match="no cells in the masks of the 2 training images"):
        TrainingSet([tmp_path], empty=True).prepare()
