"""``cellmend segment`` on good and bad files, with the model that comes with the program."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cellmend
from cellmend.cli import main
from cellmend.cli.save import FORMATS, suffixes
from cellmend.io import seg_npy
from cellmend.io.folder import output_path
from cellmend.io.labels import read_labels
from cellmend.io.tiff import read_provenance

FAST = ("--diameter", "30", "--device", "cpu")


def blobs(size: int = 96) -> np.ndarray:
    """Return an image of four bright discs, 24 pixels wide."""
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for centre in ((26, 26), (26, 70), (70, 26), (70, 70)):
        image += np.hypot(y - centre[0], x - centre[1]) < 12
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return np.clip(image * 150 + 40 + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "blobs.tif"
    tifffile.imwrite(path, blobs())
    return path


def test_masks_are_written_beside_the_image(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(image), *FAST]) == 0
    masks = read_labels(image.with_name("blobs_cp_masks.tif"))
    assert masks.shape == (96, 96)
    assert len(np.unique(masks)) - 1 == 4
    assert "cells 4" in capsys.readouterr().out
    assert sorted(path.name for path in image.parent.iterdir()) == [
        "blobs.tif",
        "blobs_cp_masks.tif",
    ]


def test_every_kind_is_written_into_a_new_folder(image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    switches = ["--restore", "denoise", "--save", ",".join(FORMATS), "--output", str(folder)]
    assert main(["segment", str(image), *FAST, *switches]) == 0
    expected = {output_path(image, end).name for kind in FORMATS for end in suffixes(kind)}
    assert {path.name for path in folder.iterdir()} == expected
    assert all(path.stat().st_size > 0 for path in folder.iterdir())


def test_the_restored_image_is_written_with_all_steps_that_made_it(image: Path) -> None:
    steps = ["--restore", "denoise", "--restore", "deblur"]
    assert main(["segment", str(image), *FAST, *steps, "--save", "restored,tif"]) == 0
    first = cellmend.Restorer("denoise", "cpu").run(blobs(), axes="YX", diameter=30).image
    expected = cellmend.Restorer("deblur", "cpu").run(first, diameter=30).image
    path = image.with_name("blobs_restored.tif")
    np.testing.assert_array_equal(cellmend.read(path).data, expected.data)
    record = read_provenance(path)
    assert record is not None
    assert record["model"] == "deblur"
    assert [step["model"] for step in record["previous"]] == ["denoise"]
    assert image.with_name("blobs_cp_masks.tif").exists()


def test_a_restored_image_is_not_promised_where_nothing_is_restored(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", str(image), *FAST, "--save", "tif,restored"]
    assert main(words) == 2
    assert "--restore" in capsys.readouterr().err
    assert not image.with_name("blobs_cp_masks.tif").exists()
    config = tmp_path / "settings.yaml"
    config.write_text("restore: [denoise]\n")
    assert main([*words, "--config", str(config), "--dry-run"]) == 0
    assert "blobs_restored.tif" in capsys.readouterr().out


def segmented_to_seg(path: Path, *switches: str) -> seg_npy.SegFile:
    assert main(["segment", str(path), *FAST, *switches, "--save", "npy"]) == 0
    return seg_npy.read(path.with_name(f"{path.stem}_seg.npy"))


def test_a_seg_file_holds_the_output_of_the_network_and_the_restored_image(image: Path) -> None:
    seg = segmented_to_seg(image, "--restore", "denoise", "--flow-threshold", "0.6")
    restored = cellmend.Restorer("denoise", "cpu").run(blobs(), axes="YX", diameter=30).image
    found = cellmend.Segmenter(device="cpu").run(restored, diameter=30, flow_threshold=0.6)
    output = seg.network_output()
    assert output is not None
    np.testing.assert_array_equal(output[0], found.flows)
    np.testing.assert_array_equal(output[1], found.cellprob)
    colours, probability, zeros, nothing, _ = seg.flows
    assert (colours.shape, colours.dtype) == ((1, 96, 96, 3), np.uint8)
    assert probability.shape == zeros.shape == (1, 96, 96)
    assert nothing == []
    assert seg.img_restore is not None
    assert (seg.restore, seg.ratio) == ("denoise", 1.0)
    np.testing.assert_array_equal(seg.img_restore[0, ..., 0], np.clip(restored.data * 255, 0, 255))
    assert seg.colors is not None
    assert seg.ismanual is not None
    assert (seg.colors.shape, seg.ismanual.tolist()) == ((4, 3), [False] * 4)
    assert (seg.chan_choose, seg.model_path, seg.diameter) == ((0, 0), "generalist", 30)
    assert (seg.flow_threshold, seg.cellprob_threshold) == (0.6, 0)


def test_a_seg_file_names_the_channels_that_were_segmented(tmp_path: Path) -> None:
    colour, several = tmp_path / "colour.tif", tmp_path / "several.tif"
    planes = np.stack([blobs()] * 3)
    tifffile.imwrite(colour, np.moveaxis(planes, 0, -1), photometric="rgb")
    tifffile.imwrite(several, planes, metadata={"axes": "CYX"}, photometric="minisblack")
    assert segmented_to_seg(colour).chan_choose == (0, 0)
    assert segmented_to_seg(several, "--axes", "CYX").chan_choose == (1, 0)
    assert segmented_to_seg(several, "--axes", "CYX", "--channels", "2,3").chan_choose == (2, 3)


def test_a_seg_file_of_a_volume_holds_the_numbers_alone(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([blobs()] * 2), metadata={"axes": "ZYX"})
    seg = segmented_to_seg(path, "--restore", "denoise")
    assert seg.masks.shape == (2, 96, 96)
    assert seg.flows[:4] == [[], [], [], []]
    assert seg.flows[4].shape == (3, 2, 96, 96)
    assert seg.img_restore is None


def bad_files(folder: Path, image: Path) -> dict[str, str]:
    """Write files that cannot be segmented; return a word of the reason for each."""
    folder.mkdir()
    tifffile.imwrite(folder / "constant.tif", np.full((64, 64), 7, np.uint8))
    tifffile.imwrite(folder / "nan.tif", np.full((64, 64), np.nan, np.float32))
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(folder / "zero.tif", np.zeros((0, 64), np.uint8))
    (folder / "empty.tif").write_bytes(b"")
    (folder / "text.tif").write_text("not an image")
    content = image.read_bytes()
    (folder / "truncated.tif").write_bytes(content[: len(content) // 2])
    return {
        "constant.tif": "constant",
        "nan.tif": "not numbers",
        "zero.tif": "no pixels",
        "empty.tif": "empty",
        "text.tif": "not a TIFF",
        "truncated.tif": "incomplete",
    }


def test_bad_files_are_named_and_the_others_done(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = bad_files(tmp_path / "bad", image)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    inputs = [tmp_path / "bad", nothing, tmp_path / "missing.tif", image]
    status = main(["segment", *map(str, inputs), *FAST, "--json"])
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert status == 1
    assert (report["done"], report["failed"]) == (1, len(reasons) + 2)
    failed = {Path(f["input"]).name: f["reason"] for f in report["files"] if "reason" in f}
    reasons |= {"nothing": "no images", "missing.tif": "no such file"}
    assert failed.keys() == reasons.keys()
    for name, word in reasons.items():
        assert word in failed[name]
        assert f"{name}: {failed[name]}" in told.err
    assert image.with_name("blobs_cp_masks.tif").exists()


def test_the_report_is_one_json_object(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(image), *FAST, "--json", "--flow-threshold", "0.6"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["command"] == "segment"
    assert report["settings"]["masks"]["flow_threshold"] == 0.6
    (file,) = report["files"]
    assert file["status"] == "done"
    assert file["cells"] == 4
    assert Path(file["outputs"][0]).exists()


def test_what_the_filters_removed_is_told_with_the_reason(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(image), *FAST, "--max-size-fraction", "0.02"]) == 0
    assert "(cells 0, diameter 30, removed 4 (too large))" in capsys.readouterr().out
    assert main(["segment", str(image), *FAST, "--json"]) == 0
    assert "removed" not in json.loads(capsys.readouterr().out)["files"][0]


def test_cells_on_the_edge_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, blobs()[24:])
    assert (
        main(["segment", str(path), *FAST, "--exclude-on-edges", "--flow-threshold", "0", "--json"])
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["masks"]["exclude_on_edges"] is True
    assert report["files"][0]["cells"] == 2
    assert report["files"][0]["removed"]["on the edge"] == 2
    masks = read_labels(tmp_path / "cut_cp_masks.tif")
    assert not masks[0].any()


def test_dry_run_writes_nothing(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = image.parent / "out"
    assert main(["segment", str(image), "--dry-run", "--output", str(folder)]) == 0
    assert "blobs_cp_masks.tif" in capsys.readouterr().out
    assert [path.name for path in image.parent.iterdir()] == ["blobs.tif"]


def test_existing_results_are_skipped(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = image.with_name("blobs_cp_masks.tif")
    masks.write_bytes(b"kept")
    assert main(["segment", str(image), "--skip-existing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 1
    assert masks.read_bytes() == b"kept"


def test_two_inputs_never_share_a_result(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "b" / "blobs.tif"
    other.parent.mkdir()
    tifffile.imwrite(other, blobs())
    inputs = [str(image), str(other)]
    assert main(["segment", *inputs, *FAST, "--output", str(tmp_path / "out")]) == 1
    assert "already holds the result" in capsys.readouterr().err


def test_a_stack_keeps_its_planes(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([blobs()] * 2), metadata={"axes": "ZYX"})
    command = ["segment", str(path), *FAST, "--stitch-threshold", "0.5", "--save", "tif,flows"]
    assert main(command) == 0
    masks = read_labels(tmp_path / "stack_cp_masks.tif")
    assert masks.shape == (2, 96, 96)
    assert len(np.unique(masks)) - 1 == 4


def test_g11_channels_are_restored_each_by_its_own_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.tif"
    both = np.stack([blobs(), blobs().T])
    tifffile.imwrite(path, both, metadata={"axes": "CYX"}, ome=False, imagej=False)
    steps = ["--restore", "denoise:1", "--restore", "denoise:2"]
    words = ["segment", str(path), "--axes", "CYX", *steps, "--channels", "1,2", *FAST, "--json"]
    assert main(words) == 0
    restorer = cellmend.Restorer("denoise", "cpu")
    first = restorer.run(both, axes="CYX", channels=(1,)).image
    restored = restorer.run(first, channels=(2,)).image
    expected = cellmend.Segmenter(device="cpu").run(restored, channels=(1, 2), diameter=30).masks
    np.testing.assert_array_equal(read_labels(tmp_path / "two_cp_masks.tif"), expected)
    capsys.readouterr()
    assert main(["segment", str(path), "--axes", "CYX", "--restore", "denoise:5", *FAST]) == 1
    assert "no channel 5" in capsys.readouterr().err


def test_a_kind_that_cannot_be_had_keeps_no_other_from_being_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.stack([blobs(64)] * 2), metadata={"axes": "ZYX"})
    assert main(["segment", str(tmp_path / "v.tif"), *FAST, "--save", "geojson,png,tif,csv"]) == 1
    told = capsys.readouterr().err
    assert "GeoJSON" in told
    assert "PNG" in told
    assert read_labels(tmp_path / "v_cp_masks.tif").shape == (2, 64, 64)
    assert (tmp_path / "v_measurements.csv").exists()


@pytest.mark.parametrize("name", [".hidden", 'a "b" c', " led by a space"])
def test_whatever_an_image_is_called_its_results_are_called_after_it(
    name: str, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / f"{name}.tif", blobs(64))
    assert main(["segment", str(tmp_path / f"{name}.tif"), *FAST, "--save", "tif,npy"]) == 0
    results = {path.name for path in tmp_path.iterdir()}
    assert results == {f"{name}.tif", f"{name}_cp_masks.tif", f"{name}_seg.npy"}


@pytest.mark.parametrize("command", [["segment"], ["restore"]])
def test_an_image_is_not_enlarged_beyond_the_memory(
    command: list[str], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(image), "--diameter", "0.001"]) == 1
    assert "enlarged to 2,880,000 x 2,880,000 pixels" in capsys.readouterr().err


def test_a_volume_is_not_stretched_beyond_the_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.stack([blobs(64)] * 2), metadata={"axes": "ZYX"})
    switches = ["--do-3d", "--anisotropy", "1e12"]
    assert main(["segment", str(tmp_path / "v.tif"), *FAST, *switches]) == 1
    assert "smaller anisotropy" in capsys.readouterr().err
