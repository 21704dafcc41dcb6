"""A part of a plane done anew: who stays, who comes, and what the network sees of it."""

import numpy as np
import pytest
from drawn import draw_cells

import cellmend
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.labels.region import Region, merge
from cellmend.metrics import average_precision
from cellmend.params import MaskSettings, NormalizeSettings, SegmentSettings
from cellmend.segment.region import ACTION, segment_region

SHAPE = (40, 50)
WINDOW = (0, 0, *SHAPE)
REGION = Region.of_box((10, 10, 30, 30), SHAPE)


def plane(**cells):
    """Return labels with a cell for each name ``c7=(y0, x0, y1, x1)``."""
    labels = np.zeros(SHAPE, np.uint32)
    for name, (y0, x0, y1, x1) in cells.items():
        labels[y0:y1, x0:x1] = int(name[1:])
    return labels


def merged(old, found, region=REGION, window=WINDOW, **settings):
    before = old.copy()
    y0, x0, y1, x1 = window
    done = merge(old, region, found[y0:y1, x0:x1], window, 100, MaskSettings(**settings))
    np.testing.assert_array_equal(old, before)
    done.patch.apply(old)
    return old, done


def test_cells_inside_are_replaced_and_those_outside_are_not_touched():
    old = plane(c3=(12, 12, 20, 20), c4=(22, 12, 28, 18), c9=(32, 40, 38, 48))
    after, done = merged(old, plane(c1=(14, 22, 20, 28), c2=(33, 41, 39, 49)))
    expected = plane(c100=(14, 22, 20, 28), c9=(32, 40, 38, 48))
    np.testing.assert_array_equal(after, expected)
    assert (done.ids, done.stayed) == ((100,), 0)


def test_an_old_cell_across_the_border_stays_and_new_ones_give_way():
    old = plane(c5=(15, 5, 25, 15))
    new = plane(c1=(15, 4, 25, 16), c2=(12, 13, 18, 28))
    after, done = merged(old, new)
    expected = plane(c100=(12, 13, 18, 28), c5=(15, 5, 25, 15))
    np.testing.assert_array_equal(after, expected)
    assert done.stayed == 1


def test_a_new_cell_across_the_border_comes_whole_if_its_middle_is_inside():
    after, done = merged(plane(), plane(c1=(15, 26, 21, 33), c2=(22, 28, 28, 35)))
    np.testing.assert_array_equal(after, plane(c100=(15, 26, 21, 33)))
    assert done.ids == (100,)


def test_a_new_cell_that_is_mostly_an_old_one_does_not_come():
    old = plane(c5=(15, 25, 25, 35))
    after, _ = merged(old, plane(c1=(15, 23, 25, 34)))
    np.testing.assert_array_equal(after, plane(c5=(15, 25, 25, 35)))


def test_what_an_old_cell_parts_from_a_new_one_goes_too():
    old = plane(c5=(5, 20, 35, 22))
    after, _ = merged(old, plane(c1=(12, 12, 20, 25)))
    np.testing.assert_array_equal(after, plane(c5=(5, 20, 35, 22), c100=(12, 12, 20, 20)))


def test_what_is_left_of_a_cell_must_not_be_too_small():
    old = plane(c5=(5, 20, 35, 22))
    after, done = merged(old, plane(c1=(12, 17, 16, 22)), min_size=15)
    assert done.ids == ()
    np.testing.assert_array_equal(after, plane(c5=(5, 20, 35, 22)))


def test_the_same_cell_keeps_its_id():
    old = plane(c7=(12, 12, 20, 20), c8=(22, 12, 28, 18))
    after, done = merged(old, plane(c1=(12, 13, 20, 21), c2=(22, 16, 28, 26)))
    np.testing.assert_array_equal(after, plane(c7=(12, 13, 20, 21), c100=(22, 16, 28, 26)))
    assert set(done.ids) == {7, 100}


def test_a_window_is_a_part_of_the_plane():
    old = plane(c3=(12, 12, 20, 20), c5=(5, 5, 12, 12), c6=(0, 0, 2, 2))
    after, _ = merged(old, plane(c1=(14, 22, 20, 28)), window=(6, 6, 34, 34))
    expected = plane(c5=(5, 5, 12, 12), c6=(0, 0, 2, 2), c100=(14, 22, 20, 28))
    np.testing.assert_array_equal(after, expected)


