"""The speed study: with itself in the place of the peer, both sides agree."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cellmend.cli.main import main
from cellmend.errors import InputError
from cellmend.study import speed
from cellmend.study.settings import SpeedStudySettings
from cellmend.study.speed_inputs import draw_masks


@pytest.fixture
def small():
    return SpeedStudySettings(works=("precision",), runs=1, side=448, batch_size=1)


def test_alone_it_tells_its_own_time(tmp_path, small):
    outcome = speed.study(tmp_path, small)
    table = json.loads((tmp_path / "speed.json").read_text())["tables"]["Speed"]
    assert [row["work"] for row in table] == ["average precision"]
    assert table[0]["ours s"] > 0
    assert table[0]["peer s"] is None
    assert not outcome.failures


def test_a_peer_without_cellpose_is_a_failure_that_is_told(tmp_path, small):
    outcome = speed.study(tmp_path, small.model_copy(update={"peer": Path(sys.executable)}))
    assert len(outcome.failures) == 1
    assert "'precision' ended" in outcome.failures[0]
    assert (tmp_path / "speed.html").is_file()


def test_a_peer_that_is_not_there_is_named(tmp_path, small):
    with pytest.raises(InputError, match="no such interpreter"):
        speed.study(tmp_path, small.model_copy(update={"peer": tmp_path / "none"}))


def test_an_unknown_piece_of_work_is_refused_with_the_known_ones(tmp_path, capsys):
    words = ["study", "speed", "--output", str(tmp_path / "out"), "--works", "masks,mask"]
    for more in ([], ["--dry-run"]):
        assert main([*words, *more]) == 2
        told = capsys.readouterr().err
        assert "'mask'" in told
        assert all(work.name in told for work in speed.WORKS)
    assert not (tmp_path / "out").exists()


def test_cells_of_the_study_are_all_there_and_apart():
    masks = draw_masks(300, np.random.default_rng(0))
    assert len(np.unique(masks)) == 101
    assert speed.same_cells(masks, masks) == 1
    assert speed.cosine(np.ones((2, 3, 3)), -np.ones((2, 3, 3))) == pytest.approx(-1)


def test_a_step_of_either_training_is_timed(tmp_path, small):
    settings = small.model_copy(update={"works": ("train", "train_restoration")})
    outcome = speed.study(tmp_path, settings)
    table = json.loads((tmp_path / "speed.json").read_text())["tables"]["Speed"]
    assert [row["work"] for row in table] == [
        "training step, segmentation",
        "training step, restoration",
    ]
    assert all(row["ours s"] > 0 for row in table)
    assert not outcome.failures
