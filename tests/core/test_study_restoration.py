"""``cellmend study restoration`` on cells drawn on the spot, with the real network."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellmend.cli import main
from cellmend.segment import Segmenter

pytest.importorskip("matplotlib")


@pytest.fixture
def folder(pairs_folder: Path) -> Path:
    """An image with masks, one with masks of another size, and a real pair."""
    for path in pairs_folder.glob("cells[13]*"):
        path.unlink()
    tifffile.imwrite(pairs_folder / "cells2_masks.tif", np.ones((10, 12), np.uint16))
    clean = tifffile.imread(pairs_folder / "cells0_img.tif")
    noisy = np.random.default_rng(0).poisson(clean / 400).astype(np.uint16)
    tifffile.imwrite(pairs_folder / "field_clean.tif", clean)
    tifffile.imwrite(pairs_folder / "field_noisy.tif", noisy)
    return pairs_folder


def command(folder: Path, output: Path, *more: str) -> list[str]:
    """Return the arguments of a small study."""
    switches = ["--tasks", "deblur", "--baselines", "sharpen,median", "--output", str(output)]
    return ["study", "restoration", str(folder), *switches, *more]


def test_a_study_compares_methods_and_goes_on_from_what_is_kept(
    folder: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out"
    assert main(command(folder, output, "--json")) == 1
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert [failure.count("cells2_masks") for failure in report["failures"]] == [1]
    assert "cells2_masks" in told.err
    rows = {row["method"]: row for row in report["tables"]["deblur: all images"]}
    assert list(rows) == ["degraded", "sharpen", "deblur", "clean"]
    assert {row["images"] for row in rows.values()} == {1}
    assert rows["clean"]["AP@0.5"] > 0.9
    assert rows["degraded"]["AP@0.5"] == pytest.approx(rows["clean"]["AP@0.5"] / 2, abs=0.2)
    real = {row["method"]: row for row in report["tables"]["real: all images"]}
    assert list(real) == ["degraded", "median", "denoise", "clean"]
    assert real["clean"]["AP@0.5"] == 1
    assert real["denoise"]["PSNR, dB"] > real["degraded"]["PSNR, dB"]

    with (output / "restoration.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == (1 + 2 + 1 + 1) + (1 + 3 + 1 + 1)
    assert {line["method"] for line in lines} == {*rows, *real}
    page = (output / "restoration.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 6
    assert page.count("data:image/png") == 2
    assert "cells2_masks" in page

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("everything is kept already")

    monkeypatch.setattr(Segmenter, "run", refuse)
    before = (output / "restoration.csv").read_bytes()
    (output / "restoration.csv").unlink()
    assert main(command(folder, output, "--json")) == 1
    assert (output / "restoration.csv").read_bytes() == before


def test_a_dry_run_names_the_inputs_and_writes_nothing(
    folder: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(folder, tmp_path / "out", "--dry-run", "--limit", "2")) == 0
    told = capsys.readouterr().out
    assert "pairs/cells0: deblur" in told
    assert "pairs/field: real pair" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--tasks", "polish"], "--tasks"),
        (["--models", "nobody"], "no model named 'nobody'"),
        (["--baselines", "none", "--models", "generalist"], "segments images"),
        (["--limit", "-1"], "--limit"),
        (["--models", "denoise"], "not among the tasks: deblur"),
    ],
)
def test_wrong_wishes_are_refused(
    folder: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    (folder / "field_noisy.tif").unlink()
    assert main(command(folder, tmp_path / "out", *more)) == 2
    assert message in capsys.readouterr().err


def test_a_folder_with_nothing_to_study_is_named(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(command(tmp_path / "empty", tmp_path / "out")) == 2
    assert "nothing to study" in capsys.readouterr().err
