"""The project file: it gives back what went in, stays small, and believes nobody."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from drawn import draw_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cellmend.errors import CellmendError, FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.io import read
from cellmend.io.project import (
    ImageLayer,
    ImageReference,
    MaskLayer,
    PackedMasks,
    Project,
    Review,
    Step,
    manifest,
    packing,
)
from cellmend.io.tiff import write_image
from cellmend.labels.confidence import Confidence

GOLDEN = Path(__file__).parents[1] / "golden"
DATA = Path(__file__).parents[3] / "shared" / "data"


def full_project(image_file: Path, *, embed: bool = False) -> Project:
    """Return a project that uses every part of the format."""
    image = read(image_file)
    masks = draw_cells()[1]
    return Project(
        image=ImageReference.of(
            image, image_file, sha256=projects.checksum(image_file), embed=embed
        ),
        masks=(
            MaskLayer(
                "corrected",
                PackedMasks.of(masks),
                frozenset({2, 5}),
                (255, 0, 9),
                {"model": "generalist"},
                Confidence.of(masks, np.linspace(0, 1, masks.max()), np.arange(masks.max()) - 3.5),
            ),
            MaskLayer("second reader", PackedMasks.of(np.where(masks == 3, 70_000, 0))),
        ),
        active=1,
        layers=(
            ImageLayer("denoise", Image(image.data.astype(np.float32) / 7), {"task": "denoise"}),
        ),
        settings={"diameter": 17.5, "channels": [1, 0]},
        history=(
            Step("Segment", "2026-01-02T03:04:05+00:00"),
            Step("Merge", "2026-01-02T03:05:00"),
        ),
        review=Review("in progress", "ask Ada about cell 5"),
    )


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "cells.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, draw_cells()[0])
    return path


@pytest.fixture
def written(tmp_path: Path, image_file: Path) -> Path:
    path = tmp_path / "work" / "cells.cellmend"
    projects.write(path, full_project(image_file))
    return path


def assert_same(one: Project, other: Project) -> None:
    assert [layer.name for layer in one.masks] == [layer.name for layer in other.masks]
    for mine, yours in zip(one.masks, other.masks, strict=True):
        np.testing.assert_array_equal(mine.masks.unpack(), yours.masks.unpack())
        assert (mine.manual, mine.colour) == (yours.manual, yours.colour)
        assert mine.provenance == yours.provenance
        assert (mine.confidence is None) == (yours.confidence is None)
        if mine.confidence is not None and yours.confidence is not None:
            for values in ("frames", "labels", "flow_errors", "cellprobs"):
                told = (getattr(layer.confidence, values) for layer in (mine, yours))
                np.testing.assert_array_equal(*told)
    for a, b in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(a.image.data, b.image.data)
        assert a.image.data.dtype == b.image.data.dtype
        assert (a.name, a.provenance, a.image.axes) == (b.name, b.provenance, b.image.axes)
    for part in ("active", "settings", "history", "review"):
        assert getattr(one, part) == getattr(other, part)
    for part in ("shape", "axes", "channel_names", "pixel_size_um", "sha256"):
        assert getattr(one.image, part) == getattr(other.image, part)


# -- what goes in comes out


def test_a_project_is_read_as_it_was_written(written, image_file):
    back = projects.read(written)
    assert_same(back, full_project(image_file))
    np.testing.assert_array_equal(projects.load_image(back, written).data, draw_cells()[0])


@settings(max_examples=80, deadline=None)
@given(
    npst.arrays(
        np.uint32,
        npst.array_shapes(min_dims=2, max_dims=4, max_side=7),
        elements=st.sampled_from([0, 1, 2, 65_535, 65_536, 2**32 - 1]),
    )
)
def test_any_labels_are_given_back(masks):
    np.testing.assert_array_equal(PackedMasks.of(masks).unpack(), masks)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_labels_in_many_blocks(monkeypatch, dtype):
    monkeypatch.setattr(packing, "BLOCK_PIXELS", 1000)
    masks = np.stack([draw_cells()[1], draw_cells(seed=1)[1]]).astype(dtype)
    packed = PackedMasks.of(masks)
    assert len(packed.blocks) == 20
    np.testing.assert_array_equal(packed.unpack(), masks)


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        st.sampled_from(["bool", "u1", ">u2", "i4", "f4", "f8"]).map(np.dtype),
        npst.array_shapes(min_dims=2, max_dims=4, max_side=5),
    )
)
def test_any_pixels_are_given_back(pixels):
    back = packing.unpack_pixels(
        packing.pack_pixels(pixels), pixels.shape, np.dtype(pixels.dtype.name)
    )
    np.testing.assert_array_equal(back, pixels)


def test_two_hundred_thousand_cells_in_a_volume(tmp_path):
    masks = np.arange(1, 200_001, dtype=np.uint32).reshape(20, 100, 100).repeat(2, axis=2)
    image = Image(np.zeros(masks.shape, np.uint8), "ZYX", (), {"Z": 2.0, "Y": 0.5, "X": 0.25})
    project = Project(
        ImageReference.of(image, tmp_path / "v.tif", embed=True),
        (MaskLayer("m", PackedMasks.of(masks)),),
    )
    projects.write(tmp_path / "v.cellmend", project)
    back = projects.read(tmp_path / "v.cellmend")
    np.testing.assert_array_equal(back.masks[0].masks.unpack(), masks)
    carried = projects.load_image(back, tmp_path / "v.cellmend")
    assert carried.pixel_size_um == {"Z": 2.0, "Y": 0.5, "X": 0.25}
    assert carried.axes == "ZYX"


def test_masks_that_do_not_fit_the_image_are_not_written(tmp_path, image_file):
    image = ImageReference.of(read(image_file), image_file)
    wrong = Project(image, (MaskLayer("m", PackedMasks.of(np.zeros((3, 3), np.uint8))),))
    with pytest.raises(InputError, match="do not fit"):
        projects.write(tmp_path / "a.cellmend", wrong)
    with pytest.raises(InputError, match="layer"):
        projects.write(tmp_path / "a.cellmend", Project(image, ()))
    assert not (tmp_path / "a.cellmend").exists()


# -- small


def mosaic(masks: np.ndarray, size: int = 2048) -> np.ndarray:
    """Return (size, size) labels of copies of `masks`, every cell with its own id."""
    rows, columns = (-(-size // n) for n in masks.shape)
    copies = np.arange(rows * columns, dtype=np.uint32).reshape(rows, columns)
    shift = copies.repeat(masks.shape[0], 0).repeat(masks.shape[1], 1) * masks.max()
    tiled = np.tile(masks.astype(np.uint32), (rows, columns))
    return np.where(tiled > 0, tiled + shift, 0)[:size, :size].astype(np.uint32)


@pytest.mark.parametrize("source", ["drawn", "cells/usiigaci", "cells/mdck_zo1"])
def test_a_project_is_no_larger_than_a_png_of_its_labels(tmp_path, source):
    if source == "drawn":
        masks = mosaic(draw_cells(size=512, radius=13, spacing=29)[1])
    else:
        files = sorted((DATA / source / "val").glob("*_masks.tif"))
        if not files:
            pytest.skip("the microscope images are not here")
        masks = mosaic(tifffile.imread(files[0]))
    image = Image(np.zeros(masks.shape, np.uint8))
    reference = ImageReference.of(image, tmp_path / "a.tif")
    projects.write(
        tmp_path / "a.cellmend", Project(reference, (MaskLayer("m", PackedMasks.of(masks)),))
    )
    png = len(imagecodecs.png_encode(masks.astype(np.uint16)))
    assert (tmp_path / "a.cellmend").stat().st_size <= png


# -- the image


def test_project_and_image_may_move_together(written, image_file, tmp_path):
    shutil.copytree(tmp_path, tmp_path.parent / "moved", dirs_exist_ok=True)
    image_file.unlink()
    there = tmp_path.parent / "moved" / "work" / "cells.cellmend"
    assert projects.load_image(projects.read(there), there).data.shape == (96, 96)
    shutil.rmtree(tmp_path.parent / "moved")


def test_an_image_beside_the_project_is_found(written, image_file):
    image_file.rename(written.parent / image_file.name)
    assert projects.load_image(projects.read(written), written).data.shape == (96, 96)


def test_a_missing_image_is_named(written, image_file):
    image_file.unlink()
    with pytest.raises(FileFormatError, match=r"cells\.tif.*project's folder"):
        projects.load_image(projects.read(written), written)


def test_an_image_that_changed_is_refused(written, image_file):
    tifffile.imwrite(image_file, draw_cells(seed=3)[0])
    with pytest.raises(FileFormatError, match="content has changed"):
        projects.load_image(projects.read(written), written)


def test_a_project_can_carry_its_image(tmp_path, image_file):
    project = full_project(image_file, embed=True)
    projects.write(tmp_path / "a.cellmend", project)
    pixels = read(image_file).data
    image_file.unlink()
    back = projects.load_image(projects.read(tmp_path / "a.cellmend"), tmp_path / "a.cellmend")
    np.testing.assert_array_equal(back.data, pixels)
    assert back.data.dtype == pixels.dtype


# -- versions


@pytest.mark.parametrize("version", [1, 2])
def test_every_version_of_the_format_is_read(version):
    path = GOLDEN / f"project_v{version}.cellmend"
    project = projects.read(path)
    masks = project.masks[0].masks.unpack()
    truth = np.zeros((12, 16), np.uint32)
    truth[2:6, 3:9] = 1
    truth[7:11, 2:14] = 70_000
    np.testing.assert_array_equal(masks, truth)
    assert project.masks[0].manual == {70_000}
    assert project.masks[1].name == "before"
    image = projects.load_image(project, path)
    np.testing.assert_array_equal(image.data, np.arange(192, dtype=np.uint16).reshape(12, 16))
    assert image.pixel_size_um == {"Y": 0.5, "X": 0.5}
    assert project.settings == {"diameter": 12.5}
    assert project.history == (Step("Segment", "2026-01-02T03:04:05+00:00"),)
    assert project.review == Review("done", "µ")
    np.testing.assert_array_equal(project.layers[0].image.data, image.data / np.float32(4))


def test_version_2_tells_how_sure_a_run_was():
    assert projects.read(GOLDEN / "project_v1.cellmend").masks[0].confidence is None
    first, second = projects.read(GOLDEN / "project_v2.cellmend").masks
    assert second.confidence is None
    told = first.confidence
    assert told is not None
    assert (told.frames.tolist(), told.labels.tolist()) == ([0, 0], [1, 70_000])
    np.testing.assert_array_equal(told.flow_errors, [0.25, np.nan])
    np.testing.assert_array_equal(told.cellprobs, [3.5, -0.5])


def test_what_is_told_of_edited_cells_is_left_out(tmp_path, image_file):
    whole = full_project(image_file)
    layer = whole.masks[0]
    edited = layer.confidence.after_editing([(0, 2)])
    everything = edited.after_editing((0, int(label)) for label in edited.labels)
    for confidence in (edited, everything):
        path = tmp_path / "a.cellmend"
        projects.write(path, replace(whole, masks=(replace(layer, confidence=confidence),) * 2))
        back = projects.read(path).masks[0].confidence
        if confidence is everything:
            assert back is None
        else:
            assert back.labels.tolist() == [n for n in layer.confidence.labels if n != 2]


@pytest.mark.parametrize(
    ("rows", "cells"),
    [(np.zeros((4, 3)), 3), (np.full((4, 3), np.nan), 3), (np.ones((4, 3)), 2)],
    ids=["no label", "not a number", "another count"],
)
def test_confidence_in_what_is_no_cell_is_refused(written, rows, cells):
    entries = entries_of(written)
    masks = json.loads(entries["manifest.json"])["masks"]
    masks[0]["confidence"]["cells"] = cells
    rewrite(written, entries | {"confidence/0": packing.pack_pixels(rows)})
    change_manifest(written, masks=masks)
    refused(written, "cells that there cannot be|size")


def test_a_newer_version_is_refused_by_name(written):
    change_manifest(written, version=3)
    with pytest.raises(FileFormatError, match=r"newer Cellmend \(version 3"):
        projects.read(written)


def test_older_versions_are_brought_up_to_date(written, monkeypatch):
    change_manifest(written, version=1)
    monkeypatch.setattr(manifest, "VERSION", 3)
    monkeypatch.setitem(manifest.MIGRATIONS, 1, lambda old: {**old, "step": 2})
    monkeypatch.setitem(
        manifest.MIGRATIONS,
        2,
        lambda old: (
            {k: v for k, v in old.items() if k != "step"} | {"settings": {"seen": old["step"]}}
        ),
    )
    assert projects.read(written).settings == {"seen": 2}


# -- hostile and damaged files


def entries_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def change_manifest(path: Path, **values: object) -> None:
    entries = entries_of(path)
    content = json.loads(entries["manifest.json"]) | values
    rewrite(path, entries | {"manifest.json": json.dumps(content).encode()})


def refused(path: Path, reason: str) -> None:
    with pytest.raises(FileFormatError, match=reason) as error:
        projects.read(path)
    assert error.value.path == path


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "masks/../../evil", "\\\\host\\evil"])
def test_an_entry_outside_is_refused_and_nothing_written(written, name):
    rewrite(written, entries_of(written) | {name: b"evil"})
    before = sorted(written.parents[1].rglob("*"))
    refused(written, "entry that no project has")
    assert sorted(written.parents[1].rglob("*")) == before


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "masks/0/0/0", "manifest.json"])
def test_a_manifest_cannot_name_other_files(written, name):
    masks = json.loads(entries_of(written)["manifest.json"])["masks"]
    masks[0]["blocks"] = [name]
    change_manifest(written, masks=masks)
    refused(written, "blocks")


def test_more_pixels_than_memory_are_refused_before_any_is_unpacked(written):
    masks = json.loads(entries_of(written)["manifest.json"])["masks"]
    masks[0]["shape"] = [2**20, 2**20]
    change_manifest(written, masks=masks)
    refused(written, "memory")


def test_layers_that_together_claim_too_much_are_refused(written, monkeypatch):
    monkeypatch.setattr("cellmend.io.project.archive.memory_limit", lambda: 96 * 96 * 4 * 2)
    refused(written, "together|claim")


def test_a_bomb_is_refused_without_being_unpacked(written):
    """Blocks that state 96 × 96 pixels and hold 128 MiB of zeros."""
    stream = zlib.compressobj(1)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(128)) + stream.flush()
    rewrite(written, entries_of(written) | {"masks/0/0": bomb})
    tracemalloc.start()
    refused(written, "not of the size")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_bomb_of_the_archive_is_refused(written):
    rewrite(written, entries_of(written) | {"masks/0/0": bytes(1 << 24)}, zipfile.ZIP_DEFLATED)
    refused(written, "not stored")
    entries = entries_of(written)
    rewrite(written, entries | {"manifest.json": bytes(1 << 25)}, zipfile.ZIP_DEFLATED)
    refused(written, "manifest claims")


def test_one_entry_given_as_many_blocks_is_refused(written, monkeypatch):
    monkeypatch.setattr(packing, "BLOCK_PIXELS", 96 * 4)
    masks = json.loads(entries_of(written)["manifest.json"])["masks"]
    masks[0]["blocks"] = ["masks/0/0"] * 24
    change_manifest(written, masks=masks)
    refused(written, "not stored|size")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 100_000,
        b"null",
        b'{"format": "cellmend-project"}',
        b'{"format": "cellmend-project", "version": true}',
        b'{"format": "cellmend-project", "version": -1}',
        b'{"format": "cellmend-project", "version": 1, "masks": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_manifest_that_is_none_is_refused(written, content):
    rewrite(written, entries_of(written) | {"manifest.json": content})
    refused(written, "manifest")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("active", 9),
        ("active", -1),
        ("masks", []),
        ("layers", [{"name": "x"}]),
        ("surprise", 1),
        ("review", {"state": "perhaps", "note": ""}),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(written, key, value):
    change_manifest(written, **{key: value})
    refused(written, "not a whole project")


@pytest.mark.parametrize("axes", ["YX", "QYX", "ZYX"])
def test_layers_whose_axes_do_not_fit_are_refused(written, axes):
    entries = entries_of(written)
    content = json.loads(entries["manifest.json"])
    content["layers"][0] |= {"axes": axes, "channel_names": [] if axes != "YX" else ["a", "b"]}
    rewrite(written, entries | {"manifest.json": json.dumps(content).encode()})
    refused(written, "not a whole project")


def test_a_project_runs_nothing(written, monkeypatch):
    """A pickle in every place where bytes are read stays bytes."""
    evil = b"cbuiltins\nexec\n(S'import sys; sys.cellmend_evil = 1'\ntR."
    names = [name for name in entries_of(written) if name != "manifest.json"]
    rewrite(written, entries_of(written) | dict.fromkeys(names, evil))
    refused(written, "damaged")
    assert not hasattr(sys, "cellmend_evil")


def test_every_truncation_is_refused(written):
    content = written.read_bytes()
    for length in range(0, len(content), 97):
        written.write_bytes(content[:length])
        with pytest.raises(FileFormatError):
            projects.read(written)


def test_damage_anywhere_is_refused_or_harmless(written, image_file):
    whole, truth = written.read_bytes(), full_project(image_file)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 150).tolist():
        broken = bytearray(whole)
        broken[place] ^= int(rng.integers(1, 256))
        written.write_bytes(broken)
        try:
            back = projects.read(written)
        except CellmendError:
            continue
        assert_same(back, truth)  # the damage was in a date, or in another unused byte


def test_other_files_are_no_projects(tmp_path):
    for name, content in {"text": b"hello", "empty": b"", "zip": zip_of({"a": b"b"})}.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "empty|project")
    with pytest.raises(FileFormatError, match="no such file"):
        projects.read(tmp_path / "none.cellmend")


def zip_of(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [{"Y": 0.5, "X": 0.25}, {}, None], ids=["other", "none", "file's"])
def test_the_pixel_size_of_a_project_comes_before_that_of_the_file(tmp_path, size):
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    file, path = tmp_path / "a.tif", tmp_path / "a.cellmend"
    told = {"Y": 2.0, "X": 2.0}
    write_image(file, Image(pixels, pixel_size_um=told))
    reference = ImageReference.of(Image(pixels, pixel_size_um=size), file)
    masks = MaskLayer("masks", PackedMasks.of(np.zeros((6, 8), np.uint32)))
    projects.write(path, Project(reference, (masks,)))
    image = projects.load_image(projects.read(path), path)
    assert image.pixel_size_um == (pytest.approx(told) if size is None else size)
