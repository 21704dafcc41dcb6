"""Images that are read window by window and written part by part."""

import pickle

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.errors import FileFormatError
from cellmend.image import Image
from cellmend.io import parts, read, write
from cellmend.io.labels import read_labels
from cellmend.io.ome_zarr_write import write_ome_zarr
from cellmend.io.tiff import ome_metadata, read_provenance
from cellmend.io.windows import ImageWindows, stored_shape

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 37, "X": 53}


def image_of(axes, dtype=np.uint16, size=None):
    shape = tuple((size or SIZES)[axis] for axis in axes)
    data = np.random.default_rng(0).integers(0, 60_000, shape).astype(dtype)
    names = ("DNA", "actin", "ER")[: shape[axes.index("C")]] if "C" in axes else ()
    return Image(data, axes, names, {"Y": 0.5, "X": 0.5})


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["YX", "CYX", "ZYX", "TCYX", "TCZYX"]),
    st.sampled_from([".zarr", ".tif"]),
    st.integers(0, 30),
    st.integers(1, 60),
)
def test_a_window_is_that_part_of_the_image(tmp_path_factory, axes, ending, start, length):
    image = image_of(axes)
    path = tmp_path_factory.mktemp("windows") / f"a{ending}"
    write(path, image)
    windows = pickle.loads(pickle.dumps(ImageWindows(path)))  # as it is sent to a worker
    window = {"Y": slice(start, start + length), "X": slice(3, 20)}
    part = windows.read(window)
    assert windows.shape == dict(zip(axes, image.data.shape, strict=True))
    assert (part.axes, part.channel_names) == (axes, image.channel_names)
    np.testing.assert_array_equal(part.data, image.data[..., start : start + length, 3:20])


def test_of_a_zarr_only_the_chunks_in_the_window_are_read(tmp_path):
    path = tmp_path / "a.zarr"
    write(path, image_of("YX", size={"Y": 1100, "X": 600}))
    (path / "0" / "2" / "1").write_bytes(b"damaged")
    windows = ImageWindows(path)
    assert windows.read({"Y": slice(0, 1000), "X": slice(0, 600)}).data.shape == (1000, 600)
    with pytest.raises(FileFormatError, match="damaged"):
        windows.read({"Y": slice(1000, 1100), "X": slice(500, 600)})


def test_axes_that_the_file_does_not_tell_can_be_given(tmp_path):
    path = tmp_path / "a.zarr"
    data = image_of("CZYX").data
    zarr.save_array(path, np.moveaxis(data, 0, 1))
    windows = ImageWindows(path, "ZCYX")
    assert windows.about.axes == "CZYX"
    np.testing.assert_array_equal(windows.read({"Z": slice(1, 3)}).data, data[:, 1:3])


def test_the_shape_is_told_without_reading_the_image(tmp_path):
    for name in ("a.tif", "a.zarr"):
        write(tmp_path / name, image_of("CYX"))
        assert stored_shape(tmp_path / name) == (3, 37, 53)
    (tmp_path / "b.tif").write_bytes(b"no TIFF")
    assert stored_shape(tmp_path / "b.tif") == ()
    assert stored_shape(tmp_path / "missing.png") == ()


@pytest.mark.parametrize("axes", ["YX", "CYX", "TCZYX"])
def test_a_zarr_written_in_parts_is_that_written_at_once(tmp_path, axes):
    size = {"T": 1, "C": 2, "Z": 2, "Y": 1301, "X": 2203}
    image = image_of(axes, size=size)
    flat = axes.replace("C", "")
    masks = np.random.default_rng(1).integers(0, 9, [size[a] for a in flat]).astype(np.uint32)
    made_by = {"action": "segment"}
    write_ome_zarr(tmp_path / "once.zarr", image, labels=masks, provenance=made_by)
    parts.write_ome_zarr(
        tmp_path / "parts.zarr",
        image,
        lambda region: image.data[region],
        labels=lambda region: masks[region],
        provenance=made_by,
    )
    once, in_parts = (zarr.open_group(tmp_path / f"{name}.zarr") for name in ("once", "parts"))
    expected = dict(once.members(max_depth=None))
    found = dict(in_parts.members(max_depth=None))
    assert found.keys() == expected.keys()
    assert {"0", "1", "2", "labels/cells/2"} <= found.keys()
    for name, node in expected.items():
        if isinstance(node, zarr.Array):
            np.testing.assert_array_equal(found[name][...], node[...])
    attributes = in_parts.attrs.asdict()
    for one in (attributes["omero"], *attributes["multiscales"]):
        one["name"] = "once"
    assert attributes == once.attrs.asdict()


@pytest.mark.parametrize("axes", ["YX", "TZYX"])
def test_a_tiff_written_in_parts_is_the_image(tmp_path, axes):
    image = image_of(axes, np.float32, {"T": 2, "Z": 3, "Y": 700, "X": 1100})
    path = tmp_path / "a.tif"
    metadata = ome_metadata(image, {"action": "denoise"})
    parts.write_tiff(
        path,
        image.data.shape,
        np.float32,
        lambda region: image.data[region],
        ome=True,
        predictor=True,
        metadata=metadata,
    )
    again = read(path)
    assert (again.axes, again.pixel_size_um) == (axes, {"Y": 0.5, "X": 0.5})
    np.testing.assert_array_equal(again.data, image.data)
    assert read_provenance(path) == {"action": "denoise"}
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].is_tiled


def test_a_failure_while_parts_are_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "masks.tif"
    before = np.arange(600 * 600, dtype=np.uint32).reshape(600, 600)
    parts.write_tiff(path, before.shape, np.uint32, lambda region: before[region])

    def fails(region):
        if region[0].start:
            raise RuntimeError
        return before[region]

    with pytest.raises(RuntimeError):
        parts.write_tiff(path, before.shape, np.uint32, fails)
    np.testing.assert_array_equal(read_labels(path), before)
    assert [file.name for file in tmp_path.iterdir()] == ["masks.tif"]
