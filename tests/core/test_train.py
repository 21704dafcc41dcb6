"""Training: geometry of crops, what the network learns, and runs that stop and go on."""

import numpy as np
import pytest
import tifffile
import torch
from drawn import draw_cells
from tiny import TINY, same_weights, tiny_net, tiny_settings, tiny_trainer

import cellmend
from cellmend.dynamics import masks_to_flows
from cellmend.errors import Cancelled, FileFormatError, InputError, ModelError
from cellmend.net.unet import CPNet
from cellmend.train import augment
from cellmend.train.dataset import TrainingSet
from cellmend.train.loop import Trainer, TrainingFailed, learning_rate
from cellmend.train.tasks import LossWeights, RestorationTask, SegmentationTask
from cellmend.train.validation import Validator

pytestmark = pytest.mark.usefixtures("home")


def one_batch(task, folder):
    sample = TrainingSet([folder]).load(0)
    return task.batch([task.example(sample, np.random.default_rng(0))], torch.device("cpu"))


class StopAfter:
    """A reporter that cancels after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def step(self, done, total, message=""):
        self.left -= not message

    def check(self):
        if self.left <= 0:
            raise Cancelled


def test_a_resumed_run_equals_an_uninterrupted_one(pairs_folder, tmp_path):
    whole = tiny_trainer(pairs_folder, average_decay=0.9).run()
    with pytest.raises(Cancelled):
        tiny_trainer(pairs_folder, tmp_path, average_decay=0.9).run(StopAfter(3))
    assert len(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["record"]) == 1
    resumed = tiny_trainer(pairs_folder, tmp_path, average_decay=0.9).run(resume=True)
    assert len(resumed.record) == 3
    assert [r.loss for r in resumed.record] == [r.loss for r in whole.record]
    assert same_weights(whole.net, resumed.net)


def test_loss_that_is_no_number_stops_and_keeps_the_checkpoint(pairs_folder, tmp_path):
    tiny_trainer(pairs_folder, tmp_path, epochs=1).run()
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    broken = tiny_trainer(pairs_folder, tmp_path, epochs=2)
    broken.task = BrokenTask()
    with pytest.raises(TrainingFailed, match="loss became nan in epoch 2"):
        broken.run(resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


class BrokenTask(SegmentationTask):
    def __init__(self):
        super().__init__(crop=64)

    def loss(self, net, batch):
        return super().loss(net, batch) * float("nan")


def test_training_finds_the_cells_of_four_images(pairs_folder):
    """AP at IoU 0.5 of images that were trained on; the cells are kept small to be quick."""
    settings = tiny_settings(
        epochs=10, images_per_epoch=32, batch_size=4, widths=(8, 16, 32), learning_rate=1e-2
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = CPNet(2, 3, settings.widths, diam_mean=18.0)
    task, images = SegmentationTask(diam_mean=18.0, crop=64), TrainingSet([pairs_folder])
    trained = Trainer(net, task, images, settings).run().net
    validator = Validator(images, task, settings, torch.device("cpu"), batches=8)
    validator.prepare()
    assert validator.judge(trained)[1] >= 0.95


def test_gradient_passes_through_the_frozen_network_and_leaves_it_alone(pairs_folder):
    judge = tiny_net()
    before = {key: value.clone() for key, value in judge.state_dict().items()}
    task = RestorationTask("denoise", judge, LossWeights(0.0, 1.0, 0.0), crop=64)
    restorer = CPNet(1, 1, TINY)
    loss = task.loss(restorer, one_batch(task, pairs_folder))
    loss.backward()
    assert restorer.output[2].weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judge.parameters())
    assert all(torch.equal(before[key], value) for key, value in judge.state_dict().items())


@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1.5, 0)])
def test_each_restoration_loss_works_alone(pairs_folder, weights):
    task = RestorationTask("denoise", tiny_net(), LossWeights(*weights), crop=64)
    batch = one_batch(task, pairs_folder)
    assert [part.shape for part in batch] == [(1, 1, 64, 64), (1, 1, 64, 64), (1, 3, 64, 64)]
    assert float(task.loss(CPNet(1, 1, TINY), batch).detach()) > 0


def test_turned_flows_are_the_flows_of_turned_masks():
    _, masks = draw_cells(size=120, radius=14, spacing=40)
    target = np.concatenate([masks_to_flows(masks), (masks > 0)[None]]).astype(np.float32)
    geometry = augment.turn(masks.shape, 1.2, 112, np.random.default_rng(3))
    turned = geometry.target(target)
    each = geometry.image(
        (masks == np.arange(1, masks.max() + 1)[:, None, None]).astype(np.float32)
    )
    nearest = np.where(each.max(0) > 0.5, each.argmax(0) + 1, 0).astype(np.uint32)
    inside = nearest > 0
    expected = masks_to_flows(nearest)
    cosine = (turned[:2] * expected).sum(0) / (np.linalg.norm(turned[:2], axis=0) + 1e-6)
    assert np.mean(cosine[inside]) > 0.9


def test_two_maps_in_a_row_are_one():
    rng = np.random.default_rng(0)
    first = augment.crop((100, 120), 0.8, 90, rng)
    second = augment.turn((90, 90), 1.1, 64, rng)
    image = np.random.default_rng(1).random((1, 100, 120)).astype(np.float32)
    smooth = np.stack([np.cumsum(np.cumsum(image[0], 0), 1) / 5000])
    np.testing.assert_allclose(
        first.then(second).image(smooth)[:, 20:44, 20:44],
        second.image(first.image(smooth))[:, 20:44, 20:44],
        atol=0.02,
    )


def test_schedules():
    cosine = tiny_settings(epochs=100, warmup_epochs=10, learning_rate=1.0)
    rates = [learning_rate(epoch, cosine) for epoch in range(100)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == pytest.approx(1.0)
    assert rates[99] < 0.01
    paper = tiny_settings(epochs=2000, warmup_epochs=10, learning_rate=1.0, schedule="step")
    assert learning_rate(1899, paper) == 1.0
    assert learning_rate(1910, paper) == 0.5
    assert learning_rate(1999, paper) == 2.0**-9


def test_a_model_is_fine_tuned_listed_and_used(home, pairs_folder, cells):
    events = []
    entry = cellmend.train.segmentation(
        [pairs_folder],
        name="mine",
        start_from="generalist",
        epochs=1,
        images_per_epoch=2,
        batch_size=2,
        crop=64,
        on_event=events.append,
    )
    assert [event["event"] for event in events] == ["start", "epoch", "done"]
    assert events[0]["images"] == 4
    assert entry.card.parent == "generalist"
    assert entry.card.widths == (16, 32, 64, 128)
    assert entry.card.training["record"][0]["loss"] == events[1]["loss"]
    assert cellmend.Segmenter("mine").run(cells[0], diameter=18).masks.max() > 0


def test_wrong_starts_are_named(home, pairs_folder, tmp_path):
    with pytest.raises(ModelError, match="cannot start a denoise model"):
        cellmend.train.restoration([pairs_folder], name="a", start_from="generalist")
    with pytest.raises(InputError, match="a model of Cellmend"):
        cellmend.train.segmentation([pairs_folder], name="generalist")
    with pytest.raises(InputError, match="epochs"):
        cellmend.train.segmentation([pairs_folder], name="a", epochs=0)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty"):
        cellmend.train.segmentation([empty], name="a")


def test_masks_of_another_size_are_named(pairs_folder):
    tifffile.imwrite(pairs_folder / "cells2_masks.tif", np.ones((5, 7), np.uint16))
    with pytest.raises(FileFormatError, match=r"cells2_masks\.tif.*\(5, 7\)"):
        TrainingSet([pairs_folder]).load(2)


def test_fine_tuning_takes_smaller_steps_unless_told():
    assert tiny_settings().highest_rate == 1e-3
    assert tiny_settings(start_from="generalist").highest_rate == 3e-4
    assert tiny_settings(start_from="generalist", learning_rate=0.1).highest_rate == 0.1


def test_images_without_cells_are_passed_over_and_refused_alone(pairs_folder):
    empty = np.zeros((96, 96), np.uint16)
    for index in range(3):
        tifffile.imwrite(pairs_folder / f"cells{index}_masks.tif", empty)
    rng = np.random.default_rng(0)
    training = TrainingSet([pairs_folder])
    assert all(training.draw(rng).diameter > 0 for _ in range(6))
    tifffile.imwrite(pairs_folder / "cells3_masks.tif", empty)
    with pytest.raises(InputError, match="no cells in the masks of the 4"):
        TrainingSet([pairs_folder]).draw(rng)
