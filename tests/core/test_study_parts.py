"""The parts of a study: inputs, strengths, scores, kept results, tables and the page."""

import csv
import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from cellmend.errors import FileFormatError, InputError
from cellmend.study.cache import Cache, Kept
from cellmend.study.cases import (
    Files,
    densest_part,
    low_high_files,
    masked_files,
    read_case,
    read_low_high,
    spread,
)
from cellmend.study.compare import CLEAN, DEGRADED, Record
from cellmend.study.page import Page
from cellmend.study.score import THRESHOLDS, Score, closeness, fitted_to
from cellmend.study.strength import RANGES, degraded_image, halve, noise_source
from cellmend.study.summary import best_settings, shown_records, task_table
from cellmend.study.tables import Table, write_csv, write_json


def test_folders_give_images_with_masks_and_real_pairs(pairs_folder: Path) -> None:
    for name in ("a_clean", "a_noisy", "b_clean"):
        tifffile.imwrite(pairs_folder / f"{name}.tif", np.eye(40, dtype=np.uint8))
    masked = masked_files([pairs_folder])
    assert [files.name for files in masked] == [f"pairs/cells{i}" for i in range(4)]
    assert [files.name for files in low_high_files([pairs_folder])] == ["pairs/a"]


def test_a_split_is_named_after_its_data_set(tmp_path: Path, pairs_folder: Path) -> None:
    place = tmp_path / "mine" / "val"
    place.parent.mkdir()
    pairs_folder.rename(place)
    assert {files.group for files in masked_files([place])} == {"mine"}


@given(st.integers(0, 40), st.integers(0, 12))
def test_a_limit_takes_evenly(count: int, limit: int) -> None:
    items = [(Path(str(i)), Path()) for i in range(count)]
    taken = [int(str(path)) for path, _ in spread(items, limit)]
    assert len(taken) == (min(count, limit) if limit else count)
    assert taken == sorted(set(taken))
    if limit and count > limit:
        assert max(np.diff([*taken, count])) <= math.ceil(count / limit)


def test_the_part_with_the_most_cells_is_taken() -> None:
    masks = np.zeros((100, 120), np.uint32)
    masks[70:72, 90:110:5] = np.arange(1, 21).reshape(1, -1)[:, :4]
    rows, columns = densest_part(masks, 40)
    assert len(np.unique(masks[rows, columns])) == 5
    assert (masks[rows, columns].shape) == (40, 40)
    assert masks[densest_part(masks, 500)].shape == masks.shape


def test_of_a_real_pair_the_part_with_the_most_contrast_is_taken(tmp_path: Path) -> None:
    clean = np.zeros((60, 80), np.uint8)
    clean[50:55, 62:70] = 200
    for name, image in (("a_clean", clean), ("a_noisy", clean // 2)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    files = low_high_files([tmp_path])[0]
    pair = read_low_high(files, 30)
    assert pair.clean.shape == (30, 30)
    assert (pair.clean > 0).sum() == 40
    np.testing.assert_array_equal(pair.noisy * 2, pair.clean)
    assert read_low_high(files).clean.shape == (60, 80)


def test_a_crop_grows_with_the_cells(pairs_folder: Path) -> None:
    files = masked_files([pairs_folder])[0]
    whole, part = read_case(files), read_case(files, 100)
    assert whole.image.shape == (96, 96)
    assert whole.diameter == pytest.approx(18, abs=1)
    assert part.image.shape == part.masks.shape == (round(100 * whole.diameter / 30),) * 2
    assert part.diameter == whole.diameter
    assert whole.key != part.key


def test_files_that_do_not_fit_are_named(tmp_path: Path, pairs_folder: Path) -> None:
    wrong = pairs_folder / "cells1_masks.tif"
    tifffile.imwrite(wrong, np.ones((10, 12), np.uint16))
    with pytest.raises(FileFormatError, match=r"cells1_masks.*do not fit"):
        read_case(masked_files([pairs_folder])[1])
    tifffile.imwrite(wrong, np.zeros((96, 96), np.uint16))
    with pytest.raises(FileFormatError, match="no cells"):
        read_case(masked_files([pairs_folder])[1])
    for name, side in (("a", 30), ("b", 20)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.eye(side, dtype=np.uint8))
    with pytest.raises(FileFormatError, match="same field"):
        read_low_high(Files("x", tmp_path / "a.tif", tmp_path / "b.tif"))


@pytest.mark.parametrize("task", RANGES)
def test_bisection_finds_the_strength_that_halves(task: str) -> None:
    along = RANGES[task]
    middle = along.value(0.37)

    def score(value: float) -> float:
        gentler = value > middle if along.gentlest > along.severest else value < middle
        distance = abs(math.log(value / middle))
        return 0.4 + (0.4 if gentler else -0.4) * min(distance, 1)

    chosen = halve(score, 0.8, along)
    assert chosen.score == score(chosen.value)
    if along.whole:
        others = [abs(score(k) - 0.4) for k in range(1, 7)]
        assert abs(chosen.score - 0.4) == pytest.approx(min(others))
    else:
        assert chosen.value == pytest.approx(middle, rel=0.1)


def test_what_can_not_be_halved_is_degraded_most() -> None:
    assert halve(lambda value: 0.7, 0.8, RANGES["denoise"]).value == 0.5


@pytest.mark.parametrize(("task", "value"), [("denoise", 4), ("deblur", 3), ("upsample", 3)])
def test_noise_depends_on_seed_and_name_alone(cells: tuple, task: str, value: float) -> None:
    def seen(seed: int, name: str) -> np.ndarray:
        return degraded_image(cells[0], task, value, 18, noise_source(seed, name)).image

    np.testing.assert_array_equal(seen(0, "a"), seen(0, "a"))
    if task != "upsample":
        assert (seen(0, "a") != seen(1, "a")).any()
        assert (seen(0, "a") != seen(0, "b")).any()


def test_dropped_pixels_are_not_known(cells: tuple) -> None:
    seen = degraded_image(cells[0], "upsample", 3, 18, noise_source(0, "a"))
    assert seen.kept.shape == (32, 32)
    assert seen.image.shape == (96, 96)


@given(st.floats(0.1, 9), st.floats(-5, 5))
def test_brightness_does_not_count_as_an_error(slope: float, offset: float) -> None:
    clean = np.random.default_rng(0).random((24, 24)).astype(np.float32)
    image = (slope * clean + offset).astype(np.float32)
    np.testing.assert_allclose(fitted_to(clean, image), clean, atol=1e-3)
    psnr, ssim = closeness(clean, image)
    assert psnr > 50
    assert ssim > 0.999


def test_a_cache_makes_each_result_once(tmp_path: Path) -> None:
    made = []

    def make() -> Kept:
        made.append(1)
        return Kept({"a": [1, None]}, {"x": np.arange(5, dtype=np.uint8)})

    image = np.ones((2, 2))
    cache = Cache(tmp_path / "cache")
    for _ in range(3):
        kept = cache.get(("key", image), make)
        assert kept.values == {"a": [1, None]}
        np.testing.assert_array_equal(kept.arrays["x"], np.arange(5))
    assert len(made) == 1
    cache.get(("key", image + 1), make)
    assert len(made) == 2
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:40])
    assert cache.get(("key", image), make).values == {"a": [1, None]}
    assert len(made) == 3


