"""Records of runs, and the command lines and scripts that do them again."""

import argparse
import shlex
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from drawn import draw_cells

import cellmend
from cellmend.cli import main, restore, segment
from cellmend.cli.arguments import SETTING
from cellmend.errors import InputError
from cellmend.io.labels import read_labels
from cellmend.params import NormalizeSettings
from cellmend.provenance import Provenance
from cellmend.reproduce import SWITCHES, command_line, python_script
from cellmend.restore import filter_image


@pytest.fixture
def image(tmp_path):
    """A file whose name a shell would take apart, with an image of two channels."""
    folder = tmp_path / "a folder; of mine"
    folder.mkdir()
    path = folder / "it's 1.tif"
    pixels = np.stack([draw_cells(seed=seed)[0] for seed in (0, 1)])
    tifffile.imwrite(path, pixels, metadata={"axes": "CYX"}, photometric="minisblack")
    return path


@pytest.fixture(scope="module")
def segmenter():
    return cellmend.Segmenter(device="cpu")


@pytest.fixture(scope="module")
def denoiser():
    return cellmend.Restorer("denoise", device="cpu")


def typed(text):
    """Do what a person does who pastes the text into a terminal; return the commands."""
    commands = [shlex.split(line) for line in text.splitlines() if not line.startswith("#")]
    for program, *words in commands:
        assert program == "cellmend"
        assert main([*words, "--device", "cpu"]) == 0
    return commands


def scripted(text, name="masks"):
    values = {}
    exec(compile(text, "script.py", "exec"), values)
    return values[name]


def check(record, image, expected, ending="_cp_masks.tif"):
    typed(command_line(record, image))
    np.testing.assert_array_equal(read_labels(image.with_name(image.stem + ending)), expected)
    np.testing.assert_array_equal(scripted(python_script(record, image)), expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"diameter": 21.7, "channels": (2, 1)},
        {"diameter": 30, "flow_threshold": 0.0, "cellprob_threshold": -1.5, "min_size": -1},
        {"diameter": 25, "niter": 60, "augment": True, "batch_size": 2},
        {"diameter": 25, "percentiles": (2, 97.5), "smooth_radius": 1, "invert": True},
        {"diameter": 25, "lowhigh": (-5, 250)},
        {"diameter": 25, "enabled": False},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_a_run_is_done_again(segmenter, image, options):
    found = segmenter.run(cellmend.read(image), **options)
    check(found.provenance, image, found.masks)


@pytest.mark.parametrize("options", [{"stitch_threshold": 0.2}, {"do_3d": True, "anisotropy": 1.5}])
def test_a_run_on_a_volume_is_done_again(segmenter, tmp_path, options):
    path = tmp_path / "volume.tif"
    plane = draw_cells(size=64)[0]
    tifffile.imwrite(path, np.stack([plane] * 3), photometric="minisblack")
    found = segmenter.run(cellmend.read(path, "ZYX"), diameter=20, **options)
    text = command_line(found.provenance, path, axes="ZYX")
    assert "--axes ZYX" in text
    typed(text)
    np.testing.assert_array_equal(read_labels(tmp_path / "volume_cp_masks.tif"), found.masks)
    script = python_script(found.provenance, path, axes="ZYX")
    np.testing.assert_array_equal(scripted(script), found.masks)


def test_restored_at_the_same_diameter_it_is_one_command(segmenter, denoiser, image):
    first = denoiser.run(cellmend.read(image), channels=(1,), diameter=22.5)
    second = denoiser.run(first.image, channels=(2,), diameter=22.5)
    records = first.provenance, second.provenance
    found = segmenter.run(second.image, diameter=22.5, channels=(1, 2), previous=records)
    text = command_line(found.provenance, image)
    assert len(text.splitlines()) == 1
    assert "--restore denoise:1 --restore denoise:2 --diameter 22.5" in text
    check(found.provenance, image, found.masks)


def test_filtered_and_restored_it_is_one_command(segmenter, denoiser, image):
    first = filter_image(cellmend.read(image), "gaussian", radius=0.7)
    second = denoiser.run(first.image, channels=(1,), diameter=22.5)
    third = filter_image(second.image, "background")
    records = first.provenance, second.provenance, third.provenance
    found = segmenter.run(third.image, diameter=22.5, previous=records)
    text = command_line(found.provenance, image)
    assert len(text.splitlines()) == 1
    steps = "--restore filter:gaussian:radius=0.7 --restore denoise:1 --restore filter:background"
    assert steps in text
    check(found.provenance, image, found.masks)


