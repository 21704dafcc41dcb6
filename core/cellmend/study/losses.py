"""A restoration network for each of our losses, trained alike, to compare the losses.

Stringer & Pachitariu (Nature Methods 2025) compare them in the same way: what a network
learns from the perceptual loss, the segmentation loss, both, and the difference of pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from cellmend.progress import SILENT, Reporter, shares
from cellmend.study.cases import Files, digest, masked_files
from cellmend.study.methods import Method, model_method
from cellmend.study.settings import Loss, RestorationStudySettings, TaskChoice
from cellmend.study.trained import (
    MOST_IMAGES,
    SMALL_WIDTHS,
    crops_settings,
    fit_crops,
    kept_network,
    told_epochs,
    training_key,
)

if TYPE_CHECKING:
    from cellmend.net.unet import CPNet

WEIGHTS: dict[Loss, tuple[float, float, float]] = {
    "perceptual": (1, 0, 0),
    "segmentation": (0, 1.5, 0),
    "perceptual+segmentation": (1, 1.5, 0),
    "reconstruction": (0, 0, 1),
}
"""Of the perceptual, the segmentation and the reconstruction loss."""


def loss_methods(
    settings: RestorationStudySettings,
    tasks: Collection[TaskChoice],
    folder: Path,
    report: Reporter = SILENT,
) -> list[Method]:
    """Train, or find trained, a network for each task and loss.

    Parameters
    ----------
    settings
        Of the study; without training folders there are none of these methods.
    tasks
        What the networks are for.
    folder
        Where they are kept; a training that was stopped goes on.
    report
        Hears of progress and may cancel.

    Raises
    ------
    FileFormatError
        If a training image cannot be used.
    """
    wanted = list(product(tasks, settings.losses)) if settings.training else []
    files = masked_files(settings.training, MOST_IMAGES)
    parts = zip(wanted, shares(report, len(wanted)), strict=True)
    return [
        _method(task, loss, settings, files, folder, report=part) for (task, loss), part in parts
    ]


def _method(
    task: TaskChoice,
    loss: Loss,
    settings: RestorationStudySettings,
    files: Sequence[Files],
    folder: Path,
    *,
    report: Reporter,
) -> Method:
    from cellmend.registry import load_model
    from cellmend.restore import Restorer

    judge = load_model(settings.segmenter)

    def fit(run_dir: Path) -> CPNet:
        import torch

        from cellmend.device import pick_device
        from cellmend.train.squares import new_net
        from cellmend.train.tasks import LossWeights, RestorationTask

        chosen = crops_settings(settings).model_copy(update={"widths": SMALL_WIDTHS})
        frozen = judge.net.to(pick_device(settings.device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weights = LossWeights(*WEIGHTS[loss])
        training = RestorationTask(task, frozen, weights, float(frozen.diam_mean), chosen.crop)
        report.step(0, 1, f"training {task}, {loss} loss")
        return fit_crops(new_net(training, chosen), training, files, chosen, run_dir, report)

    key = digest(training_key(settings, files), judge.sha256, task, WEIGHTS[loss])
    path = kept_network(folder / f"{task}-{loss}-{key[:16]}.safetensors", task, fit)
    name = f"{loss} loss"
    restorer = Restorer(path, settings.device)
    return model_method(name, told_epochs(settings), restorer, settings.batch_size)
