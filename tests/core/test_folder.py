"""Finding images, their neighbours, their masks, and naming results."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cellmend.errors import FileFormatError, InputError
from cellmend.io import read
from cellmend.io.folder import list_images, output_path, siblings
from cellmend.io.pairs import find_pairs, masks_beside, masks_of, training_pairs


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def names(files) -> list[str]:
    return [file.name for file in files]


DERIVED = [
    "a_masks.tif",
    "a_cp_masks.png",
    "a_seg.npy",
    "a_flows.tif",
    "a_flows_0.tif",
    "a_cp_flows.tif",
    "a_dP.tif",
    "a_cp_cellprob.tif",
    "a_cp_output.png",
    "a_outlines.png",
    "a_outlines_cp_masks.png",
    "a_overlay.png",
    "b_restored.tif",
    "a_rois.zip",
    "a_cp_outlines.txt",
    ".hidden.tif",
    "notes.md",
    "a_img_cp_masks.tif",
]


def test_images_of_a_folder_in_natural_order(tmp_path):
    touch(tmp_path, "img10.tif", "img2.TIF", "b.png", "Img1.npy", *DERIVED)
    (tmp_path / "folder.tif").mkdir()
    found = list_images([tmp_path])
    assert names(found.files) == ["b.png", "Img1.npy", "img2.TIF", "img10.tif"]
    assert found.problems == []


def test_one_bad_input_does_not_stop_the_others(tmp_path):
    touch(tmp_path / "full", "a.tif", "b.tif", "c.png", "a_masks.tif")
    touch(tmp_path / "bare", "notes.txt")
    inputs = [
        tmp_path / "missing.tif",
        tmp_path / "full" / "*.tif",
        tmp_path / "bare",
        str(tmp_path / "*.czi"),
        tmp_path / "full" / "a_masks.tif",
        tmp_path / "full",
    ]
    found = list_images(inputs)
    assert names(found.files) == ["a.tif", "b.tif", "a_masks.tif", "c.png"]
    assert [problem.path for problem in found.problems] == [Path(inputs[i]) for i in (0, 2, 3)]
    for problem, word in zip(found.problems, ("no such", "no images", "no image"), strict=True):
        assert word in str(problem)


def test_what_cannot_be_reached_is_a_problem_of_its_own(tmp_path, monkeypatch):
    touch(tmp_path / "open", "a.tif")
    touch(tmp_path / "locked", "b.tif")
    look = Path.stat

    def stat(path, **options):
        if path.parent == tmp_path / "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    locked = tmp_path / "locked" / "b.tif"
    found = list_images([locked, tmp_path / "open"])
    assert names(found.files) == ["a.tif"]
    assert str(found.problems[0]) == f"{locked}: it cannot be reached (Permission denied)."
    with pytest.raises(FileFormatError, match="cannot be opened"):
        read(locked)


def test_a_name_with_brackets_is_a_name(tmp_path):
    touch(tmp_path, "a[1].tif")
    assert names(list_images([tmp_path / "a[1].tif"]).files) == ["a[1].tif"]


def test_siblings_are_the_images_of_the_folder_and_the_file_itself(tmp_path):
    touch(tmp_path, "a1.tif", "a2.tif", "a10.tif", "a3_masks.tif")
    assert names(siblings(tmp_path / "a2.tif")) == ["a1.tif", "a2.tif", "a10.tif"]
    assert "a3_masks.tif" in names(siblings(tmp_path / "a3_masks.tif"))


def test_names_of_results():
    assert output_path("d/a.b.tif", "_cp_masks.tif") == Path("d/a.b_cp_masks.tif")
    assert output_path("d/a.ome.tif", "_seg.npy", "out") == Path("out/a.ome_seg.npy")


def test_training_pairs(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    touch(first, "a_img.tif", "a_masks.tif", "b.png", "b_masks.png", "c.tif", "c_seg.npy")
    touch(first, "d.tif", "e_img.tif", "e_img_masks.tif")
    touch(second, "readme.txt")
    pairs = find_pairs([first, second])
    assert [(a.name, b.name) for a, b in pairs.found] == [
        ("a_img.tif", "a_masks.tif"),
        ("b.png", "b_masks.png"),
        ("c.tif", "c_seg.npy"),
        ("e_img.tif", "e_img_masks.tif"),
    ]
    assert names(pairs.without_masks) == ["d.tif"]
    assert pairs.empty_folders == [second]
    assert training_pairs([first, second]) == pairs.found


def test_restored_images_are_images_where_their_originals_are_not(tmp_path):
    (tmp_path / "a_restored.tif").touch()
    assert [file.name for file in list_images([tmp_path]).files] == ["a_restored.tif"]
    (tmp_path / "a.png").touch()
    assert [file.name for file in list_images([tmp_path]).files] == ["a.png"]


def test_corrections_come_first_for_an_image_named_by_itself(tmp_path):
    for name in ("a.tif", "a_masks.tif", "a_seg.npy"):
        (tmp_path / name).touch()
    assert training_pairs([tmp_path])[0][1].name == "a_masks.tif"
    assert training_pairs([tmp_path / "a.tif"])[0][1].name == "a_seg.npy"


def test_corrections_saved_of_an_image_come_before_all_other_masks(tmp_path):
    touch(tmp_path, "a_img.tif", "a_masks.tif", "a_img_masks.tif", "a_seg.npy", "a_img_seg.npy")
    image = tmp_path / "a_img.tif"
    assert training_pairs([image])[0][1].name == "a_img_seg.npy"
    (tmp_path / "a_img_seg.npy").unlink()
    assert training_pairs([image])[0][1].name == "a_seg.npy"
    (tmp_path / "a_seg.npy").unlink()
    assert training_pairs([image])[0][1].name == "a_masks.tif"


def test_computed_masks_are_shown_last_and_never_trained_on(tmp_path):
    image = tmp_path / "a_img.tif"
    order = ("a_img_seg.npy", "a_masks.tiff", "a_masks.png", "a_img_cp_masks.tif")
    touch(tmp_path, image.name, "a_cp_masks.tif", "a_img_cp_masks.png", *order)
    for name in order:
        assert masks_beside(image) == tmp_path / name
        (tmp_path / name).unlink()
    assert masks_beside(image) == tmp_path / "a_img_cp_masks.png"
    assert masks_of(image) is None
    with pytest.raises(InputError, match="no images with masks"):
        training_pairs([tmp_path])
    (tmp_path / "a_img_cp_masks.png").unlink()
    assert masks_beside(image) is None  # a_cp_masks.tif was computed of another image


def test_folders_without_pairs_are_an_error(tmp_path):
    touch(tmp_path, "a.tif")
    with pytest.raises(InputError, match=r"no images with masks.*1 images"):
        training_pairs([tmp_path])
    with pytest.raises(InputError, match="is not there"):
        training_pairs([tmp_path / "b.tif"])


def test_training_images_may_be_named_one_by_one(tmp_path):
    touch(tmp_path, "a.tif", "a_masks.tif", "b.tif", "b_masks.tif")
    assert training_pairs([tmp_path / "b.tif"]) == [(tmp_path / "b.tif", tmp_path / "b_masks.tif")]