def test_cells_on_the_edge_of_the_plane_come_unless_told_otherwise():
    region = Region.of_box((-5, -5, 20, 20), SHAPE)
    new = plane(c1=(0, 4, 8, 12), c2=(10, 4, 18, 12))
    assert merged(plane(), new, region)[1].ids == (100, 101)
    only = merged(plane(), new, region, exclude_on_edges=True)[0]
    np.testing.assert_array_equal(only, plane(c100=(10, 4, 18, 12)))


def test_a_region_may_be_an_outline():
    region = Region.of_outline([(10, 10), (10, 30), (30, 10)], SHAPE)
    old = plane(c3=(12, 12, 16, 16), c4=(25, 25, 29, 29))
    new = plane(c1=(13, 17, 17, 21), c2=(24, 24, 28, 28))
    after, _ = merged(old, new, region)
    np.testing.assert_array_equal(after, plane(c100=(13, 17, 17, 21), c4=(25, 25, 29, 29)))


def test_a_region_outside_of_the_image_is_refused():
    with pytest.raises(InputError, match="outside"):
        Region.of_box((50, 60, 70, 80), SHAPE)


def test_regions_side_by_side_have_every_cell_once():
    _, masks = draw_cells(size=160)
    labels = np.zeros(masks.shape, np.uint32)
    for y in range(0, 160, 50):
        for x in range(0, 160, 50):
            region = Region.of_box((y, x, y + 50, x + 50), labels.shape)
            next_id = int(labels.max()) + 1
            merge(labels, region, masks, (0, 0, 160, 160), next_id).patch.apply(labels)
    assert average_precision(masks, labels, (0.99,))[0] == 1


@pytest.fixture(scope="module")
def segmenter():
    return cellmend.Segmenter("generalist", device="cpu")


@pytest.fixture(scope="module")
def scene():
    """An image that is far brighter at one side, so that its parts have other percentiles."""
    image, _ = draw_cells(size=224, spacing=28)
    return Image((image * np.linspace(0.3, 1.5, 224)).astype(np.uint16))


@pytest.mark.parametrize(
    "how",
    [None, NormalizeSettings(tile_size=64), NormalizeSettings(background=100, per_plane=True)],
)
def test_a_part_is_found_as_in_a_run_on_the_whole_image(segmenter, scene, how):
    settings = SegmentSettings(diameter=18, normalize=how)
    whole = segmenter.run(scene, diameter=18, normalize=how).masks
    region = Region.of_box((60, 10, 130, 90), whole.shape)
    found = segment_region(segmenter, scene, region.box, settings)
    assert found.window == (6, 0, 184, 144)
    labels = whole.copy()
    merge(labels, region, found.masks, found.window, 1000).patch.apply(labels)
    assert average_precision(whole, labels, (0.9,))[0] == 1
    assert (labels[region.within((0, 0, 224, 224))] > 0).any()


def test_the_diameter_is_that_of_a_run_on_the_plane(segmenter, scene):
    found = segment_region(segmenter, scene, (60, 10, 130, 90), SegmentSettings())
    assert found.diameter == segmenter.estimate_diameter(scene)


def test_a_plane_of_a_series_with_channels_is_scaled_by_all_of_it(segmenter, scene):
    empty = np.random.default_rng(0).integers(0, 9, scene.data.shape).astype(np.uint16)
    series = Image(
        np.stack([np.stack([empty, scene.data]), np.stack([empty, scene.data // 2])]), "TCYX"
    )
    settings = SegmentSettings(diameter=18, channels=(2, 1), do_3d=True)
    found = segment_region(segmenter, series, (60, 10, 130, 90), settings, plane=1)
    whole = segmenter.run(series, diameter=18, channels=(2, 1)).masks[1]
    region = Region.of_box((60, 10, 130, 90), whole.shape)
    labels = whole.copy()
    merge(labels, region, found.masks, found.window, 1000).patch.apply(labels)
    assert average_precision(whole, labels, (0.9,))[0] == 1
    record = found.provenance
    assert (record.action, record.settings["plane"], record.settings["do_3d"]) == (ACTION, 1, False)


def test_an_empty_part_has_no_cells_and_no_error(segmenter):
    image = np.zeros((200, 200), np.uint16)
    image[:40, :40] = draw_cells(size=40)[0]
    found = segment_region(
        segmenter, Image(image), (120, 120, 160, 160), SegmentSettings(diameter=18)
    )
    assert not found.masks.any()
    with pytest.raises(InputError, match="constant"):
        segment_region(segmenter, Image(image * 0), (0, 0, 9, 9), SegmentSettings(diameter=18))
