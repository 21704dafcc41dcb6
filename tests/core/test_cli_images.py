"""``cellmend degrade``, ``restore``, ``evaluate`` and ``measure`` on small files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellmend.cli import main
from cellmend.io import read
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.tiff import read_provenance


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "a_img.tif"
    path.parent.mkdir()
    values = np.random.default_rng(1).integers(0, 4000, (2, 48, 40)).astype(np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": "CYX"})
    return path


@pytest.fixture
def restorer(home: Path) -> str:
    """Install a tiny denoising model with chance weights among one's own models."""
    from cellmend.net.unet import CPNet
    from cellmend.net.weights import save_weights
    from cellmend.registry import ModelCard

    card = ModelCard(name="tiny", task="denoise", nchan=1, nout=1, widths=(4, 8))
    net = CPNet(1, 1, (4, 8)).eval()
    save_weights(home / "models" / "tiny.safetensors", net, card.model_dump(mode="json"))
    return "tiny"


def degraded(image: Path, folder: Path, *switches: str) -> np.ndarray:
    assert main(["degrade", str(image), *switches, "--output", str(folder)]) == 0
    return read(folder / "a_img.tif").data


def test_degrade_keeps_name_shape_and_original(image: Path, tmp_path: Path) -> None:
    before = image.read_bytes()
    result = degraded(image, tmp_path / "out", "--poisson", "2")
    assert result.dtype == np.float32
    assert result.shape == (2, 48, 40)
    assert image.read_bytes() == before


def test_degrade_refuses_what_is_no_number(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(image, np.full((8, 9), np.nan, np.float32))
    assert main(["degrade", str(image), "--poisson", "2", "--output", str(tmp_path / "o")]) == 1
    assert "72 of 72 values" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_seed_decides_the_noise(image: Path, tmp_path: Path) -> None:
    first, again, other = (
        degraded(image, tmp_path / name, "--poisson", "2", "--seed", seed)
        for name, seed in (("1", "5"), ("2", "5"), ("3", "6"))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_degrade_never_overwrites_its_input(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.read_bytes()
    assert main(["degrade", str(image), "--blur", "2", "--output", str(image.parent)]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_dropping_pixels_blurs_first(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["degrade", str(image), "--downsample", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["blur"] == 2.0
    assert image.with_name("a_img_degraded.tif").exists()


@pytest.mark.parametrize(
    ("scale", "dtype"), [("unit", "float32"), ("raw", "float32"), ("uint16", "uint16")]
)
def test_restore_writes_an_image_of_the_same_shape(
    image: Path, restorer: str, scale: str, dtype: str
) -> None:
    assert main(["restore", str(image), "--model", restorer, "--scale", scale]) == 0
    path = image.with_name("a_img_restored.tif")
    assert read(path).data.shape == (2, 48, 40)
    assert read(path).data.dtype == dtype
    provenance = read_provenance(path)
    assert provenance is not None
    assert provenance["model"] == restorer


def test_the_diameter_can_be_estimated(
    cells: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, cells[0])
    assert main(["restore", str(path), "--diameter", "auto", "--json"]) == 0
    assert 12 < json.loads(capsys.readouterr().out)["files"][0]["diameter"] < 26


def test_a_model_that_is_not_installed_is_never_replaced(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", str(image), "--model", "denoise-of-someone"]) == 2
    assert "denoise-of-someone" in capsys.readouterr().err
    assert main(["restore", str(image), "--model", "generalist"]) == 2


@pytest.fixture
def masks(tmp_path: Path) -> tuple[Path, Path]:
    """Write true and found masks of two images; half the cells of the second are found."""
    truth, found = tmp_path / "truth", tmp_path / "found"
    labels = np.zeros((48, 40), np.uint32)
    labels[2:12, 2:12], labels[20:30, 20:30] = 1, 2
    for name, kept in (("a", 2), ("b", 1)):
        write_labels(truth / f"{name}_masks.tif", labels)
        write_labels(found / f"{name}_img_cp_masks.tif", np.where(labels <= kept, labels, 0))
        tifffile.imwrite(truth / f"{name}_img.tif", labels.astype(np.uint8))
    return truth, found


def test_evaluate_pairs_files_and_averages_over_images(
    masks: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *map(str, masks), "--json", "--thresholds", "0.5,0.9"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [file["average_precision"] for file in report["files"]] == [[1, 1], [0.5, 0.5]]
    assert report["mean_average_precision"] == [0.75, 0.75]
    assert (report["tp"], report["fp"], report["fn"]) == ([3, 3], [0, 0], [1, 1])
    assert report["fn_rate"] == [0.25, 0.25]


def test_evaluate_names_what_has_no_partner(
    masks: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    truth, found = masks
    (found / "b_img_cp_masks.tif").unlink()
    assert main(["evaluate", str(truth), str(found)]) == 1
    told = capsys.readouterr()
    assert "b_masks.tif" in told.err
    assert "1 images" in told.out


def test_evaluate_two_files(masks: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = masks
    assert main(["evaluate", str(truth / "b_masks.tif"), str(found / "b_img_cp_masks.tif")]) == 0
    assert "0.5000" in capsys.readouterr().out


def test_evaluate_reads_masks_in_ome_zarr(
    masks: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = masks[0] / "a_masks.tif"
    found = read_labels(truth)
    write_labels(tmp_path / "zarr" / f"{truth.stem}.zarr", found)
    for prediction in (tmp_path / "zarr" / f"{truth.stem}.zarr", tmp_path / "zarr"):
        assert main(["evaluate", str(truth), str(prediction), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["mean_average_precision"] == [1, 1, 1]


def test_evaluate_refuses_masks_of_another_size(
    masks: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    truth, found = masks
    write_labels(found / "b_img_cp_masks.tif", np.ones((5, 5), np.uint32))
    assert main(["evaluate", str(truth), str(found)]) == 1
    assert "shape" in capsys.readouterr().err


def test_measure_writes_a_row_per_cell(image: Path, masks: tuple[Path, Path]) -> None:
    assert main(["measure", str(image), str(masks[0] / "a_masks.tif")]) == 0
    with image.with_name("a_img_measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["area_px"] for row in rows] == ["100", "100"]
