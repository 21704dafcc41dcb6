"""Images in and out: axes, names, sizes, and a clear word for every file that is broken."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmend.errors import CellmendError, FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import limits, read, write
from cellmend.io.atomic import replacing
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.tiff import read_provenance, write_image

RAMP = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)


def shared_formats() -> Path:
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "formats"
    if not folder.is_dir():
        pytest.skip("the collection of file formats is not here")
    return folder


def stack(*lengths: int, dtype=np.uint16) -> np.ndarray:
    shape = (*lengths, 30, 40)
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(dtype)


# --- axes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axes", "ordered"),
    [
        ((30, 40), "YX", (30, 40)),
        ((2, 30, 40), "CYX", (2, 30, 40)),
        ((4, 30, 40), "CYX", (4, 30, 40)),
        ((5, 30, 40), "ZYX", (5, 30, 40)),
        ((30, 40, 3), "CYX", (3, 30, 40)),
        ((1, 30, 40), "YX", (30, 40)),
        ((6, 2, 30, 40), "CZYX", (2, 6, 30, 40)),
        ((6, 30, 40, 3), "CZYX", (3, 6, 30, 40)),
        ((2, 6, 30, 40), "CZYX", (2, 6, 30, 40)),
        ((9, 6, 30, 40), "TZYX", (9, 6, 30, 40)),
        ((9, 6, 3, 30, 40), "TCZYX", (9, 3, 6, 30, 40)),
        ((1, 1), "YX", (1, 1)),
    ],
)
def test_the_rule_for_axes(tmp_path, shape, axes, ordered):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint16))
    image = read(tmp_path / "a.npy")
    assert image.axes == axes
    assert image.data.shape == ordered


def test_axes_can_be_given(tmp_path):
    data = stack(2, 3)
    np.save(tmp_path / "a.npy", data)
    image = read(tmp_path / "a.npy", axes="tzyx")
    assert image.axes == "TZYX"
    image = read(tmp_path / "a.npy", axes="XYZC")
    assert image.axes == "CZYX"
    np.testing.assert_array_equal(image.data, data.transpose(3, 2, 1, 0))
    for wrong in ("YX", "ZZYX", "QZYX", "TCZY"):
        with pytest.raises(InputError, match="do not fit"):
            read(tmp_path / "a.npy", axes=wrong)


def test_axes_that_cannot_be_guessed(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((7, 8, 9, 30, 40), np.uint8))
    with pytest.raises(FileFormatError, match="axes="):
        read(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros(7))
    with pytest.raises(FileFormatError, match="not an image"):
        read(tmp_path / "b.npy")


# --- TIFF -----------------------------------------------------------------------------


def test_ome_axes_names_and_pixel_size(tmp_path):
    data = stack(3, 2)
    metadata = {
        "axes": "ZCYX",
        "Channel": {"Name": ["actin", "DNA"]},
        "PhysicalSizeX": 250.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 0.002,
        "PhysicalSizeZUnit": "mm",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata=metadata)
    image = read(tmp_path / "a.ome.tif")
    assert image.axes == "CZYX"
    np.testing.assert_array_equal(image.data, data.swapaxes(0, 1))
    assert image.channel_names == ("actin", "DNA")
    assert image.pixel_size_um == pytest.approx({"X": 0.25, "Y": 0.5, "Z": 2.0})
    assert image.source == tmp_path / "a.ome.tif"


def test_imagej_axes_and_pixel_size(tmp_path):
    data = stack(4, 2)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "ZCYX", "unit": "micron", "spacing": 1.5},
    )
    image = read(tmp_path / "a.tif")
    assert image.axes == "CZYX"
    assert image.pixel_size_um == pytest.approx({"X": 0.25, "Y": 0.25, "Z": 1.5})
    tifffile.imwrite(tmp_path / "b.tif", RAMP, imagej=True, metadata={"unit": "um"})
    assert read(tmp_path / "b.tif").pixel_size_um is None
    tifffile.imwrite(tmp_path / "c.tif", RAMP, imagej=True, resolution=(4, 4))
    assert read(tmp_path / "c.tif").pixel_size_um is None


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((20_000, 10_000), "CENTIMETER", {"X": 0.5, "Y": 1.0}),
        ((118, 118), "CENTIMETER", None),
        ((300, 300), "INCH", None),
    ],
)
def test_resolution_tags_are_believed_only_where_they_can_be_true(
    tmp_path, resolution, unit, expected
):
    tifffile.imwrite(tmp_path / "a.tif", RAMP, resolution=resolution, resolutionunit=unit)
    size = read(tmp_path / "a.tif").pixel_size_um
    assert size == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb(tmp_path, planar):
    rgb = stack(3, dtype=np.uint8)
    data = rgb if planar == "separate" else np.moveaxis(rgb, 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planar)
    image = read(tmp_path / "a.tif")
    assert image.axes == "CYX"
    assert image.channel_names == ("red", "green", "blue")
    np.testing.assert_array_equal(image.data, rgb)


def test_float_colour_written_without_metadata(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((30, 40, 3), np.float32), photometric="minisblack"
    )
    assert read(tmp_path / "a.tif").axes == "CYX"


def test_booleans_and_odd_values(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RAMP > 100)
    image = read(tmp_path / "a.tif")
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.data, RAMP > 100)
    for value in (np.nan, np.inf, 0):
        tifffile.imwrite(tmp_path / "b.tif", np.full((4, 5), value, np.float32))
        np.testing.assert_array_equal(read(tmp_path / "b.tif").data, np.full((4, 5), value))
    np.save(tmp_path / "c.npy", RAMP.astype(">f4"))
    assert read(tmp_path / "c.npy").data.dtype == np.float32


images = st.tuples(
    st.sampled_from(["YX", "CYX", "ZYX", "TYX", "CZYX", "TCYX", "TZYX", "TCZYX"]),
    st.sampled_from(["u1", "i2", "u2", "u4", "f4", "f8"]),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(images)
def test_written_images_come_back(tmp_path_factory, spec):
    axes, dtype, sized = spec
    shape = tuple({"T": 2, "C": 3, "Z": 5, "Y": 12, "X": 17}[a] for a in axes)
    data = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    names = ("DNA", "µ-actin", "ER") if "C" in axes else ()
    size = {a: 0.3 + i for i, a in enumerate("ZYX") if a in axes} if sized else None
    path = tmp_path_factory.mktemp("ome") / "a.ome.tif"
    provenance = {"action": "restore", "settings": {"diameter": 30.0}}
    write_image(path, Image(data, axes, names, size), provenance=provenance)
    again = read(path)
    assert again.axes == axes
    assert again.data.dtype == data.dtype
    np.testing.assert_array_equal(again.data, data)
    assert not names or again.channel_names == names
    assert again.pixel_size_um == (None if size is None else pytest.approx(size))
    assert read_provenance(path) == provenance


def test_writing_other_types(tmp_path):
    write_image(tmp_path / "a.tif", Image(RAMP.astype(np.float16)))
    assert read(tmp_path / "a.tif").data.dtype == np.float32
    write_image(tmp_path / "b.tif", Image(RAMP > 3), compress=False)
    assert read(tmp_path / "b.tif").data.dtype == np.uint8
    with pytest.raises(InputError, match="int64"):
        write_image(tmp_path / "c.tif", Image(RAMP.astype(np.int64)))
    assert not (tmp_path / "c.tif").exists()
    tifffile.imwrite(tmp_path / "d.tif", RAMP)
    assert read_provenance(tmp_path / "d.tif") is None


# --- pictures -------------------------------------------------------------------------


def test_sixteen_bits_of_a_png_are_kept(tmp_path):
    import imagecodecs

    for name, data in {"grey": RAMP, "rgb": np.dstack([RAMP, RAMP + 1, RAMP + 2])}.items():
        (tmp_path / f"{name}.png").write_bytes(imagecodecs.png_encode(data * 50))
        image = read(tmp_path / f"{name}.png")
        assert image.data.dtype == np.uint16
        np.testing.assert_array_equal(
            np.moveaxis(image.data, 0, -1) if name == "rgb" else image.data, data * 50
        )
    assert image.channel_names == ("red", "green", "blue")


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg"])
def test_pictures(tmp_path, ending):
    rgb = np.zeros((16, 32, 3), np.uint8)
    rgb[:, 16:, 1] = 200
    PIL.Image.fromarray(rgb).save(tmp_path / f"a.{ending}", quality=95, subsampling=0)
    image = read(tmp_path / f"a.{ending}")
    assert image.axes == "CYX"
    np.testing.assert_allclose(np.moveaxis(image.data, 0, -1), rgb, atol=12)
    PIL.Image.fromarray(rgb[..., 1]).save(tmp_path / f"b.{ending}")
    assert read(tmp_path / f"b.{ending}").axes == "YX"


def test_colour_tables(tmp_path):
    picture = PIL.Image.fromarray((RAMP % 4).astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    image = read(tmp_path / "a.png")
    np.testing.assert_array_equal(image.data[0], np.where(RAMP % 4 == 1, 255, 0))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), RAMP % 4)


def test_a_wrong_extension_does_not_matter(tmp_path):
    PIL.Image.fromarray((RAMP % 256).astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").data, RAMP % 256)


def test_animation_is_a_time_series(tmp_path):
    frames = [PIL.Image.fromarray(np.full((8, 9), v, np.uint8)) for v in (10, 90, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = read(tmp_path / "a.gif")
    assert image.axes == "TYX"
    assert image.data[:, 0, 0].tolist() == [10, 90, 200]


# --- files that are no images ---------------------------------------------------------


def broken_files(folder: Path) -> dict[str, str]:
    """Make files that cannot be read, and say what the message must tell."""
    tifffile.imwrite(folder / "whole.tif", stack(8), compression="zlib")
    tifffile.imwrite(folder / "plain.tif", stack(8))
    tifffile.imwrite(folder / "imagej.tif", stack(8), imagej=True)
    PIL.Image.fromarray(np.zeros((50, 60), np.uint8)).save(folder / "whole.png")
    np.save(folder / "whole.npy", RAMP)
    for name in ("whole.tif", "plain.tif", "imagej.tif", "whole.png", "whole.npy"):
        content = (folder / name).read_bytes()
        (folder / f"cut_{name}").write_bytes(content[: len(content) // 2])
    (folder / "empty.tif").write_bytes(b"")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.tif").write_text("no image\n")
    (folder / "text.png").write_text("<html>not found</html>")
    (folder / "text.npy").write_text("no array")
    (folder / "notes.txt").write_text("x")
    (folder / "bare").write_text("x")
    (folder / "sub.tif").mkdir()
    np.save(folder / "nothing.npy", np.zeros((0, 5)))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    np.save(folder / "objects.npy", np.array({"masks": 1}, dtype=object), allow_pickle=True)
    _absurd_tiff(folder / "absurd.tif")
    _absurd_bmp(folder / "absurd.bmp")
    return {
        "cut_whole.tif": "incomplete",
        "cut_plain.tif": "incomplete",
        "cut_imagej.tif": "incomplete",
        "cut_whole.png": "damaged",
        "cut_whole.npy": "damaged",
        "empty.tif": "empty",
        "empty.png": "empty",
        "text.tif": "not a TIFF",
        "text.png": "not a picture",
        "text.npy": "damaged",
        "notes.txt": "cannot be read",
        "bare": "cannot be read",
        "sub.tif": "folder",
        "missing.tif": "no such file",
        "nothing.npy": "no pixels",
        "words.npy": "not pixels",
        "objects.npy": "not pixels",
        "absurd.tif": "memory",
        "absurd.bmp": "memory",
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"metadata": None},
        {"ome": True},
        {"ome": True, "compression": "zlib", "bigtiff": True},
        {"imagej": True},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">", "metadata": None},
    ],
    ids=str,
)
def test_a_tiff_cut_anywhere_is_refused_or_read_whole(tmp_path, options):
    data = stack(5)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", **options)
    content = (tmp_path / "a.tif").read_bytes()
    whole = read(tmp_path / "a.tif")
    for kept in [*range(0, len(content), 397), *range(len(content) - 40, len(content))]:
        (tmp_path / "a.tif").write_bytes(content[:kept])
        with contextlib.suppress(FileFormatError):
            image = read(tmp_path / "a.tif")
            assert image.axes == whole.axes
            np.testing.assert_array_equal(image.data, whole.data)


def _absurd_tiff(path: Path) -> None:
    """Write a few bytes that claim 2 TiB of pixels."""
    tifffile.imwrite(path, RAMP)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(1 << 20)
        tif.pages[0].tags["ImageLength"].overwrite(1 << 20)


SINGLE_8, SINGLE_4 = b"\x00\x03\x01\x02\x03\x00", b"\x00\x03\x12\x30"


@pytest.mark.parametrize(("bits", "single"), [(8, SINGLE_8), (4, SINGLE_4)])
def test_bmps_of_run_lengths_open_unless_a_run_is_longer_than_its_row(tmp_path, bits, single):
    path = tmp_path / "a.bmp"
    value = b"\x07" if bits == 8 else b"\x77"
    end_of_row, step, end = b"\x00\x00", b"\x00\x02\x02\x00", b"\x00\x01"
    _bmp_of_runs(path, bits, single + b"\x02" + value + end_of_row + step + b"\x03" + value + end)
    assert read(path).data.tolist() == [[0, 0, 7, 7, 7], [1, 2, 3, 7, 7]]
    for run in (single + b"\x03" + value, b"\x03" + value + single, step + b"\x04" + value):
        _bmp_of_runs(path, bits, run + end_of_row + b"\x05" + value + end)
        with pytest.raises(FileFormatError, match="longer than its row"):
            read(path)


def _bmp_of_runs(path: Path, bits: int, runs: bytes) -> None:
    """Write a picture of 5 × 2 pixels, its lower row first, whose colours are their numbers."""
    colours = b"".join(bytes((grey, grey, grey, 0)) for grey in range(2**bits))
    start = 54 + len(colours)
    header = struct.pack("<IiiHHIIiiII", 40, 5, 2, 1, bits, {8: 1, 4: 2}[bits], 0, 0, 0, 0, 0)
    path.write_bytes(
        struct.pack("<2sIII", b"BM", start + len(runs), 0, start) + header + colours + runs
    )


def _absurd_bmp(path: Path) -> None:
    PIL.Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[18:26] = (1 << 20).to_bytes(4, "little") * 2
    path.write_bytes(bytes(content))


def test_each_broken_file_is_named_with_its_reason(tmp_path, caplog, capfd):
    caplog.set_level(logging.CRITICAL)
    for name, reason in broken_files(tmp_path).items():
        with pytest.raises(FileFormatError, match=reason) as caught:
            read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        with pytest.raises(FileFormatError):
            read_labels(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_a_broken_file_leaves_stderr_alone(tmp_path):
    """In a bare process logging would print what tifffile tells."""
    shown = tmp_path / "cut.tif"
    tifffile.imwrite(shown, stack(5), metadata=None)
    shown.write_bytes(shown.read_bytes()[:-3000])
    code = (
        "import sys; from cellmend.io import read\n"
        "from cellmend.errors import FileFormatError\n"
        f"try: read({str(shown)!r})\n"
        "except FileFormatError: sys.exit(7)"
    )
    core = Path(__file__).parents[2] / "core"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(core)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_a_strip_that_unfolds_to_more_than_its_size_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), compression="zlib")
    bomb = zlib.compress(bytes(1 << 24))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        end = tif.filehandle.size
        tif.pages[0].tags["StripOffsets"].overwrite(end)
        tif.pages[0].tags["StripByteCounts"].overwrite(len(bomb))
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(bomb)
    with pytest.raises(FileFormatError, match="damaged"):
        read(tmp_path / "a.tif")


def test_the_limit_is_checked_before_pixels_are_made(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((500, 500), np.uint16), compression="zlib")
    monkeypatch.setattr(limits, "memory_limit", lambda: 1000)
    with pytest.raises(FileFormatError, match="memory"):
        read(tmp_path / "a.tif")


def test_collected_broken_files_never_do_worse_than_an_error():
    folder = shared_formats() / "broken"
    for path in sorted(folder.iterdir()):
        with contextlib.suppress(FileFormatError):
            assert read(path).data.size > 0


@pytest.mark.parametrize("part", ["tiff", "raster", "generated"])
def test_collected_files_open_as_the_reference_reads_them(part):
    unreadable = {
        "libtiffpic_smallliz.tif",
        "libtiffpic_zackthecat.tif",
        "libtiffpic_off_luv24.tif",
        "zero_gi.tif",
        "chelsea.jxl",
        "hopper.avif",
    }
    for path in sorted((shared_formats() / part).iterdir()):
        if path.name in unreadable:
            with pytest.raises(CellmendError):
                read(path)
            continue
        image = read(path)
        if path.suffix in (".tif", ".tiff"):
            with tifffile.TiffFile(path) as tif:
                reference = tif.series[0].asarray()
            assert image.data.size == reference.size
            assert image.data.dtype.itemsize == reference.dtype.itemsize


# --- labels ---------------------------------------------------------------------------

label_images = st.tuples(
    st.sampled_from([(6, 7), (1, 9), (3, 6, 7)]),
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 300), min_size=1, max_size=20),
    st.sampled_from(["tif", "png", "npy"]),
)


@settings(max_examples=60, deadline=None)
@given(label_images)
def test_labels_survive(tmp_path_factory, spec):
    shape, ids, ending = spec
    masks = np.resize(np.array(ids, np.uint32), shape)
    path = tmp_path_factory.mktemp("labels") / f"a_masks.{ending}"
    if ending == "npy":
        np.save(path, masks)
    elif ending == "png" and (masks.max() > 65_535 or masks.ndim == 3):
        with pytest.raises(FileFormatError, match="TIFF"):
            write_labels(path, masks)
        assert not path.exists()
        return
    else:
        write_labels(path, masks)
    again = read_labels(path)
    assert again.dtype == np.uint32
    np.testing.assert_array_equal(again, masks)


def test_labels_are_stored_narrow(tmp_path):
    for largest, dtype in ((65_535, np.uint16), (65_536, np.uint32)):
        masks = np.array([[0, 1], [2, largest]])
        write_labels(tmp_path / "a.tif", masks)
        stored = tifffile.imread(tmp_path / "a.tif")
        assert stored.dtype == dtype
        np.testing.assert_array_equal(stored, masks)


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX", "TZYX"])
@pytest.mark.parametrize("largest", [65_535, 65_536])
def test_masks_keep_the_pixel_size(tmp_path, axes, largest):
    masks = np.zeros(tuple({"T": 2, "Z": 11, "Y": 30, "X": 40}[axis] for axis in axes), np.uint32)
    masks[..., 5:9, 7:12] = largest
    size = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    path = tmp_path / "a_cp_masks.tif"
    write_labels(path, masks, axes=axes, pixel_size_um=size)
    image = read(path)
    assert image.axes == axes
    known = {axis: um for axis, um in size.items() if axis in axes}
    assert image.pixel_size_um == pytest.approx(known)
    np.testing.assert_array_equal(read_labels(path), masks)
    plain = tmp_path / "plain.tif"
    write_labels(plain, masks)
    np.testing.assert_array_equal(tifffile.imread(path), tifffile.imread(plain))
    assert tifffile.imread(path).dtype == tifffile.imread(plain).dtype
    with tifffile.TiffFile(path) as file:  # as programs see it that know no OME
        tags = file.pages[0].tags
        assert tags["ResolutionUnit"].value == 3  # centimetre
        per_cm = [np.divide(*tags[f"{axis}Resolution"].value) for axis in "XY"]
        assert per_cm == pytest.approx([40_000, 20_000])
        np.testing.assert_array_equal(_as_cellpose_reads(file), masks)


def _as_cellpose_reads(file):
    """Return the pixels page by page, as `cellpose.io.imread` does of long files."""
    shape = file.series[0].shape
    return np.stack([page.asarray() for page in file.series[0]]).reshape(shape)


def test_masks_of_an_unknown_pixel_size_say_none(tmp_path):
    write_labels(tmp_path / "a.tif", RAMP)
    write_labels(tmp_path / "b.tif", RAMP, pixel_size_um={})
    for name in "ab":
        assert read(tmp_path / f"{name}.tif").pixel_size_um is None


def test_a_hundred_thousand_cells(tmp_path):
    masks = np.arange(1, 100_001, dtype=np.uint32).reshape(250, 400)
    write_labels(tmp_path / "a.tif", masks)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), masks)
    with pytest.raises(FileFormatError, match="65,535"):
        write_labels(tmp_path / "a.png", masks)


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        (np.array([[0, -1]], np.int32), "negative"),
        (np.array([[0, 1.5]], np.float32), "fractions"),
        (np.array([[0, np.nan]], np.float32), "fractions"),
        (np.zeros((2, 2, 2, 2, 2), np.uint8), "shape"),
        (np.array([[0, 2**40]], np.int64), "too large"),
    ],
)
def test_numbers_that_are_no_labels(tmp_path, masks, reason):
    np.save(tmp_path / "a.npy", masks)
    with pytest.raises(FileFormatError, match=reason):
        read_labels(tmp_path / "a.npy")


def test_labels_in_other_clothes(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.0, 3.0]]))
    assert read_labels(tmp_path / "a.npy").tolist() == [[0, 3]]
    PIL.Image.fromarray(np.dstack([RAMP.astype(np.uint8)] * 3)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), RAMP.astype(np.uint8))
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[0, 0] = (9, 0, 0)
    PIL.Image.fromarray(colour).save(tmp_path / "c.png")
    with pytest.raises(FileFormatError, match="colour"):
        read_labels(tmp_path / "c.png")
    tifffile.imwrite(tmp_path / "d.tif", colour, photometric="rgb")
    with pytest.raises(FileFormatError, match="colour"):
        read_labels(tmp_path / "d.tif")
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_labels(tmp_path / "e.jpg")
    with pytest.raises(FileFormatError, match="cannot be written"):
        write_labels(tmp_path / "a.jpg", RAMP)


# --- atomic ---------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with replacing(target) as temporary:
        temporary.write_text("first")
    with contextlib.suppress(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "first"
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_what_a_killed_program_left_is_swept_when_it_is_old(tmp_path):
    old, young, own = (tmp_path / name for name in (".cellmend-a.tif", ".cellmend-b.tif", "c.tif"))
    for path in (old, young, own):
        path.write_text("half")
    _age(tmp_path)
    os.utime(young)
    with replacing(tmp_path / "new.txt") as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == [young, own, tmp_path / "new.txt"]


def test_folders_that_a_killed_program_left_are_swept_when_they_are_old(tmp_path):
    young, swapping, linked, foreign, user = (
        tmp_path / name
        for name in (".cellmend-b", ".cellmend-c", ".cellmend-d", ".cellmend-e", "f")
    )
    for folder in (tmp_path / ".cellmend-a", young, swapping, user):
        _put(folder / "new.zarr" / "0" / "chunk")
    _put(swapping / "old.zarr" / "chunk")  # killed while the two changed places
    _put(foreign / "notes.txt")
    _put(tmp_path / ".cellmend-g" / "old.zarr" / "chunk")  # what was replaced
    (tmp_path / ".cellmend-h").mkdir()
    linked.symlink_to(user)
    _age(tmp_path)
    os.utime(young / "new.zarr" / "0" / "chunk")  # still written
    write(tmp_path / "new.zarr", Image(RAMP))
    kept = [young, swapping, linked, foreign, user, tmp_path / "new.zarr"]
    assert sorted(tmp_path.iterdir()) == kept
    assert all((folder / "new.zarr" / "0" / "chunk").exists() for folder in (young, swapping, user))
    assert (foreign / "notes.txt").exists()


def _put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")


def _age(folder):
    """Make everything in a folder two days old."""
    two_days_ago = time.time() - 2 * 24 * 3600
    for path in folder.rglob("*"):
        os.utime(path, (two_days_ago, two_days_ago), follow_symlinks=False)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="cannot be written"):
        write_labels(tmp_path / "file" / "a.tif", RAMP)
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(FileFormatError, match="cannot be written"):
        write_labels(tmp_path / "folder.tif", RAMP)


def test_masks_without_pixels_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 8, 9), np.uint8))
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), np.uint8), metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    bits = content.index(struct.pack("<HHI", 258, 3, 1))
    content[bits + 8 : bits + 10] = b"\0\0"
    (tmp_path / "a.tif").write_bytes(content)
    for name in ("a.npy", "a.tif"):
        with pytest.raises(FileFormatError, match=name):
            read_labels(tmp_path / name)
