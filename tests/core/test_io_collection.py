"""Files of many microscopes and programs: each opens as the collection's index says it should."""

from __future__ import annotations

import importlib
import re
from math import prod
from pathlib import Path

import numpy as np
import pytest

from cellmend.errors import FileFormatError
from cellmend.io import read

COLLECTION = Path(__file__).parents[2].parent / "shared" / "data" / "formats"
READ_HERE = ("tifffile", "Pillow", "imagecodecs", "nd2 ", "czifile", "liffile", "zarr:")
NOT_READ = {
    "libtiffpic_smallliz.tif": "coding",  # JPEG as it was before 1995
    "libtiffpic_zackthecat.tif": "coding",
    "libtiffpic_off_luv24.tif": "coding",  # LogLuv
    "zero_gi.tif": "no pixels",
    "chelsea.jxl": "cannot be read",
    "hopper.avif": "cannot be read",
}
COMPLETE = {
    "hopper_unknown_pixel_mode.tif",  # whole; 32 bits per colour are unusual, not wrong
    "no_rows_per_strip.tif",  # whole; the tag that is missing has a default
    "total-pages-zero.tif",  # whole; its page count is wrong, and not used
    "png_named.tif",  # a whole PNG under another name
    "chunk_no_fdat.png",  # the first frame, which is shown, is whole
}


def index() -> dict[str, tuple[str, str]]:
    """Return folder and reference reading of each file that the index names and that is here."""
    if not COLLECTION.is_dir():
        return {}
    found, folder = {}, ""
    for line in (COLLECTION / "INDEX.md").read_text().splitlines():
        if line.startswith("## "):
            folder = line[3:].rstrip("/")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 5 and (COLLECTION / folder / cells[0]).exists():
            found[cells[0]] = folder, cells[4]
    return found


INDEX = index()
WHOLE = sorted(name for name, (folder, _) in INDEX.items() if folder != "broken")
BROKEN = sorted(name for name, (folder, _) in INDEX.items() if folder == "broken")


def expected(reference: str) -> tuple[tuple[int, ...], str]:
    """Return the first shape and dtype in a reference reading."""
    found = re.search(r"\(([\d, ]+)\) (bool|u?int\d+|float\d+)", reference)
    assert found is not None, reference
    return tuple(int(n) for n in re.findall(r"\d+", found[1])), found[2]


@pytest.mark.skipif(not INDEX, reason="the collection of file formats is not here")
def test_the_index_is_understood():
    assert len(WHOLE) > 100
    assert len(BROKEN) > 20


@pytest.mark.parametrize("name", WHOLE)
def test_opens_as_the_index_says(name):
    folder, reference = INDEX[name]
    path = COLLECTION / folder / name
    if name in NOT_READ:
        with pytest.raises(FileFormatError, match=NOT_READ[name]):
            read(path)
        return
    if not reference.startswith(READ_HERE) and "entries" not in reference:
        with pytest.raises(FileFormatError, match="cannot be read"):
            read(path)
        return
    image = read(path)
    if "entries" in reference:  # a zipped Zarr, of which the index lists the parts only
        assert image.data.shape == (4, 100, 100)
        return
    shape, dtype = expected(reference)
    if folder == "raster":
        assert image.data.shape[-2:] == shape[:2]
        return
    assert image.data.size == prod(shape)
    assert sorted(n for n in image.data.shape if n > 1) == sorted_dimensions(name, shape)
    assert image.data.dtype == (np.uint8 if dtype == "bool" else np.dtype(dtype))


