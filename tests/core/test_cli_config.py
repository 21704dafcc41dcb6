"""Settings on the command line: a file, switches that overrule it, and clear refusals."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellmend.cli.arguments import add_everywhere, channels, diameter, setting
from cellmend.cli.config import build_settings
from cellmend.errors import InputError
from cellmend.params import FilterSettings, PipelineSettings, RestoreStep, SegmentSettings
from cellmend.registry import checked_name


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--diameter", type=diameter, **setting("diameter"))
    parser.add_argument("--channels", type=channels, **setting("channels"))
    parser.add_argument("--flow-threshold", type=float, **setting("masks.flow_threshold"))
    parser.add_argument("--restore", action="append", **setting("restore"))
    add_everywhere(parser, batch_size="tiles.batch_size")
    return parser.parse_args(words)


def test_nothing_given_means_the_defaults_of_the_library() -> None:
    assert build_settings(SegmentSettings, parse()) == SegmentSettings()


def test_switches_overrule_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("diameter: 20\nmasks: {flow_threshold: 0.1, min_size: 3}\n")
    settings = build_settings(
        SegmentSettings, parse("--config", str(file), "--flow-threshold", "0.9")
    )
    assert settings.diameter == 20
    assert settings.masks.flow_threshold == 0.9
    assert settings.masks.min_size == 3


def test_auto_overrules_a_diameter_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("diameter: 20\n")
    settings = build_settings(SegmentSettings, parse("--config", str(file), "--diameter", "auto"))
    assert settings.diameter is None


def test_a_saved_settings_object_reads_back(tmp_path: Path) -> None:
    saved = SegmentSettings(diameter=17, channels=(2, 1))
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(saved.model_dump(mode="json")))
    assert build_settings(SegmentSettings, parse("--config", str(file))) == saved


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("denoise", {"model": "denoise"}),
        ("denoise:1", {"model": "denoise", "channels": (1,)}),
        ("my models/a.pt:2,3", {"model": "my models/a.pt", "channels": (2, 3)}),
        ("C:\\models\\a.pt", {"model": "C:\\models\\a.pt"}),
        ("C:\\models\\a.pt:1", {"model": "C:\\models\\a.pt", "channels": (1,)}),
    ],
)
def test_a_step_of_restoration_names_a_model_and_channels(text: str, step: dict[str, Any]) -> None:
    assert RestoreStep.model_validate(text) == RestoreStep(**step)
    settings = build_settings(PipelineSettings, parse("--restore", text))
    assert settings.restore == (RestoreStep(**step),)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("filter:gaussian", {"filter": "gaussian"}),
        ("filter:clahe:strength=3.0", {"filter": "clahe", "strength": 3}),
        (
            "filter:richardson-lucy:radius=2.5,iterations=20",
            {"filter": "richardson-lucy", "radius": 2.5, "iterations": 20},
        ),
    ],
)
def test_a_step_may_be_a_filter(text: str, given: dict[str, Any]) -> None:
    (step,) = build_settings(PipelineSettings, parse("--restore", text)).restore
    assert step == FilterSettings(**given)
    assert step.text == text
    assert PipelineSettings(restore=[given]).restore == (step,)


@pytest.mark.parametrize("name", ["gaussian", "./filter:gaussian", "filters/median.safetensors"])
def test_a_model_is_never_taken_for_a_filter(name: str) -> None:
    (step,) = build_settings(PipelineSettings, parse("--restore", name)).restore
    assert step == RestoreStep(model=name)
    assert step.text == name
    with pytest.raises(InputError):
        checked_name("filter:gaussian")


@pytest.mark.parametrize(
    "text", ["filter:", "filter:magic", "filter:median:2", "filter:median:radius=x"]
)
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="restore"):
        build_settings(PipelineSettings, parse("--restore", text))


def test_steps_of_restoration_are_settings_as_others_are(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    steps = ("--restore", "denoise:1", "--restore", "filter:median")
    given = build_settings(PipelineSettings, parse(*steps, "--diameter", "20"))
    file.write_text(yaml.safe_dump(given.model_dump(mode="json")))
    assert build_settings(PipelineSettings, parse("--config", str(file))) == given
    file.write_text("diameter: 20\nrestore: [{model: denoise, channels: [1]}, 'filter:median']")
    assert build_settings(PipelineSettings, parse("--config", str(file))) == given
    other = build_settings(PipelineSettings, parse("--config", str(file), "--restore", "deblur"))
    assert other.restore == (RestoreStep(model="deblur"),)


@pytest.mark.parametrize("step", ["''", "'denoise:0'", "{model: denoise, scale: 2}", "3"])
def test_a_step_of_restoration_that_is_none_is_refused(tmp_path: Path, step: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"restore: [{step}]")
    with pytest.raises(InputError, match="restore"):
        build_settings(PipelineSettings, parse("--config", str(file)))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--flow-threshold", "-1"), "--flow-threshold"),
        (("--diameter", "-5"), "--diameter"),
        (("--batch-size", "0"), "--batch-size"),
    ],
)
def test_a_value_out_of_bounds_names_the_switch(words: tuple[str, ...], named: str) -> None:
    with pytest.raises(InputError, match=named):
        build_settings(SegmentSettings, parse(*words))


@pytest.mark.parametrize("text", ["nonsense: 1", "masks: 3", "diameter: [1, 2]"])
def test_wrong_settings_in_the_file_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=text.split(":")[0]):
        build_settings(SegmentSettings, parse("--config", str(file)))


@pytest.mark.parametrize("text", ["- a list", "a: [", "just words"])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"settings\.yaml"):
        build_settings(SegmentSettings, parse("--config", str(file)))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        build_settings(SegmentSettings, parse("--config", "nowhere.yaml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bogus: 1", "bogus 1: there is no such setting"),
        ("masks: {bogus: 1}", "masks.bogus 1: there is no such setting"),
        ("masks: 5", "masks 5: names with values are needed"),
        ("channels: 1", "channels 1: a list is needed, such as [1, 2]"),
        ("channels: [1]", "channels [1]: a value is missing"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_people(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        build_settings(SegmentSettings, parse("--config", str(file)))
    assert str(raised.value) == told
