"""``cellmend segment`` block by block and on several workers."""

import csv
import json
import os
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from drawn import draw_cells

from cellmend import scale
from cellmend.cli import main, segment_job
from cellmend.dynamics.chunks import cores
from cellmend.image import Image
from cellmend.io import read, write
from cellmend.io.labels import read_labels
from cellmend.io.tiff import read_provenance
from cellmend.progress import SILENT, Reporter
from cellmend.scale.dask_workers import local_workers

FAST = ("--diameter", "18", "--device", "cpu")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.tif"
    write(path, Image(draw_cells(180)[0], pixel_size_um={"Y": 0.5, "X": 0.5}))
    return path


def test_results_lie_where_they_always_do_and_agree(image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    kinds = "tif,zarr,restored,csv,rois"
    switches = ["--blocks", "96", "--restore", "denoise", "--save", kinds, "--output", str(folder)]
    assert main(["segment", str(image), *FAST, *switches]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "a_cp_masks.tif",
        "a_cp_masks.zarr",
        "a_restored.tif",
        "a_measurements.csv",
        "a_rois.zip",
    }
    masks = read_labels(folder / "a_cp_masks.tif")
    assert read(folder / "a_cp_masks.tif").pixel_size_um == {"Y": 0.5, "X": 0.5}
    np.testing.assert_array_equal(read_labels(folder / "a_cp_masks.zarr"), masks)
    np.testing.assert_array_equal(read(folder / "a_cp_masks.zarr").data, read(image).data)
    with (folder / "a_measurements.csv").open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == masks.max() > 30
    restored = read(folder / "a_restored.tif")
    assert restored.data.dtype == np.float32
    assert restored.pixel_size_um == {"Y": 0.5, "X": 0.5}
    record = read_provenance(folder / "a_restored.tif")
    assert record is not None
    assert record["model"] == "denoise"


def test_very_large_images_are_done_in_blocks_by_themselves(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    in_blocks = segment_job.SegmentFiles.in_blocks

    def watched(self, source, *rest):
        seen.append(source)
        return in_blocks(self, source, *rest)

    monkeypatch.setattr(scale, "LARGEST_PLANE", 180 * 180 - 1)
    monkeypatch.setattr(segment_job.SegmentFiles, "in_blocks", watched)
    small = image.with_name("small.tif")
    write(small, Image(draw_cells(90)[0]))
    assert main(["segment", str(image.parent), *FAST]) == 0
    assert seen == [image]
    assert all(file.suffix == ".tif" for file in image.parent.iterdir())
    assert read_labels(small.with_name("small_cp_masks.tif")).max() == 9


@pytest.mark.parametrize(
    ("values", "scaled"),
    [
        ("raw", ()),
        ("unit", ()),
        ("uint8", ()),
        ("raw", ("--lowhigh", "0,2", "--background", "0.1", "--invert")),
        ("raw", ("--no-normalize",)),
    ],
)
def test_restoring_in_blocks_gives_what_restoring_the_whole_gives(
    tmp_path: Path, values: str, scaled: tuple[str, ...]
) -> None:
    path = tmp_path / "a.tif"
    write(path, Image(np.stack([draw_cells(180)[0], draw_cells(180, seed=1)[0] * 2]), "CYX"))
    switches = ["--task", "denoise", "--channels", "2", *FAST, "--scale", values, *scaled]
    made = []
    for name, more in (("whole", ()), ("blocks", ("--blocks", "120"))):
        folder = tmp_path / name
        for ending in ("tif", "zarr"):
            arguments = [*switches, *more, "--output", str(folder), "--format", ending]
            assert main(["restore", str(path), *arguments]) == 0
        assert sorted(file.name for file in folder.iterdir()) == [
            "a_restored.tif",
            "a_restored.zarr",
        ]
        made.append([read(folder / f"a_restored.{ending}") for ending in ("tif", "zarr")])
    whole, blocks = made
    np.testing.assert_array_equal(blocks[0].data, blocks[1].data)
    assert (blocks[0].axes, blocks[0].data.dtype) == ("CYX", whole[0].data.dtype)
    spread = float(np.ptp(whole[0].data[1].astype(float)))
    difference = np.abs(blocks[0].data.astype(float) - whole[0].data.astype(float))
    assert difference[0].max() < 0.01 * spread  # only normalised
    assert difference[1].mean() < 0.02 * spread
    records = [read_provenance(tmp_path / name / "a_restored.tif") for name in ("whole", "blocks")]
    assert [(r["model"], r["settings"]["diameter"]) for r in records if r] == [("denoise", 18)] * 2


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        (["--task", "filter", "--filter", "gaussian", "--blocks", "96"], "whole images"),
        (["--task", "denoise", "--blocks", "10"], "'blocks'"),
    ],
)
def test_restoring_in_blocks_that_cannot_be_is_refused(
    image: Path, switches: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", str(image), *switches]) == 2
    assert reason in capsys.readouterr().err
    assert [file.name for file in image.parent.iterdir()] == ["a.tif"]


def test_flows_are_not_kept_of_blocks(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(image), *FAST, "--blocks", "96", "--save", "flows"]) == 2
    assert "--save 'flows'" in capsys.readouterr().err
    assert [file.name for file in image.parent.iterdir()] == ["a.tif"]


