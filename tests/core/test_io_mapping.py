"""Large plain files are mapped: the same pixels, without a copy of them in memory."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest
import tifffile

from cellmend.errors import FileFormatError
from cellmend.io import mapping, read

NATIVE, FOREIGN = "<>" if sys.byteorder == "little" else "><"


def is_mapped(array: np.ndarray | None) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def pixels(*shape: int, dtype="u2") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def assert_mapped_as_read(path, monkeypatch, axes=None, *, mapped=True):
    plain = read(path, axes)
    assert not is_mapped(plain.data)
    monkeypatch.setattr(mapping, "MAPPED_FROM", 1000)
    image = read(path, axes)
    assert is_mapped(image.data) == mapped
    assert not image.data.flags.writeable
    assert image.data.dtype == plain.data.dtype
    assert image.data.dtype.isnative
    assert (image.axes, image.channel_names) == (plain.axes, plain.channel_names)
    assert image.pixel_size_um == plain.pixel_size_um
    np.testing.assert_array_equal(image.data, plain.data)


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "u2", "u4", "f4", "f8"])
@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_types(tmp_path, monkeypatch, dtype, ending):
    path = tmp_path / f"a.{ending}"
    values = pixels(50, 60, dtype=dtype)
    # A TIFF packs booleans eight to a byte: those must be unpacked.
    packed = dtype == "?" and ending == "tif"
    np.save(path, values) if ending == "npy" else tifffile.imwrite(path, values)
    assert_mapped_as_read(path, monkeypatch, mapped=not packed)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((50, 60, 3), None),
        ((50, 60, 3), "YXZ"),
        ((7, 2, 20, 30), "ZCYX"),
        ((7, 2, 20, 30), "TCYX"),
        ((1, 9, 20, 30), None),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_orders_of_axes(tmp_path, monkeypatch, shape, axes, ending):
    path = tmp_path / f"a.{ending}"
    values = pixels(*shape)
    np.save(path, values) if ending == "npy" else tifffile.imwrite(path, values)
    assert_mapped_as_read(path, monkeypatch, axes)


def test_columns_first(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.asfortranarray(pixels(50, 60)))
    assert_mapped_as_read(tmp_path / "a.npy", monkeypatch)


@pytest.mark.parametrize("order", [NATIVE, FOREIGN])
@pytest.mark.parametrize("kind", ["npy", "imagej", "ome", "shaped", "planar"])
def test_writers_and_byte_orders(tmp_path, monkeypatch, order, kind):
    path = tmp_path / ("a.npy" if kind == "npy" else "a.tif")
    values = pixels(5, 2, 20, 30)
    axes = {"axes": "ZCYX"}
    if kind == "npy":
        np.save(path, values.astype(f"{order}u2"))
    elif kind == "planar":
        planes = pixels(3, 20, 30)
        tifffile.imwrite(path, planes, byteorder=order, photometric="rgb", planarconfig="separate")
    elif kind == "shaped":
        tifffile.imwrite(path, values, byteorder=order)
    else:
        tifffile.imwrite(path, values, byteorder=order, metadata=axes, **{kind: True})
    assert_mapped_as_read(path, monkeypatch, mapped=order == NATIVE)


def test_coded_pixels_are_read(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", pixels(50, 60), compression="zlib")
    assert_mapped_as_read(tmp_path / "a.tif", monkeypatch, mapped=False)


def test_pages_apart_are_read(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for plane in pixels(5, 20, 30):
            tif.write(plane, contiguous=False, metadata=None)
    assert_mapped_as_read(path, monkeypatch, mapped=False)


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_a_file_cut_off_is_refused(tmp_path, monkeypatch, ending):
    path = tmp_path / f"a.{ending}"
    np.save(path, pixels(50, 60)) if ending == "npy" else tifffile.imwrite(path, pixels(50, 60))
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(mapping, "MAPPED_FROM", 1000)
    with pytest.raises(FileFormatError, match="incomplete"):
        read(path)


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_opening_takes_no_memory(tmp_path, monkeypatch, ending):
    path = tmp_path / f"a.{ending}"
    values = np.zeros((2000, 2000, 3), np.uint8)
    np.save(path, values) if ending == "npy" else tifffile.imwrite(path, values)
    monkeypatch.setattr(mapping, "MAPPED_FROM", 1 << 20)
    read(path)  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        image = read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert image.axes == "CYX"
    assert peak < values.nbytes / 10
