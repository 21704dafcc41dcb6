"""Baselines of the restoration study that are trained."""

import importlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from cellmend.errors import Cancelled
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.registry import ModelCard, load_model
from cellmend.restore.degrade import Degradation
from cellmend.study import losses, trained
from cellmend.study.cases import masked_files
from cellmend.study.losses import loss_methods
from cellmend.study.settings import RestorationStudySettings
from cellmend.study.strength import Degraded
from cellmend.study.trained import blind_methods, noisy_pairs, taught_methods

SHORT = RestorationStudySettings(blind_epochs=1, training_epochs=1)


@pytest.fixture(autouse=True)
def small_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take few small crops."""
    # `cellmend.train` has functions of the same names.
    blind, paired = (importlib.import_module(f"cellmend.train.{n}") for n in ("blind", "paired"))
    small = {"images_per_epoch": 2, "batch_size": 2, "crop": 32, "widths": (4, 8)}
    monkeypatch.setattr(trained, "SMALL_WIDTHS", (4, 8))
    for name, usual in blind.BLIND_SETTINGS.items():
        monkeypatch.setitem(blind.BLIND_SETTINGS, name, usual.model_copy(update=small))
    usual = paired.PAIRED_SETTINGS
    monkeypatch.setattr(paired, "PAIRED_SETTINGS", usual.model_copy(update=small))


@pytest.fixture
def noisy() -> Degraded:
    plane = np.random.default_rng(0).random((48, 48)).astype(np.float32)
    return Degraded(plane, "denoise", Degradation(poisson=2), 18.0, plane)


def test_blind_methods_change_the_image_and_say_how_long_they_learn(noisy: Degraded) -> None:
    methods = blind_methods(SHORT)
    assert [(m.name, m.setting) for m in methods] == [
        ("noise2void", "1 epochs"),
        ("noise2self", "1 epochs"),
    ]
    assert blind_methods(SHORT.model_copy(update={"baselines": ()})) == []
    first, again = (methods[1].restore(noisy) for _ in range(2))
    assert first.shape == noisy.image.shape
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - noisy.image).mean() > 0.01


def test_pairs_show_cells_of_thirty_pixels_with_other_noise_each_time(pairs_folder: Path) -> None:
    pairs = noisy_pairs(masked_files([pairs_folder], 2), seed=0)
    assert len(pairs) == 6
    (first, clean), (second, same) = pairs[:2]
    np.testing.assert_array_equal(clean, same)
    assert (first != second).any()
    assert clean.shape == first.shape
    assert clean.shape[0] == pytest.approx(96 * 30 / 18, rel=0.1)


def test_without_folders_nothing_is_taught(tmp_path: Path) -> None:
    assert taught_methods(SHORT, tmp_path) == []


def test_what_was_taught_is_kept(
    pairs_folder: Path, home: Path, tmp_path: Path, noisy: Degraded
) -> None:
    settings = SHORT.model_copy(update={"training": (pairs_folder,), "baselines": ("care",)})
    (care,) = taught_methods(settings, tmp_path / "kept")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    assert [path.suffix for path in written] == [".safetensors"]
    os.utime(next(pairs_folder.iterdir()), (0, 0))  # as in another copy of the same files
    (again,) = taught_methods(settings, tmp_path / "kept")
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert (care.name, care.setting, care.task) == ("care", "1 epochs", "denoise")
    assert care.key == again.key
    np.testing.assert_array_equal(care.restore(noisy), again.restore(noisy))
    longer = settings.model_copy(update={"seed": 1})
    assert taught_methods(longer, tmp_path / "kept")[0].key != care.key


def test_the_segmentation_network_is_trained_on_and_judges_itself(
    pairs_folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "CROPS_PER_EPOCH", 8)
    card = ModelCard(name="chance", widths=(4, 8))
    start = home / "models" / "chance.safetensors"
    save_weights(start, CPNet(2, 3, (4, 8)).eval(), card.model_dump(mode="json"))
    settings = SHORT.model_copy(
        update={"training": (pairs_folder,), "baselines": ("retrained",), "segmenter": "chance"}
    )
    (method,) = trained.taught_methods(settings, tmp_path / "kept")
    assert method.segmenter is not None
    nets = load_model(start).net, method.segmenter.model.net
    before, after = (net.state_dict() for net in nets)
    assert any((before[name] != after[name]).any() for name in before)
    assert method.key == method.segmenter.model.sha256


def test_a_network_for_each_task_and_loss_goes_on_where_it_was_stopped(
    pairs_folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noisy: Degraded
) -> None:
    usual = trained.crops_settings
    small = {"images_per_epoch": 4, "batch_size": 2, "crop": 32}
    monkeypatch.setattr(losses, "SMALL_WIDTHS", (4, 8))
    monkeypatch.setattr(
        losses, "crops_settings", lambda chosen: usual(chosen).model_copy(update=small)
    )
    card = ModelCard(name="chance", widths=(4, 8))
    judge = home / "models" / "chance.safetensors"
    save_weights(judge, CPNet(2, 3, (4, 8)).eval(), card.model_dump(mode="json"))
    settings = RestorationStudySettings(
        training=(pairs_folder,),
        training_epochs=2,
        segmenter="chance",
        losses=("perceptual+segmentation", "reconstruction"),
    )
    folder = tmp_path / "kept"

    class Stop:
        """Cancels in the second epoch of the first network."""

        def step(self, done: int, total: int, message: str = "") -> None:
            """Go on."""

        def check(self) -> None:
            if list(folder.glob("*/checkpoint.pt")):
                raise Cancelled

    with pytest.raises(Cancelled):
        loss_methods(settings, ("denoise", "deblur"), folder, Stop())
    (checkpoint,) = folder.glob("*/checkpoint.pt")
    assert len(torch.load(checkpoint, weights_only=True)["record"]) == 1

    methods = loss_methods(settings, ("denoise", "deblur"), folder)
    assert [(method.task, method.name, method.setting) for method in methods] == [
        ("denoise", "perceptual+segmentation loss", "2 epochs"),
        ("denoise", "reconstruction loss", "2 epochs"),
        ("deblur", "perceptual+segmentation loss", "2 epochs"),
        ("deblur", "reconstruction loss", "2 epochs"),
    ]
    assert len({method.key for method in methods}) == 4
    assert sorted(path.suffix for path in folder.iterdir()) == 4 * [".safetensors"]
    elsewhere = loss_methods(settings, ("denoise",), tmp_path / "elsewhere")
    np.testing.assert_array_equal(elsewhere[0].restore(noisy), methods[0].restore(noisy))
    assert loss_methods(SHORT, ("denoise",), folder) == []
