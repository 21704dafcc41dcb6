"""Settings in a file: what is written, and that it reads back as it was."""

from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from cellmend.cli.config import build_settings
from cellmend.errors import FileFormatError
from cellmend.params import (
    BlockwiseSettings,
    FilterSettings,
    MaskSettings,
    NormalizeSettings,
    PipelineSettings,
    RestoreStep,
    TileSettings,
)
from cellmend.settings_file import differences, read_settings, settings_text, write_settings

FULL = PipelineSettings(
    model="nuclei",
    diameter=17.3,
    channels=(2, 0),
    normalize=NormalizeSettings(percentiles=(0.5, 99.5), dark_frame=Path("dark µm.tif")),
    tiles=TileSettings(augment=True),
    masks=MaskSettings(cellprob_threshold=-1.5, niter=2000, exclude_on_edges=True),
    do_3d=True,
    anisotropy=2.5,
    restore=(
        RestoreStep(model="denoise", channels=(1, 3)),
        FilterSettings(filter="clahe", strength=3, normalize=NormalizeSettings(invert=True)),
    ),
)


@pytest.mark.parametrize(
    "settings",
    [
        FULL,
        PipelineSettings(),
        PipelineSettings(normalize=NormalizeSettings()),
        BlockwiseSettings(blocks=512),
    ],
)
def test_the_command_line_reads_what_was_written(
    tmp_path: Path, settings: PipelineSettings
) -> None:
    path = tmp_path / "a.yaml"
    write_settings(settings, path)
    assert build_settings(type(settings), Namespace(config=path)) == settings
    assert read_settings(type(settings), path) == settings
    blockwise = build_settings(BlockwiseSettings, Namespace(config=path))
    assert blockwise.segment == settings.segment
    assert blockwise.restore == settings.restore


def test_only_the_model_and_what_differs_is_written() -> None:
    usual = PipelineSettings()
    assert yaml.safe_load(settings_text(usual)) == {"model": usual.model}
    changed = PipelineSettings(diameter=30, masks=MaskSettings(min_size=3))
    told = {"model": usual.model, "diameter": 30.0, "masks": {"min_size": 3}}
    assert yaml.safe_load(settings_text(changed)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("diameter: -3\nmasks: {flow_treshold: 1}", ["diameter -3", "masks.flow_treshold"]),
        ("- 3", ["names with values"]),
        ("a: [", ["cannot be read"]),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: list[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(FileFormatError) as error:
        read_settings(BlockwiseSettings, path)
    assert error.value.path == path
    for words in told:
        assert words in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"none\.yaml"):
        read_settings(BlockwiseSettings, tmp_path / "none.yaml")


def test_differences_are_named_by_their_path() -> None:
    other = FULL.model_copy(update={"masks": MaskSettings(niter=2000), "channels": None})
    named = ["channels", "masks.cellprob_threshold", "masks.exclude_on_edges"]
    assert list(differences(FULL, other)) == named
