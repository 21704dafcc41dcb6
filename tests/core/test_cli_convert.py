"""``cellmend convert``: what a format can hold goes along, and masks stay the same cells."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from cellmend.cli import main
from cellmend.image import Image
from cellmend.io import read, seg_npy, write
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.tiff import read_provenance

IMAGE = Image(
    np.arange(2 * 30 * 40, dtype=np.uint16).reshape(2, 30, 40),
    "CYX",
    ("DNA", "actin"),
    {"Y": 0.5, "X": 0.25},
)
MASKS = np.zeros((30, 40), np.uint32)
MASKS[3:9, 3:12] = 5
MASKS[15:25, 20:33] = 9


def test_images_keep_everything_from_format_to_format(tmp_path, capsys):
    write(tmp_path / "a.tif", IMAGE, {"action": "restore"})
    assert main(["convert", str(tmp_path / "a.tif"), "--to", "zarr"]) == 0
    assert (
        main(["convert", str(tmp_path / "a.zarr"), "--to", "tif", "--output", f"{tmp_path}/b"]) == 0
    )
    again = read(tmp_path / "b" / "a.tif")
    np.testing.assert_array_equal(again.data, IMAGE.data)
    assert (again.axes, again.channel_names) == ("CYX", ("DNA", "actin"))
    assert again.pixel_size_um == pytest.approx({"Y": 0.5, "X": 0.25})
    assert read_provenance(tmp_path / "b" / "a.tif") == {"action": "restore"}


def test_a_png_keeps_the_pixel_size(tmp_path):
    write(tmp_path / "a.tif", IMAGE)
    assert main(["convert", str(tmp_path / "a.tif"), "--to", "png"]) == 0
    image = read(tmp_path / "a.png")
    np.testing.assert_array_equal(image.data, IMAGE.data)
    assert image.pixel_size_um == pytest.approx({"Y": 0.5, "X": 0.25})


def test_what_a_format_cannot_hold_is_refused(tmp_path, capsys):
    write(tmp_path / "a.tif", Image(np.zeros((5, 30, 40), np.uint16), "ZYX"))
    write(tmp_path / "b.tif", Image(np.zeros((30, 40), np.float32)))
    sources = [str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]
    assert main(["convert", *sources, "--to", "png"]) == 1
    told = capsys.readouterr().err
    assert "cannot hold the axes ZYX" in told
    assert "float32" in told
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("to", ["tif", "png", "npy", "zarr", "seg"])
@pytest.mark.parametrize("given", ["a_seg.npy", "a_masks.tif", "a_cp_masks.png"])
def test_masks_in_every_format(tmp_path, given, to):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE.data[0])
    source = tmp_path / given
    if given == "a_seg.npy":
        seg_npy.write(source, seg_npy.SegFile(masks=MASKS))
    else:
        write_labels(source, MASKS)
    out = tmp_path / "out"
    assert main(["convert", str(source), "--to", to, "--output", str(out)]) == 0
    name = "a_seg.npy" if to == "seg" else f"a_cp_masks.{to}"
    np.testing.assert_array_equal(read_labels(out / name), MASKS)
    if to == "seg" and given != "a_seg.npy":
        assert seg_npy.read(out / name).filename == str(tmp_path / "a.tif")


@pytest.mark.parametrize("to", ["tif", "npy", "zarr", "seg"])
def test_masks_of_volumes_over_time_keep_their_axes(tmp_path, to, capsys):
    masks = np.stack([np.stack([MASKS, MASKS * 2, MASKS]), np.zeros((3, *MASKS.shape), np.uint32)])
    seg_npy.write(tmp_path / "a_seg.npy", seg_npy.SegFile(masks=masks))
    out = tmp_path / "out"
    source = str(tmp_path / "a_seg.npy")
    assert main(["convert", source, "--to", to, "--output", str(out)]) == 0
    (made,) = out.iterdir()
    np.testing.assert_array_equal(read_labels(made), masks)
    if to == "tif":
        with tifffile.TiffFile(made) as file:
            assert file.series[0].axes == "TZYX"


def test_of_a_folder_images_or_masks_are_taken(tmp_path, capsys):
    for stem in ("a", "b"):
        (tmp_path / "in").mkdir(exist_ok=True)
        write(tmp_path / "in" / f"{stem}.tif", IMAGE)
        write_labels(tmp_path / "in" / f"{stem}_masks.tif", MASKS)
    (tmp_path / "in" / "a_masks.txt").write_text("no image")
    folder = str(tmp_path / "in")
    for to, asked in (("seg", []), ("npy", ["--masks"]), ("npy", [])):
        assert main(["convert", folder, "--to", to, *asked, "--output", f"{tmp_path}/out"]) == 0
    made = sorted(file.name for file in (tmp_path / "out").iterdir())
    ends = (".npy", "_cp_masks.npy", "_seg.npy")
    assert made == sorted(f"{stem}{end}" for stem in "ab" for end in ends)
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "b_seg.npy"), MASKS)
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "b_cp_masks.npy"), MASKS)


def test_masks_need_no_name_of_masks_where_they_are_asked_for(tmp_path, capsys):
    (tmp_path / "labels").mkdir()
    write_labels(tmp_path / "labels" / "a.tif", MASKS)
    folder = str(tmp_path / "labels")
    assert main(["convert", folder, "--to", "seg"]) == 1
    assert "no masks in this folder" in capsys.readouterr().err
    assert main(["convert", folder, "--to", "seg", "--masks"]) == 0
    np.testing.assert_array_equal(read_labels(tmp_path / "labels" / "a_seg.npy"), MASKS)


def test_axes_and_a_file_to_write(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((7, 8, 9, 30, 40), np.uint8))
    arguments = ["convert", str(tmp_path / "a.npy"), "--to", "tif", "--json"]
    assert main(arguments) == 1
    assert "--axes" in capsys.readouterr().err
    target = tmp_path / "sub" / "named.tif"
    assert main([*arguments, "--axes", "TZCYX", "--output", str(target)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"][0]["axes"] == "TCZYX"
    assert read(target).data.shape == (7, 9, 8, 30, 40)


def test_nothing_is_overwritten_by_itself(tmp_path, capsys):
    write(tmp_path / "a.tif", IMAGE)
    assert main(["convert", str(tmp_path / "a.tif"), "--to", "tif"]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "a.tif"), "--to", "zarr", "--dry-run"]) == 0
    assert not (tmp_path / "a.zarr").exists()


@pytest.mark.parametrize("to", ["tif", "zarr"])
def test_masks_keep_their_axes_and_pixel_size(tmp_path, to):
    size = {"Y": 0.5, "X": 0.25}
    series = np.stack([MASKS] * 3)
    write_labels(tmp_path / "a_masks.tif", series, axes="TYX", pixel_size_um=size)
    assert main(["convert", str(tmp_path / "a_masks.tif"), "--to", to]) == 0
    result = tmp_path / f"a_cp_masks.{to}"
    np.testing.assert_array_equal(read_labels(result), series)
    image = read(result)
    assert (image.axes, image.pixel_size_um) == ("TYX", pytest.approx(size))


@pytest.mark.parametrize("name", ["b.tiff", "b.TIF", "b.ome.tif"])
def test_the_name_of_a_file_is_no_folder(tmp_path, name):
    write(tmp_path / "a.tif", IMAGE)
    target = tmp_path / name
    assert main(["convert", str(tmp_path / "a.tif"), "--to", "tif", "--output", str(target)]) == 0
    np.testing.assert_array_equal(read(target).data, IMAGE.data)
