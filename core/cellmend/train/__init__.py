"""Training models from folders of images and masks."""

from cellmend.train.job import restoration, run_folder, segmentation
from cellmend.train.loop import EpochRecord, TrainingFailed
from cellmend.train.tasks import LossWeights

__all__ = [
    "EpochRecord",
    "LossWeights",
    "TrainingFailed",
    "restoration",
    "run_folder",
    "segmentation",
]
