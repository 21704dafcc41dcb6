"""OME-Zarr: everything comes back, other readers agree, nothing in it is run."""

from __future__ import annotations

import gzip
import json
import pickle
import zipfile
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.errors import FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import inflation, limits, ome_zarr, read, write
from cellmend.io.folder import list_images
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.ome_zarr_write import write_ome_zarr

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 9, "X": 13}
images = st.tuples(
    st.sampled_from(["YX", "CYX", "ZYX", "TYX", "CZYX", "TCYX", "TZYX", "TCZYX"]),
    st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)


def image_of(axes: str, dtype: str, sized: bool, seed: int) -> Image:
    shape = tuple(SIZES[axis] for axis in axes)
    raw = np.random.default_rng(seed).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    data = np.ascontiguousarray(raw).view(dtype)[..., 0]
    names = ("DNA", "µ-actin", "ER") if "C" in axes else ()
    size = {axis: 0.31 + i for i, axis in enumerate("ZYX") if axis in axes} if sized else None
    return Image(data, axes, names, size)


@settings(max_examples=25, deadline=None)
@given(images)
def test_written_images_come_back(tmp_path_factory, spec):
    image = image_of(*spec)
    path = tmp_path_factory.mktemp("zarr") / "a.zarr"
    provenance = {"action": "restore", "settings": {"diameter": 30.0}}
    write(path, image, provenance)
    again = read(path)
    assert again.axes == image.axes
    assert not again.guessed_axes
    assert again.data.dtype == image.data.dtype
    np.testing.assert_array_equal(again.data, image.data)
    assert again.channel_names == image.channel_names
    expected = image.pixel_size_um
    assert again.pixel_size_um == (None if expected is None else pytest.approx(expected))
    assert ome_zarr.read_provenance(path) == provenance


def test_another_reader_finds_image_pyramid_and_labels(tmp_path):
    data = np.random.default_rng(0).integers(0, 999, (2, 700, 1300)).astype(np.uint16)
    masks = np.arange(700 * 1300, dtype=np.uint32).reshape(700, 1300)
    image = Image(data, "CYX", ("a", "b"), {"Y": 0.5, "X": 0.25})
    write_ome_zarr(tmp_path / "a.zarr", image, labels=masks)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    described = group.attrs["multiscales"][0]
    assert [axis["name"] for axis in described["axes"]] == ["c", "y", "x"]
    assert described["axes"][1] == {"name": "y", "type": "space", "unit": "micrometer"}
    levels = [group[entry["path"]] for entry in described["datasets"]]
    assert [level.shape for level in levels] == [(2, 700, 1300), (2, 350, 650), (2, 175, 325)]
    scales = [e["coordinateTransformations"][0]["scale"] for e in described["datasets"]]
    assert scales == [[1, 0.5, 0.25], [1, 1, 0.5], [1, 2, 1]]
    np.testing.assert_array_equal(levels[0][...], data)
    np.testing.assert_array_equal(levels[1][0, 0, 0], np.rint(data[0, :2, :2].mean()))
    labels = group["labels/cells"]
    assert group["labels"].attrs["labels"] == ["cells"]
    assert labels.attrs["image-label"]["source"] == {"image": "../../"}
    np.testing.assert_array_equal(labels["0"][...], masks)
    assert set(np.unique(labels["1"][...])) <= set(np.unique(masks))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), masks)


def test_two_hundred_thousand_cells(tmp_path):
    masks = np.arange(1, 200_001, dtype=np.uint32).reshape(2, 250, 400)
    for name in ("a.zarr", "a.tif", "a.npy"):
        write_labels(tmp_path / name, masks)
        np.testing.assert_array_equal(read_labels(tmp_path / name), masks)


def test_numbers_of_every_name_are_written(tmp_path):
    data = np.arange(12, dtype=np.longlong).reshape(3, 4)
    write(tmp_path / "a.zarr", Image(data))
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").data, data)
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(InputError, match="cannot hold"):
            write(tmp_path / "b.zarr", Image(data.astype(np.longdouble)))


def test_a_zarr_is_replaced_whole_and_nothing_else_is(tmp_path):
    image = image_of("CYX", "u2", True, 1)
    write(tmp_path / "a.zarr", image)
    (tmp_path / "a.zarr" / "stale").write_text("x")
    write(tmp_path / "a.zarr", image_of("YX", "u1", False, 2))
    assert read(tmp_path / "a.zarr").axes == "YX"
    assert not (tmp_path / "a.zarr" / "stale").exists()
    with pytest.raises(InputError, match="do not fit"):
        write_ome_zarr(tmp_path / "a.zarr", image, labels=np.zeros((3, 3), np.uint8))
    assert read(tmp_path / "a.zarr").axes == "YX"
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "thesis.txt").write_text("x")
    with pytest.raises(FileFormatError, match="no Zarr"):
        write(tmp_path / "b.zarr", image)
    assert [path.name for path in (tmp_path / "b.zarr").iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


def test_zarr_folders_are_listed_as_images(tmp_path):
    write(tmp_path / "a.zarr", image_of("YX", "u1", False, 0))
    write_labels(tmp_path / "a_cp_masks.zarr", np.ones((3, 4), np.uint8))
    (tmp_path / "empty.zarr").mkdir()
    assert list_images([tmp_path]).files == [tmp_path / "a.zarr"]
    assert list_images([tmp_path / "a.zarr"]).files == [tmp_path / "a.zarr"]


def test_version_0_5_and_zipped(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    array = group.create_array("full", shape=(5, 6), chunks=(2, 3), shards=(4, 6), dtype=">i2")
    array[...] = np.arange(30).reshape(5, 6)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [500, 250]}]
    levels = [{"path": "full", "coordinateTransformations": scale}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": levels}],
        "omero": {"channels": [{"label": "DNA"}]},
    }
    with zipfile.ZipFile(tmp_path / "b.zarr.zip", "w") as packed:
        for file in (tmp_path / "a.zarr").rglob("*"):
            if file.is_file():
                packed.write(file, file.relative_to(tmp_path / "a.zarr"))
    for name in ("a.zarr", "b.zarr.zip"):
        image = read(tmp_path / name)
        np.testing.assert_array_equal(image.data, np.arange(30).reshape(5, 6))
        assert image.data.dtype == np.int16
        assert image.pixel_size_um == pytest.approx({"Y": 0.5, "X": 0.25})
        assert image.channel_names == ("DNA",)


