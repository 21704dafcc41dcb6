"""Training without masks: from noisy images alone, and from noisy and clean ones."""

import json

import numpy as np
import pytest
import tifffile
import torch
from drawn import draw_cells

import cellmend
from cellmend.cli import main
from cellmend.errors import FileFormatError, InputError
from cellmend.io.noisy import noisy_clean_files
from cellmend.net.predict import predict
from cellmend.net.runner import Runner
from cellmend.normalize import normalize
from cellmend.params import TileSettings, TrainSettings
from cellmend.train import fit_blind, fit_paired
from cellmend.train.blind import SELF_GRID, VOID_BOX, hide_grid, hide_scattered
from cellmend.train.planes import FileSet
from cellmend.train.squares import random_square

CPU = torch.device("cpu")
QUICK = TrainSettings(
    name="quick",
    epochs=30,
    images_per_epoch=8,
    batch_size=8,
    crop=32,
    widths=(8, 16),
    learning_rate=5e-3,
    warmup_epochs=0,
    device="cpu",
)


@pytest.fixture(scope="module")
def noisy_and_clean():
    clean = normalize(draw_cells()[0])
    noisy = clean + np.random.default_rng(1).normal(0, 0.35, clean.shape).astype(np.float32)
    return noisy.astype(np.float32), clean


def restored(net, noisy):
    return predict(Runner(net, CPU), noisy[None], TileSettings()).pixels[0]


def error(image, clean):
    return float(np.mean((image - clean) ** 2))


@pytest.mark.parametrize("method", ["noise2void", "noise2self"])
def test_noise_goes_without_a_clean_image(noisy_and_clean, method):
    noisy, clean = noisy_and_clean
    net = fit_blind([noisy], method=method, settings=QUICK)
    assert error(restored(net, noisy), clean) < 0.35 * error(noisy, clean)


def test_pairs_teach_more(noisy_and_clean):
    noisy, clean = noisy_and_clean
    net = fit_paired([(noisy, clean)], settings=QUICK)
    assert error(restored(net, noisy), clean) < 0.25 * error(noisy, clean)


def test_noise2void_hides_one_pixel_of_each_box_behind_one_around_it():
    noisy = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    hidden, where = hide_scattered(noisy, np.random.default_rng(0))
    boxes = where.reshape(8, VOID_BOX, 8, VOID_BOX).sum(axis=(1, 3))
    assert (boxes == 1).all()
    assert (hidden == noisy)[where == 0].all()
    places = np.argwhere(where == 1)
    sources = np.stack(np.divmod(hidden[where == 1].astype(int), 64), axis=1)
    apart = np.abs(places - sources).max(axis=1)
    assert set(apart) <= {0, 1, 2}
    inner = ((places >= 2) & (places < 62)).all(axis=1)
    assert (apart[inner] > 0).all()


def test_noise2self_hides_a_grid_behind_the_mean_around():
    noisy = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    hidden, where = hide_grid(noisy, np.random.default_rng(0))
    assert where.sum() == (32 // SELF_GRID) ** 2
    y, x = np.argwhere(where == 1)[20]
    around = noisy[y - 1 : y + 2, x - 1 : x + 2]
    weights = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]]) / 6
    assert hidden[y, x] == pytest.approx((around * weights).sum(), abs=1e-5)
    assert (hidden == noisy)[where == 0].all()


def test_squares_keep_every_value_of_a_pixel():
    image = np.arange(40 * 50, dtype=np.float32).reshape(1, 40, 50)
    seen = set()
    for seed in range(40):
        square = random_square(image, 16, np.random.default_rng(seed))[0]
        assert square.shape == (16, 16)
        assert np.unique(square).size == 256
        seen.add((square[0, 1] - square[0, 0], square[1, 0] - square[0, 0]))
    assert len(seen) == 8  # four quarters, flipped and not
    small = random_square(image, 64, np.random.default_rng(0))
    assert small.shape == (1, 64, 64)


def test_wrong_images_are_named(tmp_path):
    with pytest.raises(InputError, match="no images"):
        fit_blind([], method="noise2void")
    with pytest.raises(InputError, match=r"\(3, 8, 8\)"):
        fit_blind([np.zeros((3, 8, 8), np.float32)], method="noise2void")
    with pytest.raises(InputError, match="one size"):
        fit_paired([(np.zeros((8, 8), np.float32), np.zeros((8, 9), np.float32))])
    tifffile.imwrite(tmp_path / "a_noisy.tif", np.eye(8, dtype=np.uint8))
    with pytest.raises(FileFormatError, match=r"a_noisy\.tif.*no clean image.*a_clean\.tif"):
        noisy_clean_files([tmp_path])
    tifffile.imwrite(tmp_path / "a_clean.tif", np.eye(9, dtype=np.uint8))
    with pytest.raises(FileFormatError, match=r"a_clean\.tif.*\(1, 9, 9\).*\(1, 8, 8\)"):
        FileSet(noisy_clean_files([tmp_path])).prepare()


def test_a_model_is_trained_from_files_and_used(home, tmp_path, noisy_and_clean, capsys):
    noisy, clean = noisy_and_clean
    for index in range(5):
        tifffile.imwrite(tmp_path / f"f{index}_noisy.tif", np.roll(noisy, index, 0))
        tifffile.imwrite(tmp_path / f"f{index}_clean.tif", np.roll(clean, index, 0))
    common = ["--epochs", "2", "--crop", "32", "--widths", "4,8", "--batch-size", "2", "--json"]
    for method, extra in (("paired", ["--task", "deblur"]), ("noise2self", [])):
        words = ["train", "restoration", str(tmp_path), "--method", method, "--name", method]
        assert main([*words, "--diameter", "18", *extra, *common]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events[:4]] == ["start", "epoch", "epoch", "done"]
    assert (events[0]["images"], events[0]["validation_images"]) == (4, 1)
    assert events[4]["images"] + events[4]["validation_images"] == 10
    card = cellmend.registry.find("paired").card
    assert (card.task, card.diam_mean, card.training["method"]) == ("deblur", 18.0, "paired")
    image = cellmend.Restorer("noise2self").run(noisy, diameter=18).image
    assert image.data.shape == noisy.shape


def test_switches_that_do_not_belong_are_refused(home, tmp_path, capsys):
    train = ["train", "restoration", str(tmp_path), "--name", "a"]
    assert main([*train, "--method", "noise2void", "--loss", "1,0,0"]) == 2
    assert "--loss does not belong" in capsys.readouterr().err
    assert main([*train, "--degrade", "denoise"]) == 2
    assert main(["train", "segmentation", str(tmp_path), "--name", "a", "--task", "deblur"]) == 2
