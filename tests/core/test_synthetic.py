"""Synthetic cells: true masks, the size asked for, and images as a camera gives them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellmend.errors import InputError
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.io.pairs import training_pairs
from cellmend.size import diameters
from cellmend.train.synthetic import (
    KINDS,
    SyntheticSettings,
    synthetic_image,
    write_training_folder,
)
from cellmend.train.synthetic.optics import Optics, illumination, photograph


def drawn(kind: str, seed: int = 0, **options: object):
    return synthetic_image(kind, np.random.default_rng(seed), SyntheticSettings(**options))


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**31),
    st.sampled_from([(64, 64), (70, 110)]),
    st.floats(10, 40),
    st.floats(0, 1),
)
def test_masks_are_whole_cells_numbered_without_gaps(kind, seed, size, diameter, density) -> None:
    made = drawn(kind, seed, size=size, diameter=diameter, density=density)
    assert made.image.data.shape == made.masks.shape == size
    assert made.image.data.dtype == np.uint16
    assert made.masks.dtype == np.uint32
    ids = np.unique(made.masks[made.masks > 0])
    np.testing.assert_array_equal(ids, np.arange(1, ids.size + 1))
    for label in ids:
        assert ndimage.label(made.masks == label)[1] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("diameter", [18.0, 36.0])
def test_cells_have_the_diameter_asked_for(kind: str, diameter: float) -> None:
    made = [drawn(kind, seed, size=(220, 220), diameter=diameter) for seed in range(2)]
    every = np.concatenate([diameters(one.masks) for one in made])
    assert every.size >= 12
    assert np.median(every) == pytest.approx(diameter, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_image(kind: str) -> None:
    first, again, other = (drawn(kind, seed, size=(96, 96)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.image.data, again.image.data)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert (first.image.data != other.image.data).any()


def test_density_decides_how_many() -> None:
    for kind in ("nuclei", "cytoplasm", "rods", "yeast"):
        few, many = (
            sum(
                drawn(kind, seed, size=(160, 160), density=density).masks.max() for seed in range(2)
            )
            for density in (0.1, 0.95)
        )
        assert many > 1.3 * few, kind


def test_tissue_leaves_no_gaps_and_its_borders_are_bright() -> None:
    made = drawn("membranes", density=1.0, photons=2000)
    assert (made.masks > 0).mean() > 0.97
    eroded = ndimage.grey_erosion(made.masks, 3) == ndimage.grey_dilation(made.masks, 3)
    image = made.image.data.astype(float)
    assert image[~eroded].mean() > 1.3 * image[eroded].mean()


def test_the_nuclear_channel_lies_in_the_cells() -> None:
    made = drawn("cytoplasm", photons=2000, nuclear_channel=True)
    assert made.image.axes == "CYX"
    nuclei = made.image.channel(1).astype(float)
    bright = nuclei > np.percentile(nuclei, 97)
    assert (made.masks[bright] > 0).mean() > 0.95


def test_photons_obey_poisson_and_the_camera_adds_its_own() -> None:
    optics = Optics(focus=0, haze=0, unevenness=0, photons=50, background=0, gain=2, offset=100)
    grey = photograph(np.ones((300, 300), np.float32), optics, np.random.default_rng(0))
    assert grey.mean() == pytest.approx(200, rel=0.01)
    assert grey.var() == pytest.approx(4 * 50 + 3**2, rel=0.05)


@given(st.floats(0, 0.9), st.integers(0, 1000))
def test_illumination_spans_what_is_asked(unevenness: float, seed: int) -> None:
    field = illumination((40, 50), unevenness, np.random.default_rng(seed))
    assert field.max() == pytest.approx(1, abs=1e-5)
    assert field.min() == pytest.approx(1 - unevenness, abs=1e-5)


def test_a_folder_is_ready_for_training(tmp_path: Path) -> None:
    small = SyntheticSettings(size=(64, 64), diameter=16)
    written = write_training_folder(tmp_path / "made", 6, settings=small, seed=5)
    assert training_pairs([tmp_path / "made"]) == sorted(written)
    assert [image.name for image, _ in written[:2]] == [
        "nuclei_0001_img.tif",
        "cytoplasm_0002_img.tif",
    ]
    image, masks = written[2]
    assert read(image).data.shape == read_labels(masks).shape == (64, 64)
    again = write_training_folder(tmp_path / "again", 3, settings=small, seed=5)
    np.testing.assert_array_equal(read(image).data, read(again[2][0]).data)


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nuclei, cytoplasm"):
        drawn("neurons")
    with pytest.raises(InputError, match="No kind"):
        write_training_folder(tmp_path, 1, kinds=())
