"""``cellmend synthesize``: a folder of drawn cells, ready for training."""

import json
from pathlib import Path

import numpy as np
import pytest

from cellmend.cli import main
from cellmend.io import read
from cellmend.io.pairs import training_pairs
from cellmend.train.synthetic import SyntheticSettings, synthetic_image

SMALL = ["--count", "3", "--kinds", "rods,yeast", "--size", "64,80", "--diameter", "16"]


def test_a_folder_of_the_kinds_asked_for_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "drawn"
    assert main(["synthesize", str(folder), *SMALL, "--seed", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["size"] == [64, 80]
    files = [(Path(one["image"]), Path(one["masks"])) for one in told["files"]]
    assert sorted(files) == training_pairs([folder])
    assert [image.name.split("_")[0] for image, _ in files] == ["rods", "yeast", "rods"]
    settings = SyntheticSettings(size=(64, 80), diameter=16)
    expected = synthetic_image("yeast", np.random.default_rng([2, 2]), settings)
    np.testing.assert_array_equal(read(files[1][0]).data, expected.image.data)


def test_what_is_there_is_left_and_a_dry_run_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "drawn"
    assert main(["synthesize", str(folder), *SMALL, "--dry-run"]) == 0
    assert "rods_0003_img.tif" in capsys.readouterr().out
    assert not folder.exists()
    assert main(["synthesize", str(folder), *SMALL]) == 0
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert main(["synthesize", str(folder), *SMALL, "--skip-existing"]) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (["--kinds", "neurons"], "no kind 'neurons'"),
        (["--count", "0"], "--count"),
        (["--size", "3"], "--size"),
        (["--density", "2"], "--density"),
    ],
)
def test_wrong_wishes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wish: list[str], message: str
) -> None:
    assert main(["synthesize", str(tmp_path / "drawn"), *wish]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "drawn").exists()
