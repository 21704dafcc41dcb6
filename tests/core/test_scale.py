"""Images done block by block: the same cells as of the whole image, whoever did the work."""

import json

import numpy as np
import pytest
from drawn import draw_cells

from cellmend.errors import Cancelled, InputError, ModelError
from cellmend.image import Image
from cellmend.io import read, write
from cellmend.io.windows import ImageWindows
from cellmend.metrics import average_precision
from cellmend.params import BlockwiseSettings, MaskSettings
from cellmend.progress import SILENT
from cellmend.reproduce import command_line, python_script
from cellmend.restore import Restorer, filter_image
from cellmend.scale.models import ModelOnWorkers
from cellmend.scale.open_image import restore_open_image, segment_open_image
from cellmend.scale.plan import plan_of
from cellmend.scale.run import run
from cellmend.scale.workers import ThisProcess
from cellmend.segment import Segmenter

DIAMETER = 18.0


class Backwards:
    """Does the last thing first, and remembers how much it did."""

    def __init__(self):
        self.done = []

    def map(self, work, items, report):
        self.done.append(len(items))
        results = ThisProcess().map(work, items[::-1], report)
        return results[::-1]


class StopsAfter:
    """Asks to stop once something was reported so often."""

    def __init__(self, steps):
        self.steps = steps

    def step(self, done, total, message=""):
        self.steps -= message == "finding cells"

    def check(self):
        if self.steps <= 0:
            raise Cancelled


def settings_of(**options):
    return BlockwiseSettings(**({"diameter": DIAMETER, "blocks": 96} | options))


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter("generalist", "cpu")


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "cells.zarr"
    write(path, Image(draw_cells(250)[0]))
    return path


def pixels(path):
    return read(path)


def masks_of(path, settings, workplace, workers=None, axes=None):
    result = run(plan_of(path, settings, axes, "cpu"), workplace, workers)
    masks = np.asarray(result.labels[...])
    frames = masks if "T" in result.windows.shape else masks[None]
    assert all(frame.max() == len(np.unique(frame)) - 1 for frame in frames)
    assert result.count == sum(int(frame.max()) for frame in frames)
    return masks


def test_the_cells_are_those_of_the_whole_image(segmenter, image, tmp_path):
    whole = segmenter.run(pixels(image), diameter=DIAMETER).masks
    masks = masks_of(image, settings_of(), tmp_path / "work")
    assert masks.max() == whole.max() > 60
    assert average_precision(whole, masks, [0.8])[0] == 1


def test_the_result_does_not_depend_on_who_works_when(image, tmp_path):
    first = masks_of(image, settings_of(), tmp_path / "first")
    second = masks_of(image, settings_of(), tmp_path / "second", Backwards())
    np.testing.assert_array_equal(first, second)


def test_a_run_that_was_stopped_goes_on(image, tmp_path):
    plan = plan_of(image, settings_of(), device="cpu")
    with pytest.raises(Cancelled):
        run(plan, tmp_path / "work", report=StopsAfter(12))
    found = tmp_path / "work" / "found"
    done = len(list(found.glob("*.json")))
    assert 0 < done < 9
    workers = Backwards()
    masks = masks_of(image, settings_of(), tmp_path / "work", workers)
    assert workers.done[1] == 9 - done
    np.testing.assert_array_equal(masks, masks_of(image, settings_of(), tmp_path / "anew"))


def test_the_key_tells_runs_apart(image, tmp_path):
    key = plan_of(image, settings_of()).key
    assert plan_of(image, settings_of()).key == key
    assert plan_of(image, settings_of(diameter=19.0)).key != key
    write(image, Image(draw_cells(250, seed=1)[0]))
    assert plan_of(image, settings_of()).key != key


def test_a_restored_image_is_that_of_the_whole_image(image, tmp_path):
    settings = settings_of(restore=("denoise",))
    result = run(plan_of(image, settings, device="cpu"), tmp_path / "work")
    whole = Restorer("denoise", "cpu").run(pixels(image), diameter=DIAMETER).image.data
    restored = result.restored.image.read({}).data
    assert restored.dtype == np.float32
    assert np.abs(restored - whole).mean() < 0.02 * np.ptp(whole)
    assert [step.model for step in result.provenance.previous] == ["denoise"]
    assert result.provenance.settings["blocks"] == 96


def test_the_diameter_is_estimated_once_for_all_blocks(image, tmp_path):
    result = run(plan_of(image, settings_of(diameter=None), device="cpu"), tmp_path / "work")
    found = result.provenance.settings["diameter"]
    assert found == pytest.approx(DIAMETER, rel=0.2)
    page = tmp_path / "work" / "diameter.json"
    assert json.loads(page.read_text()) == found
    known = tmp_path / "other" / "diameter.json"
    known.parent.mkdir()
    known.write_text("21.5")
    again = run(plan_of(image, settings_of(diameter=None), device="cpu"), known.parent)
    assert again.provenance.settings["diameter"] == 21.5


