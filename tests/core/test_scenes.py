"""Files that hold several images: which one is read, and what its results are called."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from cellmend.cli.main import main
from cellmend.errors import FileFormatError
from cellmend.export.kinds import export_path
from cellmend.io import read, scenes
from cellmend.io.folder import list_images, output_path
from cellmend.io.formats import scene_names
from cellmend.io.labels import write_labels
from cellmend.io.pairs import masks_beside
from cellmend.io.windows import ImageWindows, stored_shape
from cellmend.io.zeiss_czi import _named_scenes

COLLECTION = Path(__file__).parents[2].parent / "shared" / "data" / "formats" / "vendor"


NAMES = {
    "czi": ("", "", ""),
    "nd2": ("A1", "A2"),
    "lif": ("Series 1", "Series 2"),
}


def pixels_of(scene: int) -> np.ndarray:
    return np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) + 1000 * scene


@pytest.fixture
def czi_file(tmp_path: Path) -> Path:
    """A CZI with three scenes at different places of the slide."""
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "plate.czi"
    with czi.create_czi(str(path)) as file:
        for index in range(3):
            place = (100 * index, 50)
            file.write(pixels_of(index + 1)[..., None], location=place, scene=index)
        file.write_metadata(scale_x=0.25e-6, scale_y=0.25e-6)
    return path


@pytest.fixture
def nd2_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a stand-in for the library reads as an ND2 of two positions."""

    class File:
        sizes = {"P": 2, "Y": 20, "X": 30}  # noqa: RUF012
        dtype = np.dtype(np.uint16)
        metadata = SimpleNamespace(channels=[])
        experiment = [  # noqa: RUF012
            SimpleNamespace(type="TimeLoop"),
            SimpleNamespace(
                type="XYPosLoop",
                parameters=SimpleNamespace(
                    points=[SimpleNamespace(name="A1"), SimpleNamespace(name="A2")]
                ),
            ),
        ]

        def __init__(self, path: Path) -> None:
            assert path.is_file()

        def __enter__(self) -> File:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def asarray(self, position: int | None) -> np.ndarray:
            assert position is not None
            return pixels_of(position + 1)

        def voxel_size(self) -> SimpleNamespace:
            return SimpleNamespace(x=1, y=1, z=1)

    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=File))
    path = tmp_path / "plate.nd2"
    path.write_bytes(b"something")
    return path


