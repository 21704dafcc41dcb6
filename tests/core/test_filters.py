"""Classical filters do what their names say, in Python and on the command line."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from cellmend.cli import main
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.io.tiff import read_provenance
from cellmend.normalize import normalize
from cellmend.params import FilterName, FilterSettings
from cellmend.restore import FILTERS, filter_image, to_scale
from cellmend.restore.filters import noise_level
from cellmend.restore.region import RegionFilter
from cellmend.segment import Segmenter

UNCHANGED = {"enabled": False}


def filtered(plane: np.ndarray, name: str, **options: object) -> np.ndarray:
    """Filter a plane without normalising it."""
    return filter_image(plane, name, normalize=UNCHANGED, **options).image.data


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_keeps_the_form_of_the_image_and_says_what_it_did(name: str) -> None:
    data = np.random.default_rng(0).integers(0, 4000, (2, 3, 40, 36)).astype(np.uint16)
    before = data.copy()
    image = Image(data, "CZYX", ("a", "b"), {"Y": 0.5, "X": 0.5})
    first, again = (filter_image(image, name) for _ in range(2))
    assert first.image.data.dtype == np.float32
    assert first.image.data.shape == data.shape
    assert (first.image.axes, first.image.channel_names) == ("CZYX", ("a", "b"))
    assert first.image.pixel_size_um == image.pixel_size_um
    assert np.isfinite(first.image.data).all()
    np.testing.assert_array_equal(first.image.data, again.image.data)
    np.testing.assert_array_equal(data, before)
    assert first.provenance.settings["filter"] == name
    assert first.provenance.settings["radius"] or first.provenance.settings["strength"]


def test_the_settings_know_every_filter() -> None:
    assert get_args(FilterName) == tuple(FILTERS)


def test_gaussian_equals_that_of_scipy() -> None:
    plane = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    expected = ndimage.gaussian_filter(plane, 2, mode="mirror", truncate=4)
    np.testing.assert_allclose(filtered(plane, "gaussian", radius=2), expected, atol=2e-3)


def test_median_removes_single_bright_pixels(cells: tuple) -> None:
    plane = normalize(cells[0])
    hot = plane.copy()
    hot[::7, ::5] = 10
    assert np.abs(filtered(hot, "median") - plane).max() < 1.5


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_noise_is_measured_on_a_slope(sigma: float) -> None:
    noise = np.random.default_rng(4).normal(0, sigma, (128, 128))
    slope = np.add.outer(np.linspace(0, 3, 128), np.linspace(0, 1, 128))
    assert noise_level((slope + noise).astype(np.float32)) == pytest.approx(sigma, rel=0.05)


def test_non_local_means_brings_a_noisy_image_closer_to_the_clean_one(cells: tuple) -> None:
    smooth = ndimage.gaussian_filter(normalize(cells[0]), 1)
    noisy = smooth + np.random.default_rng(0).normal(0, 0.15, smooth.shape).astype(np.float32)
    restored = filtered(noisy, "nl-means")
    assert np.mean((restored - smooth) ** 2) < 0.3 * np.mean((noisy - smooth) ** 2)


def test_richardson_lucy_equals_that_of_scikit_image() -> None:
    restoration = pytest.importorskip("skimage.restoration")
    rng = np.random.default_rng(2)
    sharp = ndimage.gaussian_filter((rng.random((80, 80)) > 0.97).astype(np.float32), 0.8)
    blurred = ndimage.gaussian_filter(sharp, 2.0).astype(np.float32)
    offsets = np.arange(-8, 9)
    line = np.exp(-(offsets**2) / 8.0)
    psf = np.outer(line, line) / line.sum() ** 2
    expected = restoration.richardson_lucy(blurred, psf, num_iter=10, clip=False)
    found = filtered(blurred, "richardson-lucy", radius=2, iterations=10)
    inner = np.s_[20:-20, 20:-20]
    assert np.corrcoef(found[inner].ravel(), expected[inner].ravel())[0, 1] > 0.99
    before, after = (np.abs(one - sharp)[inner].mean() for one in (blurred, found))
    assert after < 0.85 * before


def test_sharpen_steepens_an_edge() -> None:
    edge = ndimage.gaussian_filter(np.repeat([[0.0] * 20 + [1.0] * 20], 40, 0), (0, 2))
    slope = [np.diff(plane, axis=1).max() for plane in (edge, filtered(edge, "sharpen"))]
    assert slope[1] > 1.25 * slope[0]


def test_background_removes_a_slope_and_keeps_the_cells(cells: tuple) -> None:
    plane = normalize(cells[0])
    tilted = plane + np.linspace(0, 3, plane.shape[1], dtype=np.float32)
    flat = filtered(tilted, "background", radius=20)
    outside = cells[1] == 0
    columns = np.array([flat[:, x][outside[:, x]].mean() for x in range(10, 86)])
    assert abs(np.polyfit(np.arange(columns.size), columns, 1)[0]) * 96 < 0.4
    assert flat[cells[1] > 0].mean() - flat[outside].mean() > 0.6


def test_clahe_lifts_the_dim_half_of_an_image() -> None:
    plane = np.random.default_rng(3).random((128, 128)).astype(np.float32)
    plane[:, 64:] *= 0.2
    even = filtered(plane, "clahe", strength=10)
    ratio = [half[:, 80:].std() / half[:, :48].std() for half in (plane, even)]
    assert ratio[1] > 2 * ratio[0]


def test_settings_that_do_not_fit_are_refused() -> None:
    plane = np.random.default_rng(0).random((32, 32))
    with pytest.raises(InputError, match="median filter has no strength"):
        filter_image(plane, "median", strength=2)
    with pytest.raises(InputError, match="filter"):
        filter_image(plane, "magic")
    with pytest.raises(InputError, match="radius"):
        filter_image(plane, "gaussian", radius=-1)
    with pytest.raises(InputError, match="constant"):
        filter_image(np.ones((32, 32)), "median")


def test_the_raw_scale_keeps_the_intensities(cells: tuple) -> None:
    image = Image(cells[0])
    result = to_scale(filter_image(image, "median").image, image, "raw")
    assert np.median(result.data) == pytest.approx(np.median(cells[0]), rel=0.02)
    assert result.data.max() == pytest.approx(cells[0].max(), rel=0.1)


def test_the_command_line_gives_what_python_gives(
    cells: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, cells[0])
    switches = ["--task", "filter", "--filter", "gaussian", "--radius", "3", "--json"]
    assert main(["restore", str(path), *switches]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["filter"] == "gaussian"
    written = tmp_path / "a_restored.tif"
    expected = filter_image(read(path), "gaussian", radius=3).image.data
    np.testing.assert_array_equal(read(written).data, expected)
    provenance = read_provenance(written)
    assert provenance is not None
    assert (provenance["action"], provenance["settings"]["radius"]) == ("filter", 3)


def test_the_command_line_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", str(tmp_path), "--task", "filter"]) == 2
    told = capsys.readouterr().err
    assert "--filter" in told
    assert "median" in told


@pytest.mark.parametrize("name", FILTERS)
def test_a_part_is_filtered_like_the_whole(name: str, cells: tuple) -> None:
    other = np.flip(cells[0], 0) * np.float32(0.5)
    image = Image(np.stack([np.tile(one, (2, 2)) for one in (cells[0], other)]), "CYX")
    radius = 3 if FILTERS[name].radius else None
    whole = to_scale(filter_image(image, name, radius=radius).image, image, "raw")
    settings = FilterSettings(filter=name, radius=radius)
    part = RegionFilter(image).run(image.data, settings, (50, 60, 90, 130))
    expected = whole.data[:, 50:90, 60:130]
    if name == "nl-means":  # goes by the noise of the part
        assert np.corrcoef(part.ravel(), expected.ravel())[0, 1] > 0.98
    else:
        np.testing.assert_allclose(part, expected, atol=2e-3 * np.ptp(image.data))


def test_a_part_at_the_corner_is_filtered() -> None:
    image = Image(np.random.default_rng(0).random((40, 30), np.float32))
    settings = FilterSettings(filter="gaussian")
    part = RegionFilter(image).run(image.data[None], settings, (0, 0, 40, 30))
    whole = to_scale(filter_image(image, "gaussian").image, image, "raw")
    np.testing.assert_allclose(part[0], whole.data, atol=1e-6)
    wrong = FilterSettings(filter="median", strength=2)
    with pytest.raises(InputError, match="no strength"):
        RegionFilter(image).run(image.data[None], wrong, (0, 0, 4, 4))


def test_cells_are_found_after_a_filter_as_in_python(cells: tuple, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, cells[0])
    words = ["--restore", "filter:sharpen:radius=1.5,strength=2", "--diameter", "16"]
    saved = ["--save", "tif,restored", "--device", "cpu"]
    assert main(["segment", str(path), *words, *saved]) == 0
    expected = filter_image(read(path), "sharpen", radius=1.5, strength=2)
    np.testing.assert_array_equal(read(tmp_path / "a_restored.tif").data, expected.image.data)
    found = Segmenter(device="cpu").run(expected.image, diameter=16)
    np.testing.assert_array_equal(read_labels(tmp_path / "a_cp_masks.tif"), found.masks)


def test_a_step_that_no_filter_can_do_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in ("filter:median:strength=2", "filter:magic", "filter:gaussian:radius=-1"):
        assert main(["segment", str(tmp_path), "--restore", step]) == 2
    assert "median filter has no strength" in capsys.readouterr().err


@pytest.mark.parametrize(
    "how",
    [
        {"lowhigh": (0, 5)},
        {"lowhigh": (0, 5), "background": 0.25},
        {"percentiles": (20, 70)},
        {"enabled": False},
        {"invert": True},
        {"background": 0.25},
        {"per_plane": True},
        {"lowhigh": (0, 5), "invert": True},
    ],
)
def test_raw_intensities_come_back_however_the_image_was_scaled(how: dict, cells: tuple) -> None:
    image = Image(np.stack([cells[0], 3 * cells[0] + 1]), "ZYX")
    made = filter_image(image, "gaussian", radius=0.01, normalize=how)
    raw = to_scale(made.image, image, "raw", made.normalize).data
    np.testing.assert_allclose(raw, image.data, atol=1e-3 * np.ptp(image.data))


def test_raw_intensities_of_a_few_bright_pixels_are_not_lost() -> None:
    data = np.zeros((40, 40), np.uint16)
    data[3, 5:9] = 500
    made = filter_image(data, "gaussian", radius=0.01)
    raw = to_scale(made.image, Image(data), "raw").data
    np.testing.assert_allclose(raw, data, atol=0.01)