def test_cells_on_the_edge_are_those_of_the_image_not_of_its_blocks(segmenter, tmp_path):
    path = tmp_path / "a.tif"
    write(path, Image(draw_cells(250)[0][10:, 10:]))  # the first row and column are cut
    masks = MaskSettings(exclude_on_edges=True)
    found = masks_of(path, settings_of(masks=masks), tmp_path / "work")
    whole = segmenter.run(pixels(path), diameter=DIAMETER, exclude_on_edges=True).masks
    every = segmenter.run(pixels(path), diameter=DIAMETER).masks
    assert found.max() == whole.max() < every.max()


def test_planes_over_time_are_done_each_for_itself(segmenter, tmp_path):
    series = np.stack([draw_cells(120, seed=i)[0] for i in range(3)])
    other = np.zeros_like(series)
    path = tmp_path / "a.tif"
    write(path, Image(np.stack([other, series], axis=1), "TCYX"))
    settings = settings_of(channels=(2, 0), blocks=None)
    masks = masks_of(path, settings, tmp_path / "work")
    whole = segmenter.run(pixels(path), channels=(2, 0), diameter=DIAMETER).masks
    np.testing.assert_array_equal(masks, whole)


@pytest.mark.parametrize("options", [{"stitch_threshold": 0.3}, {"do_3d": True}])
def test_cells_of_volumes_go_through_blocks(tmp_path, options):
    y_x = draw_cells(100)[0]
    volume = np.full((14, 100, 100), 200, np.uint16)
    volume[3:11] = y_x
    path = tmp_path / "a.tif"
    write(path, Image(volume, "ZYX"))
    blocks = {"blocks": 64, "block_depth": 7, "block_overlap": 24}
    masks = masks_of(path, settings_of(**blocks, **options), tmp_path / "work")
    planes = [set(np.unique(masks[z])) - {0} for z in (4, 9)]
    assert planes[0] == planes[1]
    assert len(planes[0]) == 9


def test_an_empty_block_is_no_error(tmp_path):
    data = np.full((250, 250), 200, np.uint16)
    data[:80, :80] = draw_cells(80)[0]
    write(tmp_path / "a.tif", Image(data))
    masks = masks_of(tmp_path / "a.tif", settings_of(), tmp_path / "work")
    assert masks.max() == 9


def test_a_constant_image_and_a_missing_channel_are_refused(tmp_path):
    write(tmp_path / "a.tif", Image(np.full((250, 250), 7, np.uint8)))
    for options, reason in (({}, "constant"), ({"channels": (3, 0)}, "no channel 3")):
        with pytest.raises(InputError, match=reason):
            masks_of(tmp_path / "a.tif", settings_of(**options), tmp_path / "work")


def test_a_worker_refuses_another_model_of_the_same_name():
    with pytest.raises(ModelError, match="another one"):
        ModelOnWorkers("generalist", "0" * 64, "cpu").segmenter()


def test_nothing_is_found_twice(image, tmp_path):
    plan = plan_of(image, settings_of(), device="cpu")
    workers = Backwards()
    run(plan, tmp_path / "work", workers)
    run(plan, tmp_path / "work", workers, SILENT)
    assert workers.done[4] == 0  # looked at, found, joined; looked at, found


def test_an_image_that_is_open_is_done_alike(image, tmp_path):
    shown = pixels(image)
    settings = settings_of(restore=("denoise",))
    masks, record = segment_open_image(shown, settings, "cpu")
    np.testing.assert_array_equal(masks, masks_of(image, settings, tmp_path / "work"))
    assert [step.model for step in record.previous] == ["denoise"]
    restored, made_by = restore_open_image(shown, settings, "cpu")
    assert (restored.axes, restored.data.shape) == (shown.axes, shown.data.shape)
    assert (made_by.model, made_by.settings["diameter"]) == ("denoise", DIAMETER)


def test_filters_and_models_are_steps_alike(image, tmp_path):
    steps = ("filter:gaussian:radius=2", "denoise")
    result = run(plan_of(image, settings_of(restore=steps), device="cpu"), tmp_path / "work")
    once = filter_image(pixels(image), "gaussian", radius=2).image
    filtered = ImageWindows(tmp_path / "work" / "restored0.zarr").read({}).data
    np.testing.assert_allclose(filtered, once.data, atol=1e-5)
    assert [step.model for step in result.provenance.previous] == ["gaussian", "denoise"]


def test_a_run_in_blocks_is_told_as_a_command(image, tmp_path):
    settings = settings_of(restore=("filter:gaussian:radius=2",), block_overlap=40)
    record = run(plan_of(image, settings, device="cpu"), tmp_path / "work").provenance
    command = command_line(record, "cells.zarr")
    assert command.split()[:3] == ["cellmend", "segment", "cells.zarr"]
    for words in ("--restore filter:gaussian:radius=2.0", "--blocks 96", "--block-overlap 40"):
        assert words in command
    with pytest.raises(InputError, match="blocks"):
        python_script(record, "cells.zarr")
