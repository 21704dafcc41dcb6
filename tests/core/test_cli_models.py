"""``cellmend models`` and ``cellmend train``: one's own models, from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from cellmend import registry
from cellmend.cli import main

QUICK = ("--epochs", "2", "--batch-size", "2", "--device", "cpu", "--json")


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Settings of a training that takes a second."""
    file = tmp_path / "small.yaml"
    file.write_text("crop: 64\nwidths: [4, 8]\nimages_per_epoch: 2\nwarmup_epochs: 0\n")
    return str(file)


def report(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return the JSON lines that were printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("home")
def test_list_tells_installed_from_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(registry.bundled_folder() / "generalist.safetensors", tmp_path)
    monkeypatch.setattr(registry.store, "bundled_folder", lambda: tmp_path)
    assert main(["models", "list", "--json"]) == 0
    (listed,) = report(capsys)
    states = {row["name"]: row["state"] for row in listed["models"]}
    assert states["generalist"] == "bundled"
    assert states["upsample-nuclei"] == "not installed"
    assert main(["models", "list"]) == 0
    assert "generalist" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_show_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "generalist"]) == 0
    shown = capsys.readouterr().out
    assert "segmentation" in shown
    assert "diam_mean" in shown


@pytest.mark.usefixtures("home")
def test_a_trained_model_is_listed_exported_removed_and_added(
    pairs_folder: Path, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "segmentation", str(pairs_folder), "--name", "mine", "--config", small]
    assert main([*command, *QUICK]) == 0
    events = report(capsys)
    assert [event["event"] for event in events] == ["start", "epoch", "epoch", "done"]
    assert events[0]["images"] == 4
    assert events[2]["epoch"] == events[2]["epochs"] == 2
    assert events[3]["name"] == "mine"
    assert Path(str(events[3]["model"])).exists()

    copy = tmp_path / "copy.safetensors"
    assert main(["models", "export", "mine", str(copy)]) == 0
    assert main(["models", "remove", "mine"]) == 0
    assert main(["models", "show", "mine"]) == 2
    assert main(["models", "add", str(copy), "--name", "again"]) == 0
    assert main(["models", "show", "again"]) == 0
    assert main(["models", "remove", "generalist"]) == 2


@pytest.mark.usefixtures("home")
def test_training_takes_images_one_by_one(
    pairs_folder: Path, small: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(pairs_folder / f"cells{i}_img.tif") for i in (0, 2)]
    command = ["train", "segmentation", *images, "--name", "two", "--config", small]
    assert main([*command, *QUICK]) == 0
    assert report(capsys)[0]["images"] == 2


@pytest.mark.usefixtures("home")
def test_a_training_that_cannot_begin_says_why(
    tmp_path: Path, pairs_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["train", "segmentation", str(empty), "--name", "x", *QUICK]) == 2
    (event,) = report(capsys)
    assert event["event"] == "error"
    assert "empty" in str(event["message"])
    taken = ["train", "segmentation", str(pairs_folder), "--name", "generalist", *QUICK]
    assert main(taken) == 2
    assert "generalist" in str(report(capsys)[0]["message"])
    assert (
        main(["train", "segmentation", str(pairs_folder), "--name", "x", "--tone", "3", *QUICK])
        == 2
    )
    assert "tone" in str(report(capsys)[0]["message"])


def test_a_dry_run_of_training_counts_the_pairs(
    pairs_folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "segmentation", str(pairs_folder), "--name", "x", "--dry-run", "--json"]
    assert main(command) == 0
    (event,) = report(capsys)
    assert event["images"] == 4
    assert not home.exists()


@pytest.mark.usefixtures("home")
def test_a_dry_run_tells_whether_a_model_could_be_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "copy.safetensors"
    assert main(["models", "export", "denoise", str(file)]) == 0
    assert main(["models", "add", str(tmp_path / "nowhere"), "--dry-run"]) != 0
    assert main(["models", "add", str(file), "--name", "denoise", "--dry-run"]) == 2
    assert main(["models", "add", str(file), "--name", "mine", "--dry-run"]) == 0
    capsys.readouterr()
    assert main(["models", "show", "mine"]) == 2