def test_a_filter_that_scales_otherwise_is_a_command_of_its_own(segmenter, image):
    first = filter_image(cellmend.read(image), "gaussian", percentiles=(2, 98))
    found = segmenter.run(first.image, diameter=22.5, previous=(first.provenance,))
    assert "--task filter --filter gaussian" in command_line(found.provenance, image)
    check(found.provenance, image, found.masks, "_restored_cp_masks.tif")


def test_restored_in_another_way_it_is_a_command_each(segmenter, denoiser, image):
    first = filter_image(cellmend.read(image), "gaussian", radius=0.7)
    second = denoiser.run(first.image, diameter=30, smooth_radius=0.5)
    records = first.provenance, second.provenance
    found = segmenter.run(second.image, diameter=22.5, previous=records)
    lines = command_line(found.provenance, image).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["cellmend", "restore"],
        ["cellmend", "restore"],
        ["cellmend", "segment"],
    ]
    check(found.provenance, image, found.masks, "_restored_restored_cp_masks.tif")


def test_a_restoration_alone_is_done_again(denoiser, image):
    restored = denoiser.run(cellmend.read(image), diameter=18.25, channels=[2])
    (words,) = typed(command_line(restored.provenance, image))
    assert words[3:] == ["--task", "denoise", "--diameter", "18.25", "--channels", "2"]
    written = cellmend.read(image.with_name(f"{image.stem}_restored.tif"))
    np.testing.assert_array_equal(written.data, restored.image.data)
    pixels = scripted(python_script(restored.provenance, image), "pixels")
    np.testing.assert_array_equal(pixels, restored.image.data)


def test_only_what_differs_is_named(segmenter, image):
    found = segmenter.run(cellmend.read(image), diameter=30, flow_threshold=0.6)
    name = shlex.quote(str(image))
    assert command_line(found.provenance, image, notes=["Edited."]).splitlines() == [
        "# Edited.",
        f"cellmend segment {name} --diameter 30.0 --flow-threshold 0.6",
    ]
    assert python_script(found.provenance, "a.tif").splitlines() == [
        "import cellmend",
        "",
        "image = cellmend.read('a.tif')",
        "found = cellmend.Segmenter('generalist').run(image, diameter=30.0, flow_threshold=0.6)",
        "masks = found.masks",
    ]


def test_what_no_switch_sets_is_told(segmenter, image):
    found = segmenter.run(cellmend.read(image), diameter=30, size=96, overlap=0.2)
    text = command_line(found.provenance, image)
    assert "# No switch sets tiles.size to 96." in text
    assert "# No switch sets tiles.overlap to 0.2." in text
    np.testing.assert_array_equal(scripted(python_script(found.provenance, image)), found.masks)


def test_a_model_that_is_not_there_is_told(segmenter, image):
    record = segmenter.run(cellmend.read(image), diameter=30).provenance
    elsewhere = replace(record, model="lost", settings={**record.settings, "model": "lost"})
    text = command_line(elsewhere, "-x.tif")
    assert "# The model lost is not installed here." in text
    assert "cellmend segment ./-x.tif --model lost --diameter 30.0 --percentiles 1.0,99.0" in text


def test_the_usual_normalisation_of_a_model_can_be_overruled(segmenter, image, monkeypatch):
    record = segmenter.run(cellmend.read(image), diameter=30).provenance
    other = segmenter.model.card.model_copy(update={"normalize": NormalizeSettings(invert=True)})
    entry = argparse.Namespace(card=other)
    monkeypatch.setattr("cellmend.reproduce.find", lambda name: entry)
    assert command_line(record, "a.tif").endswith("--percentiles 1.0,99.0")


def test_a_record_that_is_not_understood_is_refused():
    record = Provenance("segment", "generalist", "", {"colour": "red"})
    with pytest.raises(InputError, match="not understood"):
        command_line(record, "a.tif")


@pytest.mark.parametrize("command", [segment, restore])
def test_every_switch_of_a_setting_is_known(command):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    there = {
        (action.dest.removeprefix(SETTING), action.option_strings[0])
        for action in parser._actions
        if action.dest.startswith(SETTING) and action.dest not in (f"{SETTING}model", SETTING)
    }
    kinds = ["segment"] if command is segment else ["restore", "filter"]
    known = {pair for kind in kinds for pair in SWITCHES[kind].items()}
    known |= {("filter", "--filter")} if command is restore else {("restore", "--restore")}
    assert known == there
