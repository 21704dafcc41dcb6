"""``cellmend measure`` on images and folders."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellmend.cli import main
from cellmend.io.labels import write_labels


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_masks_beside_the_image_are_found(pairs_folder: Path) -> None:
    image = pairs_folder / "cells0_img.tif"
    assert main(["measure", str(image)]) == 0
    named = rows_of(pairs_folder / "cells0_img_measurements.csv")
    assert main(["measure", str(image), str(pairs_folder / "cells0_masks.tif")]) == 0
    assert named == rows_of(pairs_folder / "cells0_img_measurements.csv")
    assert len(named) == 9


def test_a_folder_gives_one_table(pairs_folder: Path) -> None:
    assert main(["measure", str(pairs_folder)]) == 0
    rows = rows_of(pairs_folder / "measurements.csv")
    assert list(rows[0])[:2] == ["file", "label"]
    assert [row["file"] for row in rows] == [
        f"cells{i}_img.tif" for i in range(4) for _ in range(9)
    ]


def test_computed_masks_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.ones((20, 20), np.uint8))
        write_labels(tmp_path / f"{name}_cp_masks.tif", np.eye(20, dtype=np.uint32))
    assert main(["measure", str(tmp_path), "--output", str(tmp_path / "t" / "all.csv")]) == 0
    assert [row["area_px"] for row in rows_of(tmp_path / "t" / "all.csv")] == ["20", "20"]


def test_an_image_without_masks_is_named_and_the_rest_measured(
    pairs_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs_folder / "cells2_masks.tif").unlink()
    assert main(["measure", str(pairs_folder), "--json"]) == 1
    told = capsys.readouterr()
    assert "cells2_img.tif" in told.err
    assert "no masks" in told.err
    report = json.loads(told.out)
    assert report["failed"] == 1
    assert len(rows_of(pairs_folder / "measurements.csv")) == 27


def test_nothing_is_written_in_a_dry_run_or_over_a_table_to_be_kept(pairs_folder: Path) -> None:
    table = pairs_folder / "measurements.csv"
    assert main(["measure", str(pairs_folder), "--dry-run"]) == 0
    assert not table.exists()
    table.write_text("mine")
    assert main(["measure", str(pairs_folder), "--skip-existing"]) == 0
    assert table.read_text() == "mine"


@pytest.mark.parametrize("more", [["MASKS"], ["--output", "table.ods"]])
def test_wrong_usage(pairs_folder: Path, more: list[str]) -> None:
    assert main(["measure", str(pairs_folder), *more]) == 2


def test_a_folder_as_excel_workbook(pairs_folder: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    output = pairs_folder / "all.xlsx"
    assert main(["measure", str(pairs_folder), "--output", str(output)]) == 0
    header, *rows = openpyxl.load_workbook(output).active.values
    assert header[:2] == ("file", "label")
    assert [row[0] for row in rows] == [f"cells{i}_img.tif" for i in range(4) for _ in range(9)]


def test_a_folder_as_parquet(pairs_folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    output = pairs_folder / "all.parquet"
    assert main(["measure", str(pairs_folder), "--output", str(output)]) == 0
    assert parquet.read_table(output).num_rows == 36


def test_axes_that_would_be_guessed_wrong_can_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = np.zeros((3, 20, 30), np.uint16)
    masks[:, 5:9, 5:9] = 1
    tifffile.imwrite(tmp_path / "v.tif", masks * 100, photometric="minisblack")
    tifffile.imwrite(tmp_path / "v_masks.tif", masks, photometric="minisblack")
    assert main(["measure", str(tmp_path / "v.tif")]) == 1
    assert "do not fit" in capsys.readouterr().err
    assert main(["measure", str(tmp_path / "v.tif"), "--axes", "ZYX"]) == 0
    assert main(["measure", str(tmp_path), "--axes", "ZYX"]) == 0
