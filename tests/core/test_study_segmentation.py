"""``cellmend study segmentation`` on cells drawn on the spot, with real networks."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellmend.cli import main
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.registry import ModelCard
from cellmend.segment import Segmenter
from cellmend.study.cases import masked_files, read_case
from cellmend.study.segmentation import Run

pytest.importorskip("matplotlib")


@pytest.fixture
def blind_model(home: Path) -> str:
    """A model with chance weights, which finds nothing of use."""
    card = ModelCard(name="chance", widths=(4, 8))
    net = CPNet(2, 3, (4, 8)).eval()
    save_weights(home / "models" / "chance.safetensors", net, card.model_dump(mode="json"))
    return "chance"


def test_models_are_compared_side_by_side(
    pairs_folder: Path, blind_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in pairs_folder.glob("cells[13]*"):
        path.unlink()
    tifffile.imwrite(pairs_folder / "cells2_masks.tif", np.zeros((96, 96), np.uint16))
    output = tmp_path / "out"
    command = ["study", "segmentation", str(pairs_folder), "--output", str(output), "--json"]
    assert main([*command, "--models", f"generalist,{blind_model}"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert "cells2_masks" in report["failures"][0]
    rows = {(row["model"], row["diameter"]): row for row in report["tables"]["All images"]}
    assert len(rows) == 4
    assert rows["generalist", "true"]["AP@0.5"] > 0.9
    assert rows["chance", "true"]["AP@0.5"] < 0.2
    assert rows["generalist", "true"]["diameter error, median"] == 0
    assert rows["generalist", "estimated"]["diameter error, median"] < 0.3
    by_set = report["tables"]["AP per data set"]
    assert [row["data set"] for row in by_set] == [pairs_folder.name, "mean of the data sets"]
    assert list(by_set[0].values())[2:] == list(by_set[1].values())[2:]
    with (output / "segmentation.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4
    assert [float(line["true px"]) for line in lines] == [pytest.approx(18, abs=1)] * 4
    page = (output / "segmentation.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert page.count("data:image/png") == 1


def test_the_channel_of_nuclei_is_seen(pairs_folder: Path) -> None:
    path = sorted(pairs_folder.glob("*_img.tif"))[0]
    cells = tifffile.imread(path)
    nuclei = np.random.default_rng(0).integers(0, 255, cells.shape).astype(np.uint16)
    tifffile.imwrite(path, np.stack([cells, nuclei]), metadata={"axes": "CYX"})
    case = read_case(masked_files([pairs_folder])[0])
    assert case.nuclear is not None
    assert np.array_equal(case.nuclear, nuclei)
    segmenter = Segmenter("generalist")
    found = Run(segmenter, "true", 8).result(case).arrays["masks"]
    asked = segmenter.run(
        tifffile.imread(path), axes="CYX", channels=(1, 2), diameter=case.diameter
    )
    assert np.array_equal(found, asked.masks)
    alone = segmenter.run(cells, diameter=case.diameter)
    assert not np.array_equal(found, alone.masks)


def test_restoration_models_and_empty_folders_are_refused(
    pairs_folder: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["study", "segmentation", "--output", str(tmp_path / "out")]
    assert main([*command, str(pairs_folder), "--models", "denoise"]) == 2
    assert "restores images" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main([*command, str(tmp_path / "empty")]) == 2
    assert "no images with masks" in capsys.readouterr().err
