"""Training models from folders of images."""

from cellmend.registry.store import run_folder
from cellmend.train.blind import fit_blind
from cellmend.train.examples import write_examples
from cellmend.train.job import blind, paired, restoration, segmentation
from cellmend.train.loop import EpochRecord, TrainingFailed
from cellmend.train.paired import fit_paired
from cellmend.train.tasks import LossWeights

__all__ = [
    "EpochRecord",
    "LossWeights",
    "TrainingFailed",
    "blind",
    "fit_blind",
    "fit_paired",
    "paired",
    "restoration",
    "run_folder",
    "segmentation",
    "write_examples",
]
