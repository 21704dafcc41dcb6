"""The segmentation and restoration pipelines on the models that ship."""

import numpy as np
import pytest
import tifffile
import torch
from drawn import draw_cells

import cellmend
from cellmend.cli import main
from cellmend.dynamics import masks_from_flows
from cellmend.errors import Cancelled, InputError, ModelError
from cellmend.image import Image
from cellmend.io.labels import read_labels
from cellmend.metrics import average_precision
from cellmend.net.predict import unflip
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.params import NormalizeSettings
from cellmend.registry import ModelCard, user_folder
from cellmend.restore import to_scale

NOISE = np.random.default_rng(0).random((40, 40))
DISC = np.hypot(*np.mgrid[-20:20, -20:20]) < 21


@pytest.fixture(scope="module")
def segmenter():
    return cellmend.Segmenter("generalist", device="cpu")


@pytest.fixture
def restorer(home):
    """A restorer with random weights: what it does to axes and scale can be seen without skill."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = CPNet(1, 1, (4, 8, 12, 16))
    card = ModelCard(name="tiny", task="denoise", nchan=1, nout=1, widths=(4, 8, 12, 16))
    save_weights(user_folder() / "tiny.safetensors", net, card.model_dump(mode="json"))
    return cellmend.Restorer("tiny", device="cpu")


def test_finds_the_cells_of_a_clear_image(segmenter, cells):
    image, masks = cells
    found = segmenter.run(image, diameter=18)
    assert average_precision(masks, found.masks, (0.5,))[0] >= 0.9
    assert found.masks.dtype == np.uint32
    assert found.flows.shape == (2, *image.shape)
    assert found.cellprob.shape == image.shape
    assert len(found.flow_errors) == found.masks.max()


def test_estimates_the_diameter(segmenter):
    image, _ = draw_cells(size=160, radius=11, spacing=30)
    assert segmenter.run(image).diameter == pytest.approx(22, rel=0.15)


def test_two_runs_are_the_same_to_the_bit(segmenter, cells):
    first, second = (segmenter.run(cells[0], diameter=18) for _ in range(2))
    np.testing.assert_array_equal(first.masks, second.masks)
    np.testing.assert_array_equal(first.flows, second.flows)


def test_images_and_time_points_share_batches_and_are_found_to_the_bit_as_alone(segmenter):
    drawn = [draw_cells(size=side, seed=side)[0] for side in (96, 64, 96, 80)]
    series = np.stack([drawn[0], drawn[2]])
    images = [Image(one) for one in drawn] + [Image(series, "TYX"), Image(series, "ZYX")]
    for one, image in zip(segmenter.run_all(images, diameter=18), images, strict=True):
        alone = segmenter.run(image, diameter=18)
        np.testing.assert_array_equal(one.masks, alone.masks)
        np.testing.assert_array_equal(one.flows, alone.flows)
        np.testing.assert_array_equal(one.flow_errors, alone.flow_errors)
        assert one.removed == alone.removed
        assert one.masks.shape == image.data.shape


def test_the_image_is_not_altered(segmenter, cells):
    image = cells[0].astype(np.float32)
    before = image.copy()
    segmenter.run(image, diameter=18, normalize={"invert": True})
    np.testing.assert_array_equal(image, before)


def test_the_model_says_how_images_are_normalised_unless_the_caller_does(
    segmenter, cells, home, tmp_path
):
    card = segmenter.model.card.model_copy(
        update={"name": "dark", "normalize": NormalizeSettings(invert=True)}
    )
    save_weights(
        user_folder() / "dark.safetensors", segmenter.model.net, card.model_dump(mode="json")
    )
    dark = cellmend.Segmenter("dark", device="cpu")
    negative = cells[0].max() - cells[0]
    found = dark.run(negative, diameter=18)
    assert average_precision(cells[1], found.masks, (0.5,))[0] >= 0.9
    assert found.provenance.settings["normalize"]["invert"]
    for given in ({"normalize": {"invert": False}}, {"invert": False}):
        other = dark.run(cells[0], diameter=18, **given)
        np.testing.assert_array_equal(other.masks, segmenter.run(cells[0], diameter=18).masks)
    tifffile.imwrite(tmp_path / "negative.tif", negative)
    words = ["segment", str(tmp_path / "negative.tif"), "--model", "dark", "--diameter", "18"]
    assert main(words) == 0
    written = read_labels(tmp_path / "negative_cp_masks.tif")
    np.testing.assert_array_equal(written, found.masks)


def test_a_restorer_normalises_as_its_model_was_trained_unless_the_caller_does(restorer, cells):
    card = restorer.model.card.model_copy(
        update={"name": "dark", "normalize": NormalizeSettings(invert=True)}
    )
    path = user_folder() / "dark.safetensors"
    save_weights(path, restorer.model.net, card.model_dump(mode="json"))
    dark = cellmend.Restorer("dark", device="cpu")
    negative = cells[0].max() - cells[0]
    found = dark.run(negative)
    assert found.provenance.settings["normalize"]["invert"]
    expected = restorer.run(cells[0]).image.data
    np.testing.assert_allclose(found.image.data, expected, atol=1e-3 * np.ptp(expected))
    given = dark.run(cells[0], normalize={"invert": False}).image.data
    np.testing.assert_array_equal(given, expected)


def test_a_channel_is_chosen_and_a_missing_one_is_named(segmenter, cells):
    stack = np.stack([np.full_like(cells[0], 7), cells[0]])
    stack[0, 0, 0] = 8
    found = segmenter.run(stack, axes="CYX", channels=(2, 0), diameter=18)
    assert average_precision(cells[1], found.masks, (0.5,))[0] >= 0.9
    with pytest.raises(InputError, match="no channel 3"):
        segmenter.run(stack, axes="CYX", channels=(3, 0), diameter=18)


def test_a_colour_picture_is_seen_in_grey(segmenter, cells):
    grey = cells[0].astype(np.float32)
    colours = np.stack([grey * 0.5, grey, grey * 1.5])
    picture = cellmend.Image(colours, "CYX", ("red", "green", "blue"))
    assert picture.usual_channels == (0, 0)
    ours, plain = segmenter.run(picture, diameter=18), segmenter.run(grey, diameter=18)
    np.testing.assert_allclose(ours.cellprob, plain.cellprob, atol=1e-3)


def test_masks_can_be_made_anew_from_the_flows(segmenter, cells):
    found = segmenter.run(cells[0], diameter=18)
    again = masks_from_flows(found.flows, found.cellprob, default_niter=found.niter)
    np.testing.assert_array_equal(again.masks, found.masks)


class Listener:
    def __init__(self):
        self.fractions = []

    def step(self, done, total, message=""):
        self.fractions.append(done / total)

    def check(self):
        pass


def test_progress_only_goes_forward(segmenter, restorer, cells):
    volume = np.stack([cells[0]] * 2)
    for run in (segmenter.run, restorer.run):
        listener = Listener()
        run(volume, axes="ZYX", report=listener)
        assert listener.fractions == sorted(listener.fractions)
        assert listener.fractions[-1] == 1


def test_stacks_are_linked_across_planes(segmenter, cells):
    volume = np.stack([cells[0]] * 3)
    found = segmenter.run(volume, axes="ZYX", diameter=18, stitch_threshold=0.5)
    assert found.masks.shape == volume.shape
    assert found.flows.shape == (2, *volume.shape)
    np.testing.assert_array_equal(found.masks[0], found.masks[2])
    assert len(found.flow_errors) == found.masks.max()
    series = segmenter.run(volume[:2], axes="TYX", diameter=18)
    assert series.masks.shape == (2, *cells[0].shape)


def test_planes_by_themselves_have_ids_of_their_own(segmenter, cells):
    volume = np.stack([cells[0], np.flip(cells[0], 0), cells[0]])
    found = segmenter.run(volume, axes="ZYX", diameter=18)
    ids = [np.unique(plane[plane > 0]) for plane in found.masks]
    np.testing.assert_array_equal(np.concatenate(ids), np.arange(1, found.masks.max() + 1))
    assert len(found.flow_errors) == len(found.cellprobs) == found.masks.max()
    alone = segmenter.run(cells[0], diameter=18).masks
    np.testing.assert_array_equal(found.masks[2] > 0, alone > 0)


def test_small_cells_are_dropped_after_linking(segmenter, cells):
    volume = np.stack([cells[0]] * 3)
    areas = np.bincount(cells[1].ravel())[1:]
    least = 2 * int(areas.max())
    found = segmenter.run(volume, axes="ZYX", diameter=18, stitch_threshold=0.5, min_size=least)
    assert found.masks.max() >= 0.9 * len(areas)
    assert np.bincount(found.masks.ravel())[1:].min() >= least


@pytest.mark.parametrize("options", [{}, {"stitch_threshold": 0.5}, {"do_3d": True}])
def test_cells_on_the_edge_of_a_volume_are_left_out(segmenter, cells, options):
    volume = np.stack([cells[0][:64, :64]] * 6)
    volume[0] = volume[0, ::-1]  # other cells touch the edge in another plane
    options = {"axes": "ZYX", "diameter": 18, "exclude_on_edges": True, **options}
    found = segmenter.run(volume, **options)
    assert found.masks[0].any()
    for border in (found.masks[:, [0, -1]], found.masks[:, :, [0, -1]]):
        assert not border.any()
    assert found.removed["on the edge"] > 0


def test_3d_run_gives_three_flows(segmenter):
    zz, yy, xx = np.mgrid[:32, :40, :40]
    ball = ((zz - 16) ** 2 + (yy - 20) ** 2 + (xx - 20) ** 2 < 100).astype(np.float32)
    volume = ball + np.random.default_rng(0).normal(0, 0.02, ball.shape)
    found = segmenter.run(volume, axes="ZYX", diameter=20, do_3d=True)
    assert found.flows.shape == (3, *volume.shape)
    assert average_precision(ball.astype(np.uint32), found.masks, (0.5,))[0] == 1.0


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((64, 64), 3, np.uint8), "constant: every value is 3"),
        (np.full((64, 64), np.nan), "4096 of 4096 values are not numbers"),
        (np.where(np.eye(64) == 1, np.inf, 0), "64 of 4096 values are not numbers"),
        (np.array([[5.0]]), "constant: every value is 5"),
        (np.zeros((0, 5)), "empty"),
        (np.zeros((3, 64, 64)), "needs its axes"),
        (NOISE.astype(complex), "cannot be of type complex128"),
        (NOISE.astype(str), "cannot be of type <U"),
        ("image.tif", "cellmend.read"),
    ],
)
def test_images_without_content_are_refused(segmenter, restorer, image, reason):
    for run in (segmenter.run, restorer.run):
        with pytest.raises(InputError, match=reason):
            run(image, diameter=20)


@pytest.mark.parametrize(
    "image",
    [
        np.array([[1, 2]], np.uint8),
        NOISE[:1],
        NOISE * 1e30,
        NOISE * 1e-30,
        NOISE[::2, ::-1],
        np.eye(40, dtype=bool),
        np.broadcast_to(NOISE[0], (40, 40)),
        DISC,
    ],
    ids=[
        "two pixels",
        "one row",
        "huge",
        "tiny",
        "not contiguous",
        "bool",
        "read-only, stride 0",
        "one cell that fills the image",
    ],
)
def test_odd_images_have_masks_and_a_restoration_of_their_size(segmenter, restorer, image):
    found = segmenter.run(image, diameter=20)
    assert found.masks.shape == image.shape
    assert np.isfinite(found.cellprob).all()
    assert np.isfinite(restorer.run(image, diameter=20).image.data).all()


def test_settings_out_of_bounds_are_named(segmenter, cells):
    with pytest.raises(InputError, match="diameter"):
        segmenter.run(cells[0], diameter=-1)
    with pytest.raises(InputError, match="flow_treshold"):
        segmenter.run(cells[0], diameter=18, flow_treshold=1)
    with pytest.raises(InputError, match=r"diameter.*finite"):
        segmenter.run(cells[0], diameter=float("inf"))


def test_to_restore_no_channel_is_refused(restorer, cells):
    with pytest.raises(InputError, match="channels"):
        restorer.run(cells[0], channels=[])


def test_models_are_never_replaced_by_another(restorer):
    with pytest.raises(ModelError, match="restores images"):
        cellmend.Segmenter("tiny")
    with pytest.raises(ModelError, match="segments images"):
        cellmend.Restorer("generalist")
    with pytest.raises(ModelError, match="no model named 'one-click'"):
        cellmend.Restorer("one-click")


class StopAtOnce:
    def step(self, done, total, message=""):
        pass

    def check(self):
        raise Cancelled


def test_a_run_can_be_cancelled(segmenter, restorer, cells):
    with pytest.raises(Cancelled):
        segmenter.run(cells[0], diameter=18, report=StopAtOnce())
    with pytest.raises(Cancelled):
        restorer.run(cells[0], report=StopAtOnce())


def test_provenance_tells_the_model_and_the_settings(segmenter, cells):
    found = segmenter.run(cells[0], diameter=18, flow_threshold=0.6)
    record = found.provenance.as_dict()
    assert record["model"] == "generalist"
    assert len(record["model_sha256"]) == 64
    assert record["settings"]["masks"]["flow_threshold"] == 0.6
    assert record["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "TCZYX"])
def test_restoration_keeps_axes_and_size(restorer, axes):
    shape = {"T": 2, "C": 2, "Z": 3, "Y": 40, "X": 50}
    image = np.random.default_rng(0).poisson(50, [shape[a] for a in axes]).astype(np.uint16)
    restored = restorer.run(image, axes=axes, diameter=30).image
    assert restored.axes == axes
    assert restored.data.shape == image.shape
    assert restored.data.dtype == np.float32
    assert restored.data.std() > 0


def test_restored_channels_do_not_mix(restorer, cells):
    both = np.stack([cells[0], cells[0][::-1]])
    together = restorer.run(both, axes="CYX").image.data
    alone = restorer.run(both[1]).image.data
    np.testing.assert_array_equal(together[1], alone)


def test_only_the_channels_named_are_restored(restorer, cells):
    both = np.stack([cells[0], cells[0][::-1]])
    found = restorer.run(both, axes="CYX", channels=(2,))
    plain = cellmend.normalize.normalize(cells[0])
    np.testing.assert_array_equal(found.image.data[0], plain)
    np.testing.assert_array_equal(found.image.data[1], restorer.run(both[1]).image.data)
    assert found.provenance.settings["channels"] == [2]
    with pytest.raises(InputError, match="no channel 3"):
        restorer.run(both, axes="CYX", channels=(1, 3))
    with pytest.raises(InputError, match="channels"):
        restorer.run(both, axes="CYX", channels=(0,))


def test_scales_of_a_restored_image(restorer, cells):
    original = cellmend.Image(cells[0])
    unit = cellmend.Image(cellmend.normalize.normalize(cells[0]))
    np.testing.assert_allclose(to_scale(unit, original, "raw").data, cells[0], atol=0.1)
    eight = to_scale(unit, original, "uint8").data
    assert (eight.dtype, eight.min(), eight.max()) == (np.uint8, 0, 255)
    assert to_scale(unit, original, "uint16").data.max() == 65535
    with pytest.raises(InputError, match="no scale"):
        to_scale(unit, original, "int4")


def test_flipped_flows_turn_back():
    flows = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    turned = flows[:, ::-1, ::-1].copy()
    turned[:2] *= -1
    np.testing.assert_array_equal(unflip(turned, (-2, -1)), flows)


def test_flips_agree_with_a_single_pass(segmenter, cells):
    plain = segmenter.run(cells[0], diameter=18)
    flipped = segmenter.run(cells[0], diameter=18, augment=True)
    assert average_precision(plain.masks, flipped.masks, (0.75,))[0] >= 0.8
