"""The picture of what a training would see."""

import json

import cv2
import numpy as np
import pytest
import tifffile
import torch
from drawn import draw_cells

from cellmend.cli.main import main
from cellmend.errors import InputError
from cellmend.export.flows import flow_colours
from cellmend.params import TrainSettings
from cellmend.train import jobs
from cellmend.train.examples import BRIGHTEST, COLUMNS, GAP, ROWS, draw_examples
from cellmend.train.loader import Loader

SIDE = 64


@pytest.fixture
def folder(tmp_path):
    """A folder with two images and their masks."""
    place = tmp_path / "images"
    place.mkdir()
    for index in range(2):
        image, masks = draw_cells(size=120, seed=index)
        tifffile.imwrite(place / f"a{index}.tif", image)
        tifffile.imwrite(place / f"a{index}_masks.tif", masks)
    return place


def settings(**more):
    return TrainSettings(name="mine", crop=SIDE, device="cpu", **more)


def parts(picture):
    """Return the crops of a picture and what is beside them, each (N, Y, X, 3)."""
    corners = [
        (row * (SIDE + 2 * GAP), column * (2 * SIDE + 3 * GAP))
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    left = [picture[y : y + SIDE, x : x + SIDE] for y, x in corners]
    right = [picture[y : y + SIDE, x + SIDE + GAP : x + 2 * SIDE + GAP] for y, x in corners]
    return np.stack(left), np.stack(right)


def test_examples_are_crops_of_the_training_and_their_flows(folder):
    job = jobs.segmentation([folder], settings(tone=0.5, seed=3))
    picture = draw_examples(job)
    seen, wanted = parts(picture)
    assert picture.shape == (ROWS * SIDE + 4 * GAP, COLUMNS * (2 * SIDE + GAP) + 6 * GAP, 3)
    images, targets = Loader(job.training, job.task, ROWS * COLUMNS, 3, torch.device("cpu")).make(
        0, 0
    )
    grey = np.clip(images[:, 0].numpy() / BRIGHTEST, 0, 1) * 255
    assert np.abs(seen.astype(float) - grey[..., None]).max() <= 1
    inside = targets[:, 2].numpy() > 0
    assert 0.05 < inside.mean() < 0.95
    for colours, target in zip(wanted, targets.numpy(), strict=True):
        np.testing.assert_array_equal(colours, flow_colours(5 * target[:2]))


def test_what_is_not_known_is_grey(folder):
    masks = tifffile.imread(folder / "a0_masks.tif")
    tifffile.imwrite(folder / "a0_masks.tif", np.where(masks == masks.max(), masks, 0))
    (folder / "a1.tif").unlink()
    _, whole = parts(draw_examples(jobs.segmentation([folder], settings())))
    _, partial = parts(draw_examples(jobs.segmentation([folder], settings(partial=True))))
    assert not (whole == 128).all(axis=-1).any()
    assert (partial == 128).all(axis=-1).mean() > 0.3


def test_restoring_shows_the_bad_image_and_the_good_one(folder):
    job = jobs.restoration([folder], settings(), segmenter="generalist", task="deblur")
    bad, good = parts(draw_examples(job))
    sharpness = [
        [cv2.Laplacian(part[..., 1].astype(np.float32), cv2.CV_32F).std() for part in side]
        for side in (bad, good)
    ]
    assert not np.array_equal(bad, good)
    assert np.median(np.abs(np.subtract(*sharpness))) > 1
    assert (good[..., 0] == good[..., 1]).all()


def test_the_command_writes_the_picture_and_trains_nothing(folder, tmp_path, capsys):
    picture = tmp_path / "examples.png"
    words = ["train", "segmentation", str(folder), "--crop", str(SIDE)]
    assert main([*words, "--tone", "1", "--examples", str(picture), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [{"event": "examples", "picture": str(picture)}]
    assert cv2.imread(str(picture)).shape[0] == ROWS * SIDE + 4 * GAP
    assert main(["models", "list"]) == 0
    assert "examples" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--tone", "0.5", "--method", "paired"], ["--tone", "2"]])
def test_tone_that_makes_no_sense_is_refused(folder, words, capsys):
    kind = "restoration" if "--method" in words else "segmentation"
    assert main(["train", kind, str(folder), "--name", "mine", *words]) != 0
    assert "tone" in capsys.readouterr().err


def test_examples_of_images_without_cells_are_refused(tmp_path):
    with pytest.raises(InputError, match="no images with masks"):
        jobs.segmentation([tmp_path], settings())
