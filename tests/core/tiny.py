"""The smallest networks and runs that tests of training share."""

import torch

from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.train.dataset import TrainingSet
from cellmend.train.loop import Trainer
from cellmend.train.tasks import SegmentationTask

TINY = (4, 8, 12, 16)


def tiny_settings(**changes):
    values = {
        "name": "tiny",
        "epochs": 3,
        "images_per_epoch": 4,
        "batch_size": 2,
        "crop": 64,
        "widths": TINY,
        "warmup_epochs": 0,
        "device": "cpu",
    }
    return TrainSettings(**(values | changes))


def tiny_net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CPNet(2, 3, TINY)


def tiny_trainer(folder, run_dir=None, **changes):
    settings = tiny_settings(**changes)
    task = SegmentationTask(crop=settings.crop)
    return Trainer(tiny_net(), task, TrainingSet([folder]), settings, run_dir=run_dir)


def same_weights(first, second):
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in first.state_dict().items())