@pytest.fixture
def lif_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a stand-in for the library reads as a LIF of two images."""

    def image(number: int) -> SimpleNamespace:
        pixels = pixels_of(number)
        return SimpleNamespace(
            name=f"Series {number}",
            shape=pixels.shape,
            dtype=pixels.dtype,
            dims=("Y", "X"),
            coords={},
            asarray=lambda: pixels,
            xml_element=SimpleNamespace(iter=lambda name: ()),
        )

    class File:
        images = (image(1), image(2))
        memory_blocks = {"a": SimpleNamespace(offset=0, size=1)}  # noqa: RUF012

        def __init__(self, path: Path) -> None:
            assert path.is_file()

        def __enter__(self) -> File:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setitem(sys.modules, "liffile", SimpleNamespace(LifFile=File))
    path = tmp_path / "plate.lif"
    path.write_bytes(b"something")
    return path


@pytest.mark.parametrize(("format", "count"), [("czi", 3), ("nd2", 2), ("lif", 2)])
def test_one_of_several_is_read(format, count, request):
    path = request.getfixturevalue(f"{format}_file")
    assert scene_names(path) == NAMES[format]
    first = read(path)
    assert (first.scenes, first.source) == (count, path)
    np.testing.assert_array_equal(first.data, pixels_of(1))
    for number in range(1, count + 1):
        named = path.with_name(f"{path.name}#{number}")
        for image in (read(named), read(path, scene=number)):
            np.testing.assert_array_equal(image.data, pixels_of(number))
            assert (image.scenes, image.source, image.axes) == (count, named, "YX")
    for number in (0, count + 1):
        with pytest.raises(FileFormatError, match=rf"no image {number} .* holds {count}") as error:
            read(path, scene=number)
        assert error.value.path == path


def test_a_scene_is_read_in_windows(czi_file):
    windows = ImageWindows(f"{czi_file}#2")
    part = windows.read({"Y": slice(3, 9), "X": slice(4, 8)})
    np.testing.assert_array_equal(part.data, pixels_of(2)[3:9, 4:8])
    assert part.pixel_size_um == pytest.approx({"Y": 0.25, "X": 0.25})


@pytest.fixture
def ome_file(tmp_path: Path) -> Path:
    """An OME-TIFF of two images that differ in all that is known of them."""
    path = tmp_path / "plate.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for scene, axes, size in ((1, "YX", 0.5), (2, "CYX", 0.25)):
            data = pixels_of(scene) if axes == "YX" else np.stack([pixels_of(scene)] * 2)
            about = {"axes": axes, "Name": f"field {scene}"}
            about |= {f"PhysicalSize{axis}": size for axis in "YX"}
            about |= {"Channel": {"Name": ["dapi", "actin"]}} if axes == "CYX" else {}
            file.write(data, photometric="minisblack", metadata=about)
    return path


def test_an_ome_tiff_of_several_images(ome_file, tmp_path, capsys):
    assert scene_names(ome_file) == ("field 1", "field 2")
    first, second = read(ome_file), read(f"{ome_file}#2")
    np.testing.assert_array_equal(first.data, pixels_of(1))
    assert (first.scenes, first.source, first.pixel_size_um) == (2, ome_file, {"Y": 0.5, "X": 0.5})
    np.testing.assert_array_equal(second.data, np.stack([pixels_of(2)] * 2))
    assert (second.channel_names, second.axes) == (("dapi", "actin"), "CYX")
    assert second.pixel_size_um == {"Y": 0.25, "X": 0.25}
    assert second.source == scenes.numbered(ome_file, 2)
    assert stored_shape(Path(f"{ome_file}#2")) == (2, 20, 30)
    with pytest.raises(FileFormatError, match="counted from 1"):
        read(ome_file, scene=3)
    assert main(["convert", str(ome_file), "--to", "npy", "--output", str(tmp_path / "a")]) == 0
    assert "holds 2 images; the first is taken" in capsys.readouterr().err
    switches = ["--to", "npy", "--scene", "all", "--output", str(tmp_path / "b")]
    assert main(["convert", str(ome_file), *switches]) == 0
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names == {"plate.ome_scene1.npy", "plate.ome_scene2.npy"}


def test_tiffs_of_other_names_hold_one_image(ome_file):
    path = ome_file.rename(ome_file.with_name("plate.tif"))
    assert read(path).scenes == 1
    np.testing.assert_array_equal(read(path, scene=1).data, pixels_of(1))
    assert read(path, scene=1).source == path
    with pytest.raises(FileFormatError, match="holds only one"):
        read(path, scene=2)


def test_other_files_hold_one_image(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, pixels_of(1))
    assert scene_names(path) == ("",)
    np.testing.assert_array_equal(read(path, scene=1).data, read(path).data)
    with pytest.raises(FileFormatError, match=r"no image 2 .* holds only one"):
        read(path, scene=2)


@pytest.mark.parametrize(
    ("name", "file", "number"),
    [
        ("plate.lif#2", "plate.lif", 2),
        ("plate.CZI#12", "plate.CZI", 12),
        ("plate.lif", "plate.lif", None),
        ("plate.tif#2", "plate.tif#2", None),  # a TIFF holds one image
        ("plate#2.lif", "plate#2.lif", None),
        ("plate.lif#b", "plate.lif#b", None),
        ("#2", "#2", None),
    ],
)
def test_names_of_one_of_several(tmp_path, name, file, number):
    assert scenes.split(tmp_path / name) == (tmp_path / file, number)


def test_a_file_whose_own_name_has_a_number_is_that_file(tmp_path):
    (tmp_path / "a.lif#2").write_bytes(b"something")
    assert scenes.split(tmp_path / "a.lif#2") == (tmp_path / "a.lif#2", None)


def test_results_of_each_have_names_of_their_own(tmp_path):
    path = tmp_path / "plate.lif#2"
    assert output_path(path, "_cp_masks.tif") == tmp_path / "plate_scene2_cp_masks.tif"
    assert export_path(path, "_rois.zip", None, "{name}") == tmp_path / "plate_scene2_rois.zip"
    (tmp_path / "plate.lif").write_bytes(b"something")
    assert list_images([path]).files == [path]
    assert masks_beside(path) is None
    write_labels(tmp_path / "plate_scene2_cp_masks.tif", np.eye(9, dtype=np.uint32))
    assert masks_beside(path) == tmp_path / "plate_scene2_cp_masks.tif"
    assert masks_beside(tmp_path / "plate.lif") is None


def test_masks_of_the_file_are_those_of_its_first_image(tmp_path):
    path = tmp_path / "plate.lif"
    path.write_bytes(b"something")
    first, second = tmp_path / "plate.lif#1", tmp_path / "plate.lif#2"
    for name in ("plate_cp_masks.tif", "plate_masks.tif"):
        write_labels(tmp_path / name, np.eye(9, dtype=np.uint32))
        assert masks_beside(path) == masks_beside(first) == tmp_path / name
        assert masks_beside(second) is None
    own = tmp_path / "plate_scene1_masks.tif"
    write_labels(own, np.eye(9, dtype=np.uint32))
    assert masks_beside(first) == own


def converted(czi_file: Path, *switches: str) -> dict[str, int]:
    """Return which scene is in each file that converting the folder gives."""
    folder = czi_file.parent / "out"
    np.save(czi_file.with_name("single.npy"), pixels_of(7))
    arguments = [str(czi_file.parent), "--to", "tif", "--output", str(folder), *switches]
    assert main(["convert", *arguments]) == 0
    return {path.stem: int(read(path).data.min()) // 1000 for path in sorted(folder.iterdir())}


def test_a_folder_gives_the_first_of_each_file_and_tells_so(czi_file, capsys):
    assert converted(czi_file) == {"plate": 1, "single": 7}
    told = capsys.readouterr().err
    assert f"{czi_file} holds 3 images; the first is taken" in told
    assert "--scene all" in told


def test_a_folder_gives_all_scenes_of_each_file(czi_file, capsys):
    made = {"plate_scene1": 1, "plate_scene2": 2, "plate_scene3": 3, "single": 7}
    assert converted(czi_file, "--scene", "all") == made
    assert "the first is taken" not in capsys.readouterr().err


def test_a_folder_gives_one_scene_of_each_file(czi_file):
    assert converted(czi_file, "--scene", "3") == {"plate_scene3": 3, "single": 7}


def test_a_scene_that_is_not_there_is_named(czi_file, capsys):
    assert main(["convert", f"{czi_file}#4", "--to", "npy"]) == 1
    assert "there is no image 4 in it. It holds 3" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "first"])
def test_a_number_that_is_none_is_refused(czi_file, number, capsys):
    assert main(["convert", str(czi_file), "--to", "npy", "--scene", number]) == 2
    assert "--scene" in capsys.readouterr().err


def test_scenes_are_measured_with_their_masks(czi_file, capsys):
    for number in (1, 2, 3):
        masks = np.zeros((20, 30), np.uint32)
        masks[2:6, 2 : 2 + number] = 1
        write_labels(czi_file.with_name(f"plate_scene{number}_cp_masks.tif"), masks)
    assert main(["measure", f"{czi_file}#2"]) == 0
    assert czi_file.with_name("plate_scene2_measurements.csv").exists()
    assert main(["measure", str(czi_file.parent), "--scene", "all"]) == 0
    rows = czi_file.with_name("measurements.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [f"plate.czi#{number}" for number in (1, 2, 3)]


@pytest.mark.skipif(not COLLECTION.is_dir(), reason="the collection of file formats is not here")
def test_images_of_a_file_of_a_microscope():
    path = COLLECTION / "LeicaLASX_wavelength-sweep_example.lif"
    assert [read(path, scene=number).data.shape for number in (1, 2)] == [
        (20, 64, 64),
        (15, 64, 64),
    ]
    assert read(f"{path}#3").axes == "TCZYX"


def test_scenes_of_a_czi_are_named_by_their_numbers():
    metadata = """<ImageDocument><Metadata><Information><Image><Dimensions><S><Scenes>
        <Scene Index="4" Name="B2"/><Scene Index="0" Name="A1"/><Scene Index="1"/>
        </Scenes></S></Dimensions></Image></Information></Metadata></ImageDocument>"""
    assert _named_scenes(metadata) == {4: "B2", 0: "A1", 1: ""}
    assert _named_scenes("no XML") == {}


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("testdata_2channel_xz.lif", ("xzt", "xzy", "xz")),
        ("RGB-multichannel.czi", ("ScanRegion0",)),
        ("cluster.nd2", ("",)),
    ],
)
def test_names_in_real_files(file, names):
    path = COLLECTION / file
    if not path.is_file():
        pytest.skip("the collection of real files is not here")
    pytest.importorskip({".lif": "liffile", ".czi": "pylibCZIrw.czi", ".nd2": "nd2"}[path.suffix])
    assert scene_names(path) == names