def test_a_bare_array_is_read_by_the_rule_for_axes(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(6, 30, 40), dtype="u1", chunks=(6, 30, 40)
    )
    array[...] = 7
    image = read(tmp_path / "a.zarr")
    assert image.axes == "ZYX"
    assert image.guessed_axes
    assert read(tmp_path / "a.zarr", axes="TYX").axes == "TYX"


# --- hostile --------------------------------------------------------------------------


class Hostile:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return exec, (f"open({str(self.trace)!r}, 'w').close()",)


def bare_v2(path: Path, chunk: bytes, **metadata: object) -> Path:
    described = {
        "zarr_format": 2,
        "shape": [4, 4],
        "chunks": [4, 4],
        "dtype": "|u1",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    path.mkdir()
    (path / ".zarray").write_text(json.dumps({**described, **metadata}))
    (path / "0.0").write_bytes(chunk)
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"shape": [1 << 20, 1 << 20]},
        {"chunks": [1 << 20, 1 << 20]},
        {"shape": [-4, 4]},
        {"dtype": "<U9"},
        {"compressor": {"id": "zlib"}},
        {"compressor": {"id": "no such"}},
    ],
    ids=str,
)
def test_hostile_arrays_are_refused_and_not_run(tmp_path, metadata):
    trace = tmp_path / "ran"
    path = bare_v2(tmp_path / "a.zarr", pickle.dumps(Hostile(trace)), **metadata)
    with pytest.raises(FileFormatError, match=r"a\.zarr"):
        read(path)
    with pytest.raises(FileFormatError):
        read_labels(path)
    assert not trace.exists()


@pytest.mark.parametrize("coding", ["zlib", "gzip", "zstd"])
def test_chunks_that_are_bombs_are_refused_before_they_unfold(tmp_path, monkeypatch, coding):
    monkeypatch.setattr(inflation, "_HARMLESS_BYTES", 1 << 16)
    for size, refused in ((1 << 22, True), (16, False)):
        raw = bytes(size)
        chunk = {
            "zlib": zlib.compress,
            "gzip": gzip.compress,
            "zstd": imagecodecs.zstd_encode,
        }[coding](raw)
        path = bare_v2(tmp_path / f"{size}.zarr", chunk, compressor={"id": coding, "level": 3})
        if refused:
            with pytest.raises(FileFormatError, match="unfolds"):
                read(path)
        else:
            assert read(path).data.shape == (4, 4)


def test_codecs_of_version_3_are_checked_inside_shards_too(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(4, 4), chunks=(2, 2), shards=(4, 4), dtype="u1"
    )
    array[...] = 1
    found = set(ome_zarr._codecs(array.metadata.to_dict()))
    assert {"sharding_indexed", "bytes", "zstd", "crc32c"} <= found
    inside = {
        "name": "sharding_indexed",
        "configuration": {"codecs": [{"name": "numcodecs.pickle"}]},
    }
    assert "numcodecs.pickle" in set(ome_zarr._codecs({"codecs": [inside]}))


@pytest.mark.parametrize("place", ["../outside", "/etc", "../../outside", "..\\outside"])
def test_paths_do_not_leave_the_folder(tmp_path, place):
    zarr.create_array(tmp_path / "outside", shape=(4, 4), dtype="u1", zarr_format=2)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": place}]}]
    with pytest.raises(FileFormatError):
        read(tmp_path / "a.zarr")


def test_a_zip_that_names_paths_outside_writes_nothing(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    with zipfile.ZipFile(inside / "a.zarr.zip", "w") as packed:
        packed.writestr("../escaped", "x")
        packed.writestr("/escaped", "x")
        packed.writestr(".zarray", "{}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileFormatError):
        read(inside / "a.zarr.zip")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(".zarray", b" " * 1_000_000)
    monkeypatch.setattr(ome_zarr, "memory_limit", lambda: 100_000)
    with pytest.raises(FileFormatError, match="memory"):
        read(tmp_path / "a.zarr.zip")
    (tmp_path / "b.zarr.zip").write_bytes(b"no zip")
    with pytest.raises(FileFormatError, match="damaged"):
        read(tmp_path / "b.zarr.zip")


def test_the_limit_is_checked_before_pixels_are_made(tmp_path, monkeypatch):
    write(tmp_path / "a.zarr", image_of("TCZYX", "f8", False, 0))
    monkeypatch.setattr(limits, "memory_limit", lambda: 1000)
    with pytest.raises(FileFormatError, match="memory"):
        read(tmp_path / "a.zarr")


def test_more_chunks_than_can_be_read_are_refused(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=(4000, 4000), chunks=(1, 1), dtype=np.uint8)
    with pytest.raises(FileFormatError, match="16,000,000 chunks"):
        read(tmp_path / "a.zarr")
