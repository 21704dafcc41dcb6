"""What a run says of each cell follows the cell into the table and the exported files."""

import csv

import numpy as np
import pytest
import tifffile
from drawn import draw_cells
from hypothesis import given
from hypothesis import strategies as st

import cellmend
from cellmend.cli import main
from cellmend.image import Image
from cellmend.io.labels import read_labels
from cellmend.measure import Confidence, table


def numbered(*counts):
    """Masks of a series, with so many cells of one pixel in each frame."""
    masks = np.zeros((len(counts), 1, max(counts) + 1), np.uint32)
    for frame, count in enumerate(counts):
        masks[frame, 0, :count] = np.arange(1, count + 1)
    return masks


def flat(count):
    values = np.arange(1.0, count + 1)
    return Confidence.of(numbered(count)[0], values / 10, -values)


def test_each_cell_has_its_values_and_others_have_none():
    asked = np.array([3, 1, 4, 0, 2])
    columns = flat(3).columns(np.zeros(5, int), asked)
    np.testing.assert_allclose(columns["flow_error"], [0.3, 0.1, np.nan, np.nan, 0.2])
    np.testing.assert_allclose(columns["cellprob"], [-3, -1, np.nan, np.nan, -2])


def test_the_frames_of_a_series_are_told_apart():
    values = np.arange(5.0)
    found = Confidence.of(numbered(2, 0, 3), values, values, series=True)
    frames, labels = np.array([2, 0, 2, 1, 0]), np.array([3, 2, 1, 1, 3])
    columns = found.columns(frames, labels)
    np.testing.assert_array_equal(columns["cellprob"], [4, 1, 2, np.nan, np.nan])


def test_an_edited_cell_has_no_value_until_the_edit_is_undone():
    whole = flat(3)
    edited = whole.after_editing([(0, 2), (0, 9)])
    asked = np.zeros(3, int), np.array([1, 2, 3])
    assert np.isnan(edited.columns(*asked)["flow_error"]).tolist() == [False, True, False]
    undone = edited.before_editing([(0, 2), (0, 9)])
    assert not np.isnan(undone.columns(*asked)["flow_error"]).any()
    assert not whole.edited


def test_a_run_that_found_nothing_knows_nothing():
    nothing = Confidence.of(np.zeros((4, 4), np.uint32), np.zeros(0), np.zeros(0))
    assert np.isnan(nothing.columns(np.zeros(2, int), np.array([0, 1]))["cellprob"]).all()
    assert len(nothing.columns(np.zeros(0, int), np.zeros(0, int))["cellprob"]) == 0


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.sets(st.integers(1, 6)))
def test_values_are_found_whatever_was_edited(counts, gone):
    values = np.arange(float(sum(counts)))
    found = Confidence.of(numbered(*counts, 0), values, values, series=True)
    found = found.after_editing((1, label) for label in gone)
    columns = found.columns(found.frames, found.labels)
    kept = [not (f == 1 and n in gone) for f, n in zip(found.frames, found.labels, strict=True)]
    np.testing.assert_array_equal(columns["cellprob"], np.where(kept, values, np.nan))


def test_the_table_has_the_columns_only_where_a_run_is_known():
    masks = numbered(3)[0]
    masks[masks == 2] = 9
    image = np.ones(masks.shape)
    assert "flow_error" not in table(image, masks)
    columns = table(image, masks, flat(3))
    assert columns["label"].tolist() == [1, 3, 9]
    np.testing.assert_array_equal(columns["cellprob"], [-1, -3, np.nan])


@pytest.fixture(scope="module")
def segmenter():
    return cellmend.Segmenter("generalist", device="cpu")


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_a_run_tells_its_values_in_the_order_of_the_table(segmenter, axes):
    drawn = [draw_cells(size=96, seed=seed)[0] for seed in (0, 1)]
    image = Image(np.stack(drawn), axes)
    found = segmenter.run(image, diameter=18)
    columns = table(image, found.masks, found.confidence)
    assert len(columns["label"]) > 2
    np.testing.assert_array_equal(columns["flow_error"], found.flow_errors)
    np.testing.assert_array_equal(columns["cellprob"], found.cellprobs)
    last = found.masks[1] == columns["label"][-1]
    assert found.cellprobs[-1] == pytest.approx(found.cellprob[1][last].mean(), rel=1e-4)


def test_segment_writes_the_values_with_the_measurements(segmenter, tmp_path):
    image, _ = draw_cells(size=96)
    tifffile.imwrite(tmp_path / "a.tif", image)
    words = ["segment", str(tmp_path / "a.tif"), "--diameter", "18", "--device", "cpu"]
    assert main([*words, "--save", "csv,xlsx,tif"]) == 0
    found = segmenter.run(image, diameter=18)
    np.testing.assert_array_equal(read_labels(tmp_path / "a_cp_masks.tif"), found.masks)
    with (tmp_path / "a_measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose([float(row["flow_error"]) for row in rows], found.flow_errors)
    np.testing.assert_allclose([float(row["cellprob"]) for row in rows], found.cellprobs)
    openpyxl = pytest.importorskip("openpyxl")
    header, *cells = openpyxl.load_workbook(tmp_path / "a_measurements.xlsx").active.values
    place = header.index("flow_error")
    np.testing.assert_allclose([row[place] for row in cells], found.flow_errors)
