"""Runs: what they keep, what they report, when they stop, and what they go on from."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from drawn import draw_cells
from PIL import Image
from tiny import TINY, same_weights, tiny_net, tiny_settings, tiny_trainer

import cellmend
from cellmend.cli import main
from cellmend.errors import Cancelled, FileFormatError, InputError
from cellmend.net.unet import CPNet
from cellmend.train.checkpoint import RunFolder
from cellmend.train.curves import draw_curves
from cellmend.train.dataset import TrainingSet
from cellmend.train.loop import EpochRecord, Trainer, TrainingFailed, stalled
from cellmend.train.tasks import RestorationTask, SegmentationTask

pytestmark = pytest.mark.usefixtures("home")


def every_epoch(run):
    """Validate after each epoch, however short."""
    prepare = run.validator.prepare

    def then_every(report):
        prepare(report)
        run.validator.every = 1

    run.validator.prepare = then_every
    return run


def trainer(folder, run_dir=None, *, task=None, net=None, **changes):
    settings = tiny_settings(**changes)
    images = TrainingSet([folder])
    task = task or SegmentationTask(crop=settings.crop)
    return every_epoch(
        Trainer(net or tiny_net(), task, images, settings, validation=images, run_dir=run_dir)
    )


def assert_same_checkpoints(first, second):
    """The net, its average and the state of the optimiser of two runs are equal, bit for bit."""
    states = [torch.load(run / "checkpoint.pt", weights_only=True) for run in (first, second)]
    one, other = (
        {"net": s["net"], "average": s["average"] or {}, "optimizer": s["optimizer"]["state"]}
        for s in states
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def entry(epoch, loss=1.0, ap=None, best=False, **changes):
    values = dict(
        epoch=epoch,
        loss=loss,
        validation_loss=loss,
        validation_ap=ap,
        best=best,
        learning_rate=1e-3,
        seconds=1.0,
        images_per_second=8.0,
        data_wait_share=0.0,
    )
    return EpochRecord(**(values | changes))


class Worsening(SegmentationTask):
    """Learns in the first epoch, and is made to look worse in every later one."""

    def loss(self, net, batch):
        loss = super().loss(net, batch)
        if net.training:
            return loss
        Worsening.judged = getattr(Worsening, "judged", 0) + 1
        return loss + Worsening.judged

    def flows(self, net, plane, device, rng):
        return np.zeros((3, *plane.shape[1:]), np.float32) - 1


def test_the_best_weights_are_kept_beside_the_last(pairs_folder, tmp_path):
    run = trainer(pairs_folder, tmp_path, epochs=3)
    run.task = run.validator._task = Worsening(crop=64)
    Worsening.judged = 0
    result = run.run()
    assert [e.best for e in result.record] == [True, False, False]
    assert result.best_epoch == 1
    assert result.record[0].validation_ap == 0.0
    last = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["net"]
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert not torch.equal(last["output.2.weight"], best["output.2.weight"])
    assert torch.equal(result.net.output[2].weight, best["output.2.weight"])


def test_training_stops_without_progress_and_stays_stopped(pairs_folder, tmp_path):
    def run(resume):
        one = trainer(pairs_folder, tmp_path, epochs=9, patience=2)
        one.task = one.validator._task = Worsening(crop=64)
        Worsening.judged = 0
        return one.run(resume=resume)

    assert len(run(False).record) == 3
    assert len(run(True).record) == 3


def test_progress_is_judged_by_ap_then_by_loss():
    assert entry(2, loss=2.0, ap=0.6).beats(entry(1, loss=1.0, ap=0.5))
    assert entry(2, loss=0.9, ap=0.5).beats(entry(1, loss=1.0, ap=0.5))
    assert not entry(2, loss=1.0, ap=0.5).beats(entry(1, loss=1.0, ap=0.5))
    assert stalled([entry(1, best=True), entry(2), entry(3)], 2)
    assert not stalled([entry(1, best=True), entry(2)], 2)
    assert not stalled([entry(1, best=True), entry(2), entry(3)], None)
    assert not stalled([entry(1, validation_loss=None)], 1)


def test_a_resumed_run_has_the_same_best_and_refuses_other_settings(pairs_folder, tmp_path):
    part = {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "step", "images_per_epoch": 2}
    whole = trainer(pairs_folder, epochs=2, **part).run()
    trainer(pairs_folder, tmp_path, epochs=1, **part).run()
    with pytest.raises(InputError, match="batch_size 2, this one has 4"):
        trainer(pairs_folder, tmp_path, epochs=2, batch_size=4, **part).run(resume=True)
    more = trainer(pairs_folder, tmp_path, epochs=2, **part).run(resume=True)
    assert [e.epoch for e in more.record] == [1, 2]
    for name in ("loss", "validation_loss", "validation_ap", "best"):
        assert [getattr(e, name) for e in more.record] == [getattr(e, name) for e in whole.record]
    assert more.record[0].validation_ap is not None
    assert same_weights(more.net, whole.net)


def test_a_run_that_was_stopped_becomes_a_model_of_what_it_has_learnt(pairs_folder, home):
    seen = []

    class Stop:
        def step(self, done, total, message=""):
            """Only whether to go on is asked."""

        def check(self):
            if sum(event["event"] == "epoch" for event in seen) == 2:
                raise Cancelled

    how = dict(tiny_settings(epochs=9)) | {"on_event": seen.append}
    with pytest.raises(Cancelled):
        cellmend.train.segmentation([pairs_folder], **how, report=Stop())
    seen.clear()
    entry = cellmend.train.segmentation([pairs_folder], **(how | {"epochs": 2}), resume=True)
    assert [event["event"] for event in seen] == ["start", "done"]
    assert [one["epoch"] for one in entry.card.training["record"]] == [1, 2]
    assert entry.card.training["settings"]["epochs"] == 2


def test_a_run_of_a_version_that_knew_fewer_settings_is_resumed(pairs_folder, tmp_path):
    trainer(pairs_folder, tmp_path, epochs=1).run()
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    del state["settings"]["partial"], state["settings"]["normalize"]["dark_frame"]
    torch.save(state, path)
    with pytest.raises(InputError, match="partial False, this one has True"):
        trainer(pairs_folder, tmp_path, epochs=2, partial=True).run(resume=True)
    assert len(trainer(pairs_folder, tmp_path, epochs=2).run(resume=True).record) == 2


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_resumed_after_validation_ends_in_the_same_state(optimizer, pairs_folder, tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    how = {"optimizer": optimizer, "average_decay": 0.9}
    trainer(pairs_folder, whole, epochs=2, **how).run()
    trainer(pairs_folder, part, epochs=1, **how).run()
    trainer(pairs_folder, part, epochs=2, **how).run(resume=True)
    assert_same_checkpoints(whole, part)


def test_a_loss_that_is_no_number_tells_why_and_keeps_the_best(pairs_folder, tmp_path):
    trainer(pairs_folder, tmp_path, epochs=1).run()
    kept = {file.name: file.read_bytes() for file in tmp_path.glob("*.pt")}
    assert set(kept) == {"best.pt", "checkpoint.pt"}
    broken = trainer(pairs_folder, tmp_path, epochs=3)
    broken.validator = None
    load = broken._load

    def load_and_break():
        load()
        with torch.no_grad():
            broken.net.output[2].weight.fill_(float("nan"))

    broken._load = load_and_break
    with pytest.raises(TrainingFailed, match="nan in epoch 2: the steps were too large"):
        broken.run(resume=True)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.pt")} == kept


KILLED = """
    import os, signal, sys
    sys.path[:0] = {paths!r}
    import torch
    from tiny import tiny_trainer
    save, calls = torch.save, 0

    def save_half(state, path):
        global calls
        calls += 1
        save(state, path)
        if calls == 2:
            os.truncate(path, os.path.getsize(path) // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = save_half
    tiny_trainer({folder!r}, __import__("pathlib").Path({run!r})).run()
"""


def test_a_run_killed_in_the_middle_of_a_checkpoint_goes_on(pairs_folder, tmp_path):
    run = tmp_path / "run"
    paths = [str(Path(__file__).parent), *sys.path]
    code = textwrap.dedent(KILLED).format(paths=paths, folder=str(pairs_folder), run=str(run))
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert len(list(run.iterdir())) == 2  # the checkpoint, and the half of the next
    resumed = tiny_trainer(pairs_folder, run).run(resume=True)
    whole = tiny_trainer(pairs_folder, tmp_path / "whole").run()
    assert [e.loss for e in resumed.record] == [e.loss for e in whole.record]
    assert_same_checkpoints(run, tmp_path / "whole")
    assert [file.name for file in run.iterdir()] == ["checkpoint.pt"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK half of it")
    with pytest.raises(FileFormatError, match=r"checkpoint\.pt: this checkpoint is damaged"):
        RunFolder(tmp_path).load(torch.device("cpu"))


def test_a_frozen_segmenter_never_changes_while_a_restorer_learns(pairs_folder):
    judge = tiny_net()
    before = {key: value.clone() for key, value in judge.state_dict().items()}
    task = RestorationTask("upsample", judge, crop=64)
    net = CPNet(1, 1, TINY)
    start = net.output[2].weight.clone()
    result = trainer(pairs_folder, task=task, net=net, epochs=2).run()
    assert not torch.equal(start, result.net.output[2].weight)
    assert all(torch.equal(before[key], value) for key, value in judge.state_dict().items())
    assert result.record[0].validation_ap is not None


def test_the_lines_of_a_training_say_how_it_goes(pairs_folder, capsys):
    image, masks = draw_cells(seed=9)
    tifffile.imwrite(pairs_folder / "more_img.tif", image)
    tifffile.imwrite(pairs_folder / "more_masks.tif", masks.astype(np.uint16))
    words = ["train", "segmentation", str(pairs_folder), "--name", "told", "--json"]
    quick = "--epochs 2 --crop 64 --widths 4,8 --batch-size 2 --degrade denoise --average-decay 0.5"
    assert main([*words, *quick.split()]) == 0
    start, *epochs, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert (start["images"], start["validation_images"]) == (4, 1)
    assert [e["epoch"] for e in epochs] == [1, 2]
    for event in epochs:
        assert event["loss"] > 0
        assert event["images_per_second"] > 0
        assert 0 <= event["data_wait_share"] <= 1
        assert event["eta_seconds"] >= 0
    assert epochs[-1]["eta_seconds"] == 0
    assert epochs[-1]["validation_ap"] is not None
    model = Path(done["model"])
    with (model.parent / "told_training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [event["loss"] for event in epochs]
    with Image.open(model.parent / "told_training.png") as picture:
        assert np.asarray(picture).std() > 0
    assert cellmend.registry.find("told").card.training["degradation"] == "denoise"


def test_curves_fall_where_the_loss_does():
    record = [entry(e, loss=4.0 / e, ap=e / 10) for e in range(1, 9)]
    pixels = np.asarray(draw_curves(record)).astype(int)
    orange = (np.abs(pixels - (0xD1, 0x69, 0x0E)).sum(axis=2) < 30)[40:]
    left, right = orange[:, 75:110], orange[:, 390:415]
    assert np.argwhere(left)[:, 0].mean() < np.argwhere(right)[:, 0].mean()
    rising = orange[:, 525:560], orange[:, 840:865]
    assert np.argwhere(rising[0])[:, 0].mean() > np.argwhere(rising[1])[:, 0].mean()
