"""Choosing a command, and how wrong usage ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cellmend.cli import gui, main
from cellmend.cli.main import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "usage: cellmend" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["segment"], "INPUT"),
        (["segment", "a.tif", "--min-size", "few"], "--min-size"),
        (["segment", "a.tif", "--min-size", "-9"], "--min-size"),
        (["segment", "a.tif", "--save", "jpeg"], "jpeg"),
        (["segment", "a.tif", "--model", "nonesuch"], "nonesuch"),
        (["segment", "a.tif", "--stitch-threshold", "0.1", "--do-3d"], "--do-3d"),
        (["segment", "a.tif", "--device", "toaster"], "toaster"),
        (["segment", "a.tif", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["restore", "a.tif", "--task", "polish"], "polish"),
        (["degrade", "a.tif"], "--poisson"),
        (["degrade", "a.tif", "--poisson", "-1"], "--poisson"),
        (["evaluate", "no_truth", "no_masks"], "no_truth"),
        (["evaluate", ".", ".", "--thresholds", "2"], "--thresholds"),
        (["models", "show", "nonesuch"], "generalist"),
        (["train", "segmentation", "nowhere", "--name", "a", "--epochs", "0"], "--epochs"),
        (["segmnt", "a.tif"], "no such command"),
        (["segment", "a.tif", "--save", ""], "--save"),
        (["segment", "a.tif", "--diameter", "inf"], "finite"),
        (["segment", "a.tif", "--cellprob-threshold", "nan"], "finite"),
        (["degrade", "a.tif", "--poisson", "5", "--seed", "-1"], "--seed"),
        (["synthesize", "a", "--seed", "-1"], "--seed"),
        (["degrade", "a.tif", "--poisson", "1e30"], "--poisson"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_says_what_is_wrong(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["segment", "a.tif", "--min-size", "few"], 2),
        (["segment", "a.tif", "--no-such-switch"], 2),
        (["segment", "a.tif", "--model", "nonesuch"], 2),
        (["models", "add", "nowhere.safetensors"], 1),
        (["convert", "a.tif", "--to", "gif"], 2),
    ],
)
def test_a_report_as_json_tells_the_failure_of_the_whole_command(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == status
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["command"] == arguments[0]
    assert report["error"] in said.err


def test_what_the_system_refuses_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a" * 300
    assert main(["segment", str(tmp_path / name)]) in (1, 2)
    assert name in capsys.readouterr().err


def test_ctrl_c_ends_with_status_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stop(files: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(gui, "open_window", stop)
    assert main([str(tmp_path)]) == 130


@pytest.mark.parametrize("arguments", [[], ["gui"]])
def test_without_a_command_the_window_opens(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[list[Path]] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(gui, "open_window", lambda files: opened.append(files) or 0)
    assert main([*arguments, str(tmp_path)]) == 0
    assert opened == [[tmp_path]]


def test_a_missing_program_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(gui.importlib.util, "find_spec", lambda name: None)
    assert main([str(tmp_path)]) == 1
    assert "cellmend[gui]" in capsys.readouterr().err


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "cellmend.cli", "models", "list"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")