def sorted_dimensions(name: str, shape: tuple[int, ...]) -> list[int]:
    """Return the lengths above 1; the colours of several channels are counted as channels."""
    lengths = sorted(n for n in shape if n > 1)
    return [21, 81, 147] if name == "RGB-multichannel.czi" else lengths


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_its_reason(name):
    path = COLLECTION / "broken" / name
    if name in COMPLETE:
        assert read(path).data.size > 0
        return
    with pytest.raises(FileFormatError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert len(caught.value.reason) > 15


MICROSCOPES = {
    "cluster.nd2": (
        "TCZYX",
        ("5-FAM/pH 9.0", "FM 4-64/2% CHAPS"),
        {"Z": 0.5, "Y": 0.16781, "X": 0.16781},
    ),
    "s_1_t_1_c_1_z_1.czi": ("YX", ("Bright",), {"Y": 1.08333, "X": 1.08333}),
    "RGB-8bit.czi": ("CYX", ("red", "green", "blue"), {"Y": 1.08333, "X": 1.08333}),
    "tiles_z.czi": ("CZYX", ("Ch1", "T PMT"), {"Z": 4, "Y": 0.83027, "X": 0.83027}),
    "testdata_2channel_xz.lif": ("TCYX", ("Green", "Red"), {"Y": 0.14028, "X": 0.14028}),
    "generated_v04.ome.zarr": (
        "CZYX",
        ("channel 1", "channel 2"),
        {"Z": 0.3, "Y": 0.1, "X": 0.1},
    ),
}


@pytest.mark.skipif(not INDEX, reason="the collection of file formats is not here")
@pytest.mark.parametrize("name", MICROSCOPES)
def test_axes_names_and_sizes_of_microscopes(name):
    axes, names, size = MICROSCOPES[name]
    image = read(COLLECTION / INDEX[name][0] / name)
    assert image.axes == axes
    assert image.channel_names == names
    assert image.pixel_size_um == pytest.approx(size, rel=1e-4)
    assert not image.guessed_axes


@pytest.mark.skipif(not INDEX, reason="the collection of file formats is not here")
def test_wavelengths_are_channels():
    image = read(COLLECTION / "vendor" / "LeicaLASX_wavelength-sweep_example.lif")
    assert image.axes == "CYX"
    assert image.channel_names[:2] == ("550 nm", "560 nm")


@pytest.mark.parametrize("name", ["cluster.nd2", "tiles.czi", "testdata_2channel_xz.lif"])
@pytest.mark.skipif(not INDEX, reason="the collection of file formats is not here")
def test_files_cut_off_are_refused(tmp_path, name):
    content = (COLLECTION / "vendor" / name).read_bytes()
    for part in (0.1, 0.5, 0.95):
        (tmp_path / name).write_bytes(content[: int(len(content) * part)])
        with pytest.raises(FileFormatError, match=r"damaged|incomplete"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("ending", "module", "extra"),
    [
        ("nd2", "nd2", "nd2"),
        ("czi", "pylibCZIrw.czi", "czi"),
        ("lif", "liffile", "lif"),
        ("h5", "h5py", "hdf5"),
    ],
)
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, ending, module, extra):
    importing = importlib.import_module

    def without(name, package=None):
        if name == module:
            raise ImportError(name)
        return importing(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    (tmp_path / f"a.{ending}").write_bytes(b"something")
    with pytest.raises(FileFormatError, match=rf'pip install "cellmend\[{extra}\]"'):
        read(tmp_path / f"a.{ending}")


# --- HDF5 -----------------------------------------------------------------------------


def test_hdf5_of_ilastik(tmp_path):
    import h5py

    data = np.arange(2 * 6 * 7 * 3, dtype=np.uint16).reshape(2, 6, 7, 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("numbers", data=np.arange(5))
        stored = file.create_dataset("volume/data", data=data, compression="gzip")
        axes = ", ".join(f'{{"key": "{key}"}}' for key in "zyxc")
        stored.attrs["axistags"] = f'{{"axes": [{axes}]}}'
        stored.attrs["element_size_um"] = [2.0, 0.5, 0.5]
    image = read(tmp_path / "a.h5")
    assert image.axes == "CZYX"
    np.testing.assert_array_equal(image.data, data.transpose(3, 0, 1, 2))
    assert image.pixel_size_um == {"Z": 2.0, "Y": 0.5, "X": 0.5}


def test_hdf5_does_not_reach_into_other_files(tmp_path):
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["data"] = np.ones((4, 4))
    (tmp_path / "raw").write_bytes(bytes(16))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "data")
        file.create_dataset(
            "external", (4, 4), "u1", external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        )
        layout = h5py.VirtualLayout((4, 4), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "data", (4, 4))
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(FileFormatError, match="no image"):
        read(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    with pytest.raises(FileFormatError, match="damaged"):
        read(tmp_path / "b.h5")
