import numpy as np
import pytest

from cellmend_app.viewer.colormaps import colormap
from cellmend_app.viewer.colours import PALETTE, CellColours, colour_of
from cellmend_app.viewer.display import default_colormaps, default_display, picture
from cellmend_app.viewer.edges import edges_in
from cellmend_app.viewer.render import (
    auto_limits,
    blend,
    flow_picture,
    probability_picture,
    to_bytes,
)


def test_auto_limits_are_percentiles_of_finite_pixels():
    channel = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    channel[0, :10] = np.nan
    low, high = auto_limits(channel)
    assert low == pytest.approx(109, abs=2)
    assert high == pytest.approx(9899, abs=2)


@pytest.mark.parametrize(
    "channel", [np.full((4, 4), 7, np.uint16), np.full((4, 4), np.nan), np.zeros((4, 4), bool)]
)
def test_constant_pixels_still_have_a_range(channel):
    low, high = auto_limits(channel)
    assert high > low
    assert to_bytes(channel, (low, high)).shape == (4, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_to_bytes_maps_and_clips_every_dtype(dtype):
    channel = np.array([[0, 10, 61, 110, 120]], dtype)
    before = channel.copy()
    assert to_bytes(channel, (10, 110)).tolist() == [[0, 0, 130, 255, 255]]
    assert np.array_equal(channel, before)


def test_to_bytes_shows_what_is_not_finite():
    channel = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    assert to_bytes(channel, (0, 1)).tolist() == [[0, 255, 0]]


def test_blend_adds_colours_in_the_order_of_qt():
    full, none = np.full((1, 1), 255, np.uint8), np.zeros((1, 1), np.uint8)
    red_green = blend([full, full], [colormap("red"), colormap("green")])
    assert red_green[0, 0].tolist() == [0, 255, 255, 255]
    assert blend([full, none], [colormap("blue"), colormap("red")])[0, 0].tolist() == [
        255,
        0,
        0,
        255,
    ]


@pytest.mark.parametrize(("count", "dimensions"), [(1, 2), (2, 3), (3, 3), (7, 3)])
def test_any_number_of_channels_is_shown(count, dimensions):
    plane = np.random.default_rng(0).integers(0, 999, (count, 8, 9), dtype=np.uint16)
    shown = picture(plane, default_display(plane))
    assert shown.ndim == dimensions
    assert len(default_colormaps(count)) == count


def test_photographs_keep_their_colours():
    plane = np.random.default_rng(0).integers(0, 255, (3, 20, 20), dtype=np.uint8)
    plane[2] //= 4
    assert len({d.limits for d in default_display(plane)}) == 1


def test_a_dark_plane_does_not_make_the_others_too_bright():
    dark, bright = np.arange(100).reshape(1, 10, 10), 1000 + np.arange(100).reshape(1, 10, 10)
    (channel,) = default_display(dark, bright)
    assert channel.limits == (default_display(dark)[0].low, default_display(bright)[0].high)


def test_all_channels_off_is_black():
    plane = np.ones((2, 4, 4), np.uint8)
    display = default_display(plane)
    for channel in display:
        channel.visible = False
    assert not picture(plane, display).any()


def test_opposite_flows_have_complementary_colours():
    flows = np.zeros((2, 1, 3), np.float32)
    flows[1, 0, 0], flows[1, 0, 1] = 5, -5
    right, left, still = flow_picture(flows)[0, :, :3].astype(int)
    assert right.argmax() != left.argmax() or right[2] > left[2]
    assert right[2] > 200 > left[2]
    assert not still.any()


def test_probability_is_brighter_in_cells():
    shown = probability_picture(np.array([[-6.0, 0.0, 6.0]], np.float32))[0, :, :3].sum(axis=1)
    assert shown[0] < shown[1] < shown[2]


def touching_grid(n=12, size=9):
    ids = np.arange(1, n * n + 1, dtype=np.uint32).reshape(n, n)
    return np.kron(
        np.random.default_rng(3).permutation(ids.ravel()).reshape(n, n),
        np.ones((size, size), np.uint32),
    )


def neighbours_with_one_colour(colours, labels):
    shown = colours.indices(labels)
    return sum(
        int(((shown[a] == shown[b]) & (labels[a] != labels[b])).sum())
        for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1]))
    )


def test_touching_cells_differ_in_colour():
    labels = touching_grid()
    colours = CellColours()
    colours.assign(labels)
    assert neighbours_with_one_colour(colours, labels) == 0
    assert len(np.unique(colours.indices(labels))) == len(PALETTE)


def test_a_new_cell_differs_and_others_keep_their_colours():
    labels = touching_grid()
    colours = CellColours()
    colours.assign(labels)
    before = colours.indices(labels)
    labels[30:33, 30:33] = 5000
    colours.assign(labels, (30, 30, 33, 33))
    after = colours.indices(labels)
    assert neighbours_with_one_colour(colours, labels) == 0
    assert np.array_equal(before[labels != 5000], after[labels != 5000])


def test_a_cell_has_one_colour_in_all_planes_of_a_volume():
    planes = touching_grid(), np.roll(touching_grid(), 7, axis=1), touching_grid()[::-1]
    colours = CellColours()
    shown = []
    for plane in planes:
        colours.assign(plane)
        shown.append(colours.indices(plane))
    for plane, then in zip(planes, shown, strict=True):
        assert np.array_equal(colours.indices(plane), then)
    assert neighbours_with_one_colour(colours, planes[0]) == 0


def test_background_has_no_colour_and_huge_ids_have_one():
    labels = np.array([[0, 1, 4_000_000_000]], np.uint32)
    colours = CellColours()
    colours.assign(labels)
    shown = colours.indices(labels)
    assert shown[0, 0] == 0
    assert (shown[0, 1:] > 0).all()
    assert len(colour_of(colours, 4_000_000_000)) == 3


def test_edges_are_the_sides_of_the_cells():
    labels = np.zeros((6, 8), np.uint32)
    labels[1:4, 2:5] = 7
    edges = edges_in(labels, (0, 0, 6, 8), inset=0.0)
    assert set(edges.labels.tolist()) == {7}
    sides = {tuple(end) for end in edges.ends.tolist()}
    assert sides == {(2, 1, 5, 1), (2, 4, 5, 4), (2, 1, 2, 4), (5, 1, 5, 4)}
    assert len(edges.lines(edges.labels == 7)) == 4


def test_edges_in_a_box_do_not_end_at_the_box():
    labels = np.full((10, 10), 3, np.uint32)
    assert len(edges_in(labels, (2, 2, 5, 5), 0.1).labels) == 0
