"""Baselines that are trained: Noise2Void, Noise2Self, CARE, and a segmentation network.

Their settings are those of Stringer & Pachitariu (Nature Methods 2025) but for the number
of epochs, which the settings of the study say, and the rate of the first two.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.net.card import file_sha256
from cellmend.net.scaled import scaled_shape
from cellmend.normalize import normalize
from cellmend.params import TileSettings, TrainSettings
from cellmend.planes import resize_plane
from cellmend.progress import SILENT, Reporter, shares
from cellmend.restore.degrade import degrade, random_degradation
from cellmend.study.cases import NETWORK_DIAMETER, Files, digest, masked_files, read_case
from cellmend.study.methods import Method, model_method
from cellmend.study.settings import RestorationStudySettings
from cellmend.study.strength import Degraded

if TYPE_CHECKING:
    from cellmend.net.unet import CPNet
    from cellmend.train.protocols import Task

Floats = NDArray[np.float32]

TASK = "denoise"
"""What these baselines are for, in the paper and here."""
BLIND = ("noise2void", "noise2self")
SMALL_WIDTHS = (8, 16, 32, 64)
"""Of the networks that learn from one image, and of those that compare losses: those of the
denoise model that comes with the program."""
MOST_IMAGES = 40
"""Images that are taken of each training folder, evenly over their names."""
CARE_SIDE = 340
CARE_NOISES = 3
"""Times that each training image is made noisy; 20 in the paper, for longer trainings."""
CROPS_PER_EPOCH = 64
CROP_SIDE = 128
"""Crops that a network with a segmentation loss sees in an epoch, and their side in pixels:
that of CARE, so that a short training has many steps."""


def blind_methods(settings: RestorationStudySettings) -> list[Method]:
    """Return the methods that are trained on each noisy image alone."""
    from cellmend.train.blind import BLIND_RATE

    epochs = settings.blind_epochs
    return [
        Method(
            name,
            f"{epochs} epochs",
            TASK,
            f"{name} {epochs} {settings.seed} {SMALL_WIDTHS} {BLIND_RATE}",
            partial(_blind, name, settings),
        )
        for name in BLIND
        if name in settings.baselines
    ]


def taught_methods(
    settings: RestorationStudySettings, folder: Path, report: Reporter = SILENT
) -> list[Method]:
    """Train, or find trained, the methods that learn from folders of images with masks.

    Parameters
    ----------
    settings
        Of the study; without training folders there are none of these methods.
    folder
        Where the networks are kept.
    report
        Hears of progress and may cancel.

    Raises
    ------
    FileFormatError
        If a training image cannot be used.
    """
    wanted = [name for name in ("care", "retrained") if name in settings.baselines]
    if not settings.training or not wanted:
        return []
    files = masked_files(settings.training, MOST_IMAGES)
    key = training_key(settings, files)
    makers = {"care": _care, "retrained": _retrained}
    parts = zip(wanted, shares(report, len(wanted)), strict=True)
    return [makers[name](settings, files, key, folder, part) for name, part in parts]


def training_key(settings: RestorationStudySettings, files: Sequence[Files]) -> tuple[object, ...]:
    """Return all that a network depends on that is trained on `files`."""
    return (
        settings.training_epochs,
        settings.seed,
        tuple(file_sha256(path) for one in files for path in (one.first, one.second)),
    )


def _blind(method: Any, settings: RestorationStudySettings, seen: Degraded) -> Floats:
    from cellmend.device import pick_device
    from cellmend.net.predict import predict
    from cellmend.net.runner import Runner
    from cellmend.train.blind import BLIND_SETTINGS, fit_blind

    chosen = BLIND_SETTINGS[method].model_copy(
        update={
            "epochs": settings.blind_epochs,
            "seed": settings.seed,
            "device": settings.device,
            "widths": SMALL_WIDTHS,
        }
    )
    net = fit_blind([seen.image], method=method, settings=chosen)
    tiles = TileSettings(batch_size=settings.batch_size)
    runner = Runner(net, pick_device(settings.device))
    restored = predict(runner, seen.image[None], tiles).pixels
    return np.asarray(restored[0])


def _care(
    settings: RestorationStudySettings,
    files: Sequence[Files],
    key: tuple[object, ...],
    folder: Path,
    report: Reporter,
) -> Method:
    """Return CARE: a network trained on pairs of a noisy and a clean image."""
    from cellmend.restore import Restorer

    def fit(run_dir: Path) -> CPNet:
        from cellmend.train.paired import PAIRED_SETTINGS, fit_paired

        chosen = PAIRED_SETTINGS.model_copy(
            update={
                "epochs": settings.training_epochs,
                "seed": settings.seed,
                "device": settings.device,
            }
        )
        pairs = noisy_pairs(files, settings.seed)
        return fit_paired(pairs, settings=chosen, run_dir=run_dir, report=report)

    path = kept_network(folder / f"care-{digest(*key)[:16]}.safetensors", TASK, fit)
    restorer = Restorer(path, settings.device)
    return model_method("care", told_epochs(settings), restorer, settings.batch_size)


def _retrained(
    settings: RestorationStudySettings,
    files: Sequence[Files],
    key: tuple[object, ...],
    folder: Path,
    report: Reporter,
) -> Method:
    """Return the segmentation network, trained on to find cells in noisy images themselves."""
    from cellmend.registry import load_model
    from cellmend.segment import Segmenter

    parent = load_model(settings.segmenter)
    full_key = (*key, parent.sha256)
    path = folder / f"retrained-{digest(*full_key)[:16]}.safetensors"

    def fit(run_dir: Path) -> CPNet:
        from cellmend.train.tasks import SegmentationTask

        chosen = crops_settings(settings).model_copy(update={"start_from": settings.segmenter})
        task = SegmentationTask(float(parent.net.diam_mean), chosen.crop, TASK)
        return fit_crops(parent.net, task, files, chosen, run_dir, report)

    kept_network(path, "segmentation", fit)
    segmenter = Segmenter(path, settings.device)
    return Method(
        "retrained",
        told_epochs(settings),
        TASK,
        segmenter.model.sha256,
        lambda seen: seen.image,
        segmenter,
    )


def crops_settings(settings: RestorationStudySettings) -> TrainSettings:
    """Return how a network is trained on crops of images with masks."""
    return TrainSettings(
        name="study",
        epochs=settings.training_epochs,
        images_per_epoch=CROPS_PER_EPOCH,
        crop=CROP_SIDE,
        warmup_epochs=0,
        seed=settings.seed,
        device=settings.device,
    )


def fit_crops(
    net: CPNet,
    task: Task[Any, Any],
    files: Sequence[Files],
    settings: TrainSettings,
    run_dir: Path,
    report: Reporter = SILENT,
) -> CPNet:
    """Train a network on crops of images with masks; go on where `run_dir` has a run."""
    from cellmend.train.dataset import TrainingSet
    from cellmend.train.loop import Trainer

    source = TrainingSet([one.first for one in files], channels=(1, 0))
    return Trainer(net, task, source, settings, run_dir=run_dir).run(report, resume=True).net


def noisy_pairs(files: Sequence[Files], seed: int) -> list[tuple[Floats, Floats]]:
    """Return (noisy, clean) normalised planes with cells of 30 pixels, noise as in training."""
    rng = np.random.default_rng(seed)
    pairs = []
    for one in files:
        case = read_case(one, CARE_SIDE)
        clean = normalize(case.image)
        clean = resize_plane(clean, scaled_shape(clean.shape, NETWORK_DIAMETER / case.diameter))
        for _ in range(CARE_NOISES):
            how = random_degradation(TASK, NETWORK_DIAMETER, rng)
            pairs.append((degrade(clean, how, rng, normalized=True), clean))
    return pairs


def kept_network(path: Path, task: Any, fit: Callable[[Path], CPNet]) -> Path:
    """Write a network with a card, unless it is there.

    Parameters
    ----------
    path
        Of the weights.
    task
        What the network is for.
    fit
        Trains it, given a folder for checkpoints, which is removed when all is done.
    """
    from cellmend.net.weights import save_weights
    from cellmend.registry import ModelCard

    if not path.exists():
        run_dir = path.with_suffix("")
        net = fit(run_dir)
        card = ModelCard(
            name=path.stem,
            task=task,
            nchan=net.nchan,
            nout=net.nout,
            widths=net.widths,
            diam_mean=float(net.diam_mean),
        )
        save_weights(path, net, card.model_dump(mode="json"))
        shutil.rmtree(run_dir, ignore_errors=True)
    return path


def told_epochs(settings: RestorationStudySettings) -> str:
    """Return how long a network was trained, as a table tells it."""
    return f"{settings.training_epochs} epochs"
