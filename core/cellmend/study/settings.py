"""What a person chooses for a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from cellmend.params import Settings

TaskChoice = Literal["denoise", "deblur", "upsample"]
Baseline = Literal[
    "gaussian",
    "median",
    "nl-means",
    "richardson-lucy",
    "sharpen",
    "bicubic",
    "noise2void",
    "noise2self",
    "care",
    "retrained",
]
Loss = Literal["perceptual", "segmentation", "perceptual+segmentation", "reconstruction"]
TASKS: tuple[TaskChoice, ...] = get_args(TaskChoice)
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
LOSSES: tuple[Loss, ...] = get_args(Loss)
Count = Annotated[int, Field(ge=0)]


class RestorationStudySettings(Settings):
    """How the restoration study is done; with an equal cache the rest follows.

    Attributes
    ----------
    tasks
        What is mended: each has its own degradation.
    models
        Restoration models; None takes the installed ones that carry the names of the tasks.
    segmenter
        The segmentation model that judges.
    baselines
        Methods to compare with.
    losses
        Our losses to compare: for each task and loss a restoration network is trained.
    training
        Folders of images with masks that ``care``, ``retrained`` and the networks of
        `losses` learn from; without them these are left out.
    limit
        Images taken per folder, evenly over their names; 0 for all.
    crop
        Side of the part that is taken, the one with the most cells, in pixels where
        cells have a diameter of 30; 0 for whole images.
    pictures
        Images per task that the page shows.
    blind_epochs
        Of Noise2Void and Noise2Self, which are trained on each noisy image alone.
    training_epochs
        Of ``care``, ``retrained`` and the networks of `losses`, which start from scratch.
    """

    tasks: Annotated[tuple[TaskChoice, ...], Field(min_length=1)] = TASKS
    models: tuple[str, ...] | None = None
    segmenter: str = "generalist"
    baselines: tuple[Baseline, ...] = BASELINES
    losses: tuple[Loss, ...] = LOSSES
    training: tuple[Path, ...] = ()
    limit: Count = 0
    crop: Count = 0
    pictures: Count = 3
    blind_epochs: Annotated[int, Field(ge=1)] = 100
    training_epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=1)] = 8
    device: str = "auto"
    seed: int = 0


class SegmentationStudySettings(Settings):
    """How the segmentation study is done.

    Attributes
    ----------
    models
        Segmentation models, side by side.
    diameter
        ``true``: from the true masks; ``estimated``: by each model; ``both``.
    augment
        Average over four flips of each image.
    limit, crop, pictures
        As for the restoration study; pictures are of the worst images.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1)] = ("generalist",)
    diameter: Literal["true", "estimated", "both"] = "both"
    augment: bool = False
    limit: Count = 0
    crop: Count = 0
    pictures: Count = 6
    batch_size: Annotated[int, Field(ge=1)] = 8
    device: str = "auto"


class SpeedStudySettings(Settings):
    """How the speed study is done.

    Attributes
    ----------
    peer
        The Python of an environment with Cellpose 3; None times Cellmend alone.
    works
        Names of the pieces of work; all where it is empty.
    runs
        Counted runs of each.
    side
        Of the label images in pixels.
    batch_size
        Tiles that the network takes at once.
    """

    peer: Path | None = None
    works: tuple[str, ...] = ()
    runs: Annotated[int, Field(ge=1)] = 5
    side: Annotated[int, Field(ge=448)] = 2048
    batch_size: Annotated[int, Field(ge=1, le=4)] = 4
    device: Literal["auto", "cpu"] = "cpu"
    seed: int = 0