def record(image: str, method: str, found: int, setting: str = "") -> Record:
    """Make a record of an image with ten cells of which some are found at every overlap."""
    counts = [(n,) * len(THRESHOLDS) for n in (found, 0, 10 - found)]
    return Record("set", image, "denoise", 4.0, method, setting, Score(*counts, psnr=20, ssim=0.5))


def test_the_best_setting_is_shown_and_the_recovered_share_counted() -> None:
    records = [
        *(record(image, DEGRADED, 4) for image in "ab"),
        *(record(image, "median", found, "1") for image, found in (("a", 9), ("b", 1))),
        *(record(image, "median", found, "2") for image, found in (("a", 6), ("b", 7))),
        *(record(image, CLEAN, 9) for image in "ab"),
    ]
    best = best_settings(records)
    assert best["denoise", "median"] == "2"
    shown = shown_records(records, best)
    rows = {row["method"]: row for row in task_table(shown, "denoise").as_dicts()}
    assert list(rows) == [DEGRADED, "median", CLEAN]
    assert rows["median"]["AP@0.5"] == pytest.approx(0.65)
    assert rows["median"]["recovered"] == pytest.approx((0.65 - 0.4) / (0.9 - 0.4))
    assert rows["median"]["FN rate"] == pytest.approx(0.35)
    assert rows["median"]["setting"] == "2"


TABLE = Table("A <table>", ("name", "n", "x"), (("b,c", 2, 0.5), ('"', None, float("nan"))))


def test_tables_are_read_back(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", TABLE)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["name", "n", "x"], ["b,c", "2", "0.5"], ['"', "", ""]]
    write_json(tmp_path / "t.json", {"rows": TABLE.as_dicts()})
    rows = json.loads((tmp_path / "t.json").read_text())["rows"]
    assert rows[1] == {"name": '"', "n": None, "x": None}
    assert len({len(line) for line in TABLE.as_text().splitlines()[1:]}) == 1


def test_a_table_refuses_rows_of_another_length() -> None:
    with pytest.raises(InputError, match="2 values for 1"):
        Table("t", ("a",), ((1, 2),))


class Reader(HTMLParser):
    """Collects the text of a page, and what it asks others for."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        asked = given.get("src") or given.get("href") or ""
        if tag in ("script", "link") or (asked and not asked.startswith(("data:", "#"))):
            self.outside.append(f"{tag} {asked}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_page_is_whole_in_itself(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from cellmend.study.plots import Panel, before_after, curves, picture_grid, spreads

    page = Page("A & B")
    page.table(TABLE)
    line = np.linspace(0, 1, 3)
    page.plot(curves([0, 1, 2], {"degraded": line}, x_name="x", y_name="<y>"))
    page.plot(before_after({"m": np.zeros((2, 2))}, name="AP"))
    page.plot(spreads({"rate": {"m": line}}))
    picture = np.zeros((8, 8), np.uint8)
    page.picture(picture_grid([("row", [Panel("p", picture, picture)])]), "a picture")
    page.write(tmp_path / "page.html")
    reader = Reader()
    reader.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert reader.outside == []
    assert {"A & B", "A <table>", "a picture", "<y>", "–"} <= set(reader.words)
