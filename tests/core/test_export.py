"""Results in the formats of other programs: sizes exact, files readable."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cellmend.errors import FileFormatError, InputError
from cellmend.export.coco import write_coco
from cellmend.export.flows import write_cellprob, write_flows
from cellmend.export.geojson import write_geojson
from cellmend.export.kinds import KINDS, Results, export, export_path
from cellmend.export.outlines_txt import write_outlines
from cellmend.export.overlay import write_overlay
from cellmend.export.rois import write_rois
from cellmend.export.table import combined, write_table
from cellmend.image import Image
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.io.tiff import read_provenance
from cellmend.labels.outlines import polygon_area, regions
from cellmend.measure import table


def cells() -> np.ndarray:
    labels = np.zeros((40, 50), np.uint32)
    labels[3:13, 4:16] = 1
    labels[20, 20] = 5
    labels[25:35, 30:45] = 70_000
    labels[28:30, 33:36] = 0
    labels[2:5, 40:43] = 70_000
    return labels


@settings(max_examples=150, deadline=None)
@given(
    npst.arrays(
        np.uint32, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1)
    )
)
def test_polygons_have_the_area_of_their_pixels(labels):
    found = regions(labels, 1, (0, 0, *labels.shape))
    area = sum(polygon_area(r.outer) - sum(polygon_area(h) for h in r.holes) for r in found)
    assert area == np.count_nonzero(labels)


def test_rois_measure_the_area_of_the_mask(tmp_path):
    assert write_rois(tmp_path / "a_rois.zip", cells()) == 4
    rois = {roi.name: roi for roi in roifile.roiread(tmp_path / "a_rois.zip")}
    assert set(rois) == {"1", "5", "70000", "70000-2"}
    assert polygon_area(rois["1"].coordinates().astype(int)) == 120
    assert polygon_area(rois["5"].coordinates().astype(int)) == 1
    assert polygon_area(rois["70000"].coordinates().astype(int)) == 150
    assert (rois["1"].left, rois["1"].top, rois["1"].right, rois["1"].bottom) == (4, 3, 16, 13)
    assert rois["1"].roitype == roifile.ROI_TYPE.POLYGON
    write_rois(tmp_path / "a_rois.zip", cells() == 5)
    assert [roi.name for roi in roifile.roiread(tmp_path / "a_rois.zip")] == ["1"]


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.uint16,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 3),
    )
)
def test_roi_polygons_read_back_have_the_area_of_the_pixels(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("rois") / "a.zip"
    written = write_rois(path, labels)
    rois = roifile.roiread(path) if written else []
    areas = dict.fromkeys(np.unique(labels[labels > 0]).tolist(), 0.0)
    for roi in rois if isinstance(rois, list) else [rois]:
        areas[int(roi.name.split("-")[0])] += polygon_area(roi.coordinates().astype(int))
    holes = {
        label: sum(
            polygon_area(hole)
            for piece in regions(labels, label, (0, 0, *labels.shape))
            for hole in piece.holes
        )
        for label in areas
    }
    for label, area in areas.items():
        assert area == np.count_nonzero(labels == label) + holes[label]


def test_rois_of_a_volume_lie_on_their_planes(tmp_path):
    volume = np.stack([cells() * 0, cells(), cells()])
    assert write_rois(tmp_path / "a.zip", volume) == 8
    assert {roi.position for roi in roifile.roiread(tmp_path / "a.zip")} == {2, 3}


def test_rois_of_volumes_over_time_lie_in_their_frames_and_planes(tmp_path):
    series = np.zeros((2, 3, 40, 50), np.uint32)
    series[0, 2] = np.where(cells() == 1, 7, 0)
    series[1, 0] = cells()
    assert write_rois(tmp_path / "a.zip", series) == 5
    rois = roifile.roiread(tmp_path / "a.zip")
    assert {roi.name: (roi.t_position, roi.z_position) for roi in rois} == {
        "7-t1-z3": (1, 3),
        "1-t2-z1": (2, 1),
        "5-t2-z1": (2, 1),
        "70000-t2-z1": (2, 1),
        "70000-t2-z1-2": (2, 1),
    }
    assert {(roi.position, roi.c_position) for roi in rois} == {(0, 0)}


@pytest.mark.parametrize("ndim", [1, 5])
def test_rois_of_other_dimensions_are_refused_and_nothing_is_written(tmp_path, ndim):
    with pytest.raises(InputError, match=f"not of {ndim}"):
        write_rois(tmp_path / "a.zip", np.ones((2,) * ndim, np.uint16))
    assert not list(tmp_path.iterdir())


def test_outlines_text(tmp_path):
    assert write_outlines(tmp_path / "a.txt", cells()) == 3
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert lines[1] == "20,20"
    numbers = np.array(lines[0].split(","), int).reshape(-1, 2)
    assert numbers.min(axis=0).tolist() == [4, 3]
    assert numbers.max(axis=0).tolist() == [15, 12]
    assert write_outlines(tmp_path / "b.txt", cells() * 0) == 0
    assert (tmp_path / "b.txt").read_text() == ""
    with pytest.raises(InputError, match="one plane"):
        write_outlines(tmp_path / "c.txt", np.stack([cells()] * 2))


def test_geojson(tmp_path):
    assert write_geojson(tmp_path / "a.geojson", cells()) == 3
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    one, _, several = content["features"]
    assert one["geometry"]["type"] == "Polygon"
    ring = one["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert polygon_area(np.array(ring[:-1])) == 120
    assert one["properties"] == {"objectType": "detection", "name": "1", "label": 1}
    assert several["geometry"]["type"] == "MultiPolygon"
    outer, hole = several["geometry"]["coordinates"][0]
    assert polygon_area(np.array(outer)) - polygon_area(np.array(hole)) == 144
    with pytest.raises(InputError, match="one plane"):
        write_geojson(tmp_path / "b.geojson", np.stack([cells()] * 2))


def test_geojson_carries_measurements(tmp_path):
    measured = table(Image(np.arange(2000.0).reshape(40, 50), "YX", ("DAPI",)), cells())
    write_geojson(tmp_path / "a.geojson", cells(), measured)
    features = json.loads((tmp_path / "a.geojson").read_text(), parse_constant=pytest.fail)
    numbers = [feature["properties"]["measurements"] for feature in features["features"]]
    assert [one["area_px"] for one in numbers] == [120, 1, 153]
    assert [one["mean_DAPI"] for one in numbers] == measured["mean_DAPI"].tolist()
    assert "circularity" not in numbers[1]  # of a single pixel it is not a number


def test_overlay_can_be_seen(tmp_path):
    rng = np.random.default_rng(0)
    dim = rng.integers(1000, 1100, (40, 50)).astype(np.uint16)
    write_overlay(tmp_path / "a.png", Image(dim), cells())
    picture = np.moveaxis(read(tmp_path / "a.png").data, 0, -1)
    assert picture.shape == (40, 50, 3)
    outside = picture[cells() == 0].astype(int)
    assert (outside[:, 0] == outside[:, 2]).all()
    assert outside.min() < 10
    assert outside.max() > 245
    assert np.ptp(picture[3, 4].astype(int)) > 50


@pytest.mark.parametrize(
    ("shape", "axes", "dtype"),
    [
        ((2, 40, 50), "CYX", np.float32),
        ((5, 40, 50), "ZYX", np.uint8),
        ((3, 4, 5, 40, 50), "TCZYX", np.int16),
        ((40, 50), "YX", np.float64),
    ],
)
def test_overlay_of_any_image(tmp_path, shape, axes, dtype):
    data = np.zeros(shape, dtype)
    if dtype == np.float32:
        data[:] = np.nan
    volume = "Z" in axes
    write_overlay(
        tmp_path / "a.png", Image(data, axes), np.stack([cells()] * 5) if volume else cells()
    )
    assert read(tmp_path / "a.png").data.any()


def test_overlay_of_volumes_over_time(tmp_path):
    masks = np.stack([np.stack([cells()] * 4)] * 3)
    write_overlay(tmp_path / "a.png", Image(np.zeros((3, 4, 40, 50)), "TZYX"), masks)
    picture = read(tmp_path / "a.png").data
    np.testing.assert_array_equal(picture.any(axis=0), cells() > 0)


def test_overlay_of_other_masks_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"50 x 40.*30 x 20"):
        write_overlay(tmp_path / "a.png", Image(np.zeros((20, 30))), cells())


def test_flows_and_cell_probability(tmp_path):
    flows = np.random.default_rng(0).normal(size=(2, 40, 50)).astype(np.float32)
    write_flows(tmp_path / "a_cp_flows.tif", flows, {"model": "generalist"})
    image = read(tmp_path / "a_cp_flows.tif")
    assert image.channel_names == ("dY", "dX")
    np.testing.assert_array_equal(image.data, flows)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a_cp_flows.tif"), flows)
    write_flows(tmp_path / "b.tif", np.zeros((3, 5, 40, 50)))
    assert read(tmp_path / "b.tif").axes == "CZYX"
    write_cellprob(tmp_path / "a_cp_cellprob.tif", flows[0])
    np.testing.assert_array_equal(read(tmp_path / "a_cp_cellprob.tif").data, flows[0])
    write_flows(tmp_path / "series.tif", np.zeros((2, 6, 40, 50)), axes="TYX")
    assert read(tmp_path / "series.tif").axes == "TCYX"
    with pytest.raises(InputError, match="shape"):
        write_flows(tmp_path / "c.tif", flows[0])
    with pytest.raises(InputError, match="shape"):
        write_cellprob(tmp_path / "c.tif", flows[0, 0])


def test_table(tmp_path):
    columns = {
        "label": np.array([1, 70_000], np.uint32),
        "mean µ": np.array([0.1, np.nan]),
        "half": np.array([0.1, 2], np.float32),
        "note": ["a, b", 'say "c"'],
    }
    write_table(tmp_path / "a.csv", columns)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"label": "1", "mean µ": "0.1", "half": "0.1", "note": "a, b"}
    assert rows[1] == {"label": "70000", "mean µ": "nan", "half": "2.0", "note": 'say "c"'}
    with pytest.raises(InputError, match="length"):
        write_table(tmp_path / "b.csv", {"a": [1], "b": [1, 2]})
    assert not (tmp_path / "b.csv").exists()


def test_table_as_excel_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    columns = {
        "file": ["=1+1", "https://a.org"],
        "label": np.array([1, 70_000], np.uint32),
        "area_um2": np.array([1 / 3, np.nan]),
        "half": np.array([0.1, np.inf], np.float32),
        "touches_border": np.array([True, False]),
        "=mean µ": np.array([-2, 7]),
    }
    write_table(tmp_path / "a.xlsx", columns)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    header, *rows = sheet.iter_rows()
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in header] == list(columns)
    values = [[cell.value for cell in row] for row in rows]
    assert values[0] == ["=1+1", 1, pytest.approx(1 / 3, rel=1e-15), 0.1, True, -2]
    assert values[1] == ["https://a.org", 70_000, None, "inf", False, 7]
    kinds = [cell.data_type for cell in (header[-1], *rows[0])]
    assert kinds == ["s", "s", "n", "n", "n", "b", "n"]  # a formula would be "f"
    assert rows[1][0].hyperlink is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


def test_excel_is_not_given_more_than_a_sheet_holds(tmp_path):
    with pytest.raises(InputError, match="1,048,576 rows") as error:
        write_table(tmp_path / "a.xlsx", {"label": np.zeros(1 << 20, np.uint32)})
    assert ".csv" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_workbook_of_an_image_has_the_table_of_its_cells(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    found = results()
    (path,) = export(found, "xlsx", tmp_path)
    assert path == tmp_path / "well_measurements.xlsx"
    rows = [list(row) for row in openpyxl.load_workbook(path).active.values]
    measured = found.measured()
    assert rows[0] == list(measured)
    assert [row[rows[0].index("label")] for row in rows[1:]] == measured["label"].tolist()
    place = rows[0].index("area_px")
    assert [row[place] for row in rows[1:]] == measured["area_px"].tolist()


def test_table_as_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"file": ["a", "b"], "label": np.array([1, 70_000], np.uint32), "x": [0.1, np.nan]}
    write_table(tmp_path / "a.parquet", columns)
    back = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert back["label"] == [1, 70_000]
    assert back["file"] == ["a", "b"]
    assert back["x"][0] == 0.1


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FileFormatError, match=r"cellmend\[parquet\]"):
        write_table(tmp_path / "a.parquet", {"label": [1]})
    assert list(tmp_path.iterdir()) == []


def test_tables_of_several_files_become_one():
    one = {"label": np.array([1, 2]), "mean_a": np.array([0.5, 1.5])}
    other = {"label": np.array([1]), "mean_b": np.array([7.0])}
    rows = combined({"x.tif": one, "empty.tif": {"label": np.zeros(0, int)}, "y.tif": other})
    assert rows["file"] == ["x.tif", "x.tif", "y.tif"]
    assert rows["label"].tolist() == [1, 2, 1]
    np.testing.assert_array_equal(rows["mean_a"], [0.5, 1.5, np.nan])
    np.testing.assert_array_equal(rows["mean_b"], [np.nan, np.nan, 7.0])


def decoded(annotation, shape):
    """Return the pixels of a run-length code, by the definition of COCO."""
    counts = annotation["segmentation"]["counts"]
    values = np.arange(len(counts)) % 2
    return np.repeat(values, counts).reshape(shape[::-1]).T.astype(bool)


@settings(max_examples=80, deadline=None)
@given(
    npst.arrays(
        np.uint32,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 1, 2, 70_000]),
    )
)
def test_coco_gives_the_masks_back(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("coco") / "a.json"
    count = write_coco(path, labels, "a.tif")
    content = json.loads(path.read_text())
    assert count == len(content["annotations"]) == len(np.unique(labels[labels > 0]))
    back = np.zeros_like(labels)
    for annotation in content["annotations"]:
        inside = decoded(annotation, labels.shape)
        assert annotation["area"] == np.count_nonzero(inside)
        x, y, width, height = annotation["bbox"]
        assert inside[y : y + height, x : x + width].sum() == inside.sum()
        back[inside] = annotation["id"]
    np.testing.assert_array_equal(back, labels)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
@pytest.mark.parametrize("segmentation", ["rle", "polygon"])
def test_coco_as_its_own_tools_read_it(tmp_path, capsys, segmentation):
    coco = pytest.importorskip("pycocotools.coco")
    whole = np.where(cells() == 5, 0, cells())  # one pixel is less than their polygons resolve
    write_coco(tmp_path / "a.json", whole, "a.tif", segmentation=segmentation)
    index = coco.COCO(str(tmp_path / "a.json"))
    assert index.loadImgs([1])[0]["file_name"] == "a.tif"
    for label in (1, 70_000):
        (annotation,) = index.loadAnns([label])
        mask = index.annToMask(annotation).astype(bool)
        truth = whole == label
        if segmentation == "polygon":
            truth[28:30, 33:36] |= label == 70_000  # the hole
        np.testing.assert_array_equal(mask, truth)


def results(**more) -> Results:
    image = Image(np.random.default_rng(0).random((40, 50)), "YX", ("a",), {"Y": 0.5, "X": 0.5})
    masks = np.where(cells() == 70_000, 7, cells())
    return Results(Path("/data/plate 1/well.tif"), image, masks, **more)


def test_every_kind_that_fits_is_exported_into_the_folder(tmp_path):
    flows = np.zeros((2, 40, 50), np.float32)
    full = results(
        flows=flows, cellprob=flows[0], restored=Image(flows[0]), restored_provenance={"model": "d"}
    )
    written = [path for kind in KINDS for path in export(full, kind, tmp_path, "{folder} {name}")]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert all(path.name.startswith("plate 1 well_") for path in written)
    assert read_provenance(tmp_path / "plate 1 well_restored.tif") == {"model": "d"}
    volume = Results(Path("v.tif"), Image(np.zeros((2, 40, 50)), "ZYX"), np.stack([cells()] * 2))
    fitting = {name for name, kind in KINDS.items() if kind.fits(volume)}
    assert fitting == {"tif", "zarr", "rois", "csv", "xlsx", "overlay"}
    with zipfile.ZipFile(tmp_path / "plate 1 well_rois.zip") as archive:
        assert archive.testzip() is None


def test_masks_as_labels_of_an_ome_zarr(tmp_path):
    (path,) = export(results(), "zarr", tmp_path)
    assert path == tmp_path / "well_cp_masks.zarr"
    np.testing.assert_array_equal(read_labels(path), results().masks)
    image = read(path)
    np.testing.assert_array_equal(image.data, results().image.data)
    assert image.pixel_size_um == {"Y": 0.5, "X": 0.5}


def test_masks_are_as_large_as_their_image(tmp_path):
    (path,) = export(results(), "tif", tmp_path)
    np.testing.assert_array_equal(read_labels(path), results().masks)
    masks = read(path)
    assert (masks.axes, masks.pixel_size_um) == ("YX", {"Y": 0.5, "X": 0.5})


def test_what_was_not_made_is_not_exported(tmp_path):
    with pytest.raises(InputError, match="no flows"):
        export(results(), "flows", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".hidden", 'a"b: c?', " a "])
def test_a_name_that_a_file_has_is_never_refused(name):
    assert export_path(Path("/d") / f"{name}.tif", ".csv") == Path("/d") / f"{name}.csv"


def test_name_patterns():
    source = Path("/data/plate 1/well.tif")
    assert export_path(source, "_rois.zip") == Path("/data/plate 1/well_rois.zip")
    today = date.today().isoformat()
    assert export_path(source, ".csv", Path("/out"), "{date} {name}") == Path(
        f"/out/{today} well.csv"
    )
    for wrong in ("{who}", "../{name}", "a/b", "", ".hidden", "a:b", "{name.__class__}"):
        with pytest.raises(InputError):
            export_path(source, ".csv", None, wrong)