def test_a_run_that_failed_keeps_what_was_found(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    switches = ["--blocks", "96"]
    with monkeypatch.context() as patched:
        patched.setattr("cellmend.io.parts.write_tiff", full)
        assert main(["segment", str(image), *FAST, *switches]) == 1
    assert "No space left" in capsys.readouterr().err
    (left,) = image.parent.glob("*.partial")
    assert len(list((left / "found").glob("*.json"))) == 4
    assert main(["segment", str(image), *FAST, *switches]) == 0
    assert not left.exists()


def test_workers_give_what_one_process_gives(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = image.with_name("b.tif")
    write(other, Image(draw_cells(96, seed=3)[0]))
    broken = image.with_name("c.tif")
    broken.write_bytes(b"II*\0 damaged")
    outputs = []
    for name, switches in (("alone", ()), ("shared", ("--workers", "2"))):
        folder = tmp_path / name
        arguments = [*FAST, *switches, "--output", str(folder), "--json"]
        assert main(["segment", str(image.parent), *arguments]) == 1
        report = json.loads(capsys.readouterr().out)
        assert [file["status"] for file in report["files"]] == ["done", "done", "failed"]
        in_blocks = [*FAST, *switches, "--output", str(folder / "blocks"), "--blocks", "96"]
        assert main(["segment", str(image), *in_blocks]) == 0
        capsys.readouterr()
        files = ("a_cp_masks.tif", "b_cp_masks.tif", "blocks/a_cp_masks.tif")
        outputs.append([read_labels(folder / file) for file in files])
    for alone, shared in zip(*outputs, strict=True):
        np.testing.assert_array_equal(alone, shared)


def test_workers_neither_overwrite_an_input_nor_the_result_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a_restored.tif", "a.tif", "b.tif", "b.tiff")
    inputs = [tmp_path / "in" / name for name in names]
    for seed, file in enumerate(inputs):
        write(file, Image(draw_cells(64, seed=seed)[0]))
    before = inputs[0].read_bytes()
    switches = ["--workers", "2", "--device", "cpu", "--json"]
    assert main(["restore", *map(str, inputs), *switches]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [file["status"] for file in report["files"]] == ["done", "failed", "done", "failed"]
    assert inputs[0].read_bytes() == before


def test_workers_share_the_cores_and_leave_this_process_as_it_was() -> None:
    before = dict(os.environ)

    def threads(item: int, report: Reporter) -> tuple[int, int]:
        return torch.get_num_threads(), numba.get_num_threads()

    with local_workers(2) as workers:
        found = workers.map(threads, [1, 2], SILENT)
    assert found == [(max(1, cores() // 2),) * 2] * 2
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        (["--workers", "0"], "one at least"),
        (["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], "not allowed with"),
        (["--blocks", "10"], "--blocks"),
    ],
)
def test_wrong_numbers_are_refused(
    image: Path, switches: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["segment", str(image), *FAST, *switches])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert reason in capsys.readouterr().err
