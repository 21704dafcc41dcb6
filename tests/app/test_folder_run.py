"""Segmenting the images of a folder: what is written, what is left alone, what is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt

from cellmend.cli.pipeline import Pipeline
from cellmend.cli.save import save
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io import seg_npy
from cellmend.io.labels import read_labels
from cellmend.io.tiff import write_image
from cellmend.params import FilterSettings, PipelineSettings, RestoreStep, SegmentSettings
from cellmend.progress import SILENT
from cellmend_app.dialogs.folder_run import FolderRunDialog
from cellmend_app.document import Document
from cellmend_app.services.cells import CellService
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.exports import about_replacing
from cellmend_app.services.folder_run import (
    FileStatus,
    FolderRequest,
    FolderRunService,
    process,
)
from cellmend_app.services.models import ModelChoice, ModelService
from cellmend_app.services.open_save import FileService
from cellmend_app.services.pipelines import RestoreRequest
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobRunner

UPSAMPLE = (RestoreStep(model="upsample"),)
REQUEST = FolderRequest(SegmentSettings(model="generalist", diameter=12.0))


@pytest.fixture
def folder(tmp_path):
    """Three images and a file that only pretends to be one."""
    place = tmp_path / "images"
    place.mkdir()
    for name in ("a", "b", "d"):
        tifffile.imwrite(place / f"{name}.tif", np.arange(3600, dtype=np.uint16).reshape(60, 60))
    (place / "c.tif").write_bytes(b"no image")
    return place


class Bench:
    """A service with what it needs, and all that it told."""

    def __init__(self, folder):
        self.images = sorted(folder.glob("*.tif"))
        self.runner = JobRunner()
        self.messages = RecordingMessages()
        self.document = Document()
        self.files = FileService(self.document, self.runner, self.messages, Preferences())
        self.pipelines = FakePipelines()
        self.service = FolderRunService(self.files, self.runner, self.messages, self.pipelines)
        self.told = []
        self.service.told.connect(self.told.append)

    def states(self, image):
        return [status.state for status in self.told if status.path == image]


@pytest.fixture
def bench(qapp, folder):
    bench = Bench(folder)
    yield bench
    bench.runner.shutdown()


def finish(qtbot, bench, images=None, request=REQUEST):
    bench.service.start(bench.images if images is None else images, request)
    assert bench.service.running
    qtbot.waitUntil(lambda: not bench.service.running, timeout=60_000)


def begin(qtbot, bench, images):
    with qtbot.waitSignal(bench.service.began, timeout=5000):
        bench.service.start(images, REQUEST)


def test_each_image_gets_its_masks_and_a_bad_one_its_reason(qtbot, bench):
    finish(qtbot, bench)
    a, b, c, d = bench.images
    for image in (a, b, d):
        seg = seg_npy.read(image.with_name(f"{image.stem}_seg.npy"))
        assert seg.masks.max() == 2
        assert seg.masks.shape == (60, 60)
        assert seg.model_path == "generalist"
        assert bench.states(image) == ["waiting", "running", "done"]
        assert bench.files.has_masks(image)
    assert bench.states(c) == ["waiting", "running", "failed"]
    failed = next(status for status in bench.told if status.state == "failed")
    assert "not" in failed.reason
    assert str(c) not in failed.reason
    assert not c.with_name("c_seg.npy").exists()
    assert [status.cells for status in bench.told if status.state == "done"] == [2, 2, 2]


def test_an_image_is_mended_first_and_masks_fit_the_raw_one(qtbot, bench):
    bench.pipelines.scale = 2
    request = FolderRequest(REQUEST.segment, UPSAMPLE, kinds=("tif", "csv"))
    finish(qtbot, bench, bench.images[:1], request)
    mended, segmented = bench.pipelines.requests
    assert mended == RestoreRequest(UPSAMPLE, 12.0)
    assert segmented.diameter == 24.0
    seg = seg_npy.read(bench.images[0].with_name("a_seg.npy"))
    assert seg.masks.shape == (60, 60)
    assert seg.diameter == 12.0
    assert (seg.restore, seg.ratio) == ("upsample", 2.0)
    assert seg.img_restore.shape == (1, 120, 120, 1)
    masks = read_labels(bench.images[0].with_name("a_cp_masks.tif"))
    np.testing.assert_array_equal(masks, seg.masks)
    assert bench.images[0].with_name("a_measurements.csv").exists()


@pytest.mark.parametrize("restore", [(), ("denoise",), ("filter:gaussian", "denoise")], ids=len)
def test_the_command_line_writes_the_same_seg_file(tmp_path, restore):
    image = tmp_path / "discs.tif"
    y, x = np.mgrid[:96, :96]
    discs = (np.hypot(y - 30, x - 30) < 12) | (np.hypot(y - 66, x - 60) < 12)
    noise = np.random.default_rng(0).integers(0, 20, discs.shape)
    tifffile.imwrite(image, (discs * 150 + noise).astype(np.uint8))
    seg = image.with_name("discs_seg.npy")
    settings = PipelineSettings(diameter=24.0, restore=restore)
    request = FolderRequest(SegmentSettings(diameter=24.0), settings.restore)
    assert process(image, request, CorePipelines(), {}, SILENT) == 2
    from_window = seg_npy.read(seg)
    seg.unlink()
    save(Pipeline(settings, "auto").ahead([image]).get(image, SILENT), ("npy",), None)
    from_command = seg_npy.read(seg)
    assert (from_command.img_restore is None) == (not restore)
    for name, value in vars(from_window).items():
        np.testing.assert_equal(getattr(from_command, name), value, err_msg=name)


def test_nothing_is_replaced_without_a_yes(qtbot, bench):
    there = bench.images[0].with_name("a_seg.npy")
    there.write_bytes(b"precious")
    finish(qtbot, bench)
    assert there.read_bytes() == b"precious"
    assert not bench.told
    bench.messages.yes = True
    finish(qtbot, bench, bench.images[:1])
    assert len(bench.messages.questions) == 2
    assert seg_npy.read(there).masks.max() == 2


def test_the_open_image_shows_its_new_masks_but_edits_are_left_alone(qtbot, bench):
    a, b = bench.images[:2]
    with qtbot.waitSignal(bench.files.opened, timeout=5000):
        bench.files.open(a, b)
    with qtbot.waitSignal(bench.document.labels_replaced, timeout=5000):
        finish(qtbot, bench, [a])
    assert bench.document.labels.count == 2
    assert bench.document.diameter == 12.0
    assert not bench.files.unsaved
    assert bench.files.folder == [a, b]
    CellService(bench.document, bench.messages).delete([1])
    assert bench.files.unsaved
    bench.messages.yes = True
    finish(qtbot, bench, [a])
    assert "not saved" in bench.told[-1].reason
    assert bench.document.labels.count == 1
    assert seg_npy.read(a.with_name("a_seg.npy")).masks.max() == 2


def test_new_masks_of_the_open_image_can_be_undone(qtbot, bench):
    a, document = bench.images[0], bench.document
    with qtbot.waitSignal(bench.files.opened, timeout=5000):
        bench.files.open(a)
    bench.pipelines.scale = 2
    with qtbot.waitSignal(document.labels_replaced, timeout=5000):
        finish(qtbot, bench, [a], FolderRequest(REQUEST.segment, UPSAMPLE))
    assert document.restored is not None
    assert document.results is not None
    document.undo.undo()
    assert (document.labels.count, document.restored, document.results) == (0, None, None)
    assert bench.files.unsaved
    document.undo.redo()
    assert document.labels.count == 2
    assert not document.modified


def test_a_pause_holds_the_next_image_back_and_a_stop_keeps_what_is_done(qtbot, bench):
    a, b, _, d = bench.images
    bench.pipelines.gate.clear()
    begin(qtbot, bench, [a, b, d])
    bench.service.pause()
    bench.pipelines.gate.set()
    qtbot.waitUntil(lambda: bench.states(a)[-1] == "done", timeout=5000)
    qtbot.wait(50)
    assert bench.states(b) == ["waiting"]
    assert bench.service.running
    bench.pipelines.gate.clear()
    bench.service.go_on()
    assert bench.states(b)[-1] == "running"
    bench.service.cancel()
    qtbot.waitUntil(lambda: not bench.service.running, timeout=5000)
    assert bench.states(b)[-1] == bench.states(d)[-1] == "stopped"
    assert a.with_name("a_seg.npy").exists()
    assert not b.with_name("b_seg.npy").exists()


def test_a_stop_while_paused_ends_the_run(qtbot, bench):
    a, b = bench.images[:2]
    bench.pipelines.gate.clear()
    begin(qtbot, bench, [a, b])
    bench.service.pause()
    bench.pipelines.gate.set()
    qtbot.waitUntil(lambda: bench.states(a)[-1] == "done", timeout=5000)
    qtbot.wait(20)
    bench.service.cancel()
    assert not bench.service.running
    assert bench.states(b)[-1] == "stopped"


def test_a_failure_of_the_model_is_told_of_each_image(qtbot, bench):
    bench.pipelines.error = InputError("There is no channel 3.")
    finish(qtbot, bench, bench.images[:2])
    assert [s.reason for s in bench.told if s.state == "failed"] == ["There is no channel 3."] * 2


@pytest.fixture
def dialog(qtbot, bench):
    models = ModelService(bench.runner, bench.messages)
    models.choices = (
        ModelChoice("generalist", "segmentation", installed=True),
        ModelChoice("denoise", "denoise", installed=True),
        ModelChoice("deblur-nuclei", "deblur", installed=False),
    )
    dialog = FolderRunDialog(bench.service, models)
    dialog.prepare(bench.images, lambda path: path.stem == "b", REQUEST.segment)
    dialog.show()
    yield dialog
    dialog.close()


def test_images_with_masks_are_left_out_unless_ticked(dialog, bench):
    assert [path.stem for path in dialog.chosen()] == ["a", "c", "d"]
    assert dialog.all.checkState() == Qt.CheckState.PartiallyChecked
    dialog.all.click()
    assert len(dialog.chosen()) == 4
    dialog.all.click()
    assert not dialog.chosen()
    assert not dialog.start.isEnabled()


def test_the_dialog_asks_for_what_was_chosen(dialog):
    texts = [dialog.restore.itemText(i) for i in range(dialog.restore.count())]
    assert texts == ["No", "denoise"]
    dialog.restore.setCurrentIndex(1)
    dialog.kinds["rois"].setChecked(True)
    assert dialog.request() == FolderRequest(
        REQUEST.segment, (RestoreStep(model="denoise"),), ("rois",)
    )
    assert "generalist" in dialog.summary.text()
    assert "12 px" in dialog.summary.text()


def test_the_steps_of_the_panel_can_be_run_on_a_folder(dialog, bench):
    steps = (FilterSettings(filter="median"), RestoreStep(model="denoise"))
    dialog.prepare(bench.images, lambda _: False, REQUEST.segment, steps)
    assert dialog.request().restore == ()
    dialog.restore.setCurrentText("Steps of the panel")
    assert dialog.request().restore == steps
    dialog.prepare(bench.images, lambda _: False, REQUEST.segment, steps[:1])
    assert dialog.request().restore == steps[:1]
    dialog.prepare(bench.images, lambda _: False, REQUEST.segment)
    assert dialog.request().restore == ()


def test_states_stand_in_the_list_and_what_failed_can_be_run_again(qtbot, dialog, bench):
    dialog.start.click()
    assert dialog.stop.isVisible()
    assert not dialog.restore.isEnabled()
    qtbot.waitUntil(lambda: not bench.service.running, timeout=60_000)
    rows = [dialog.images.topLevelItem(i) for i in range(4)]
    assert [row.text(1) for row in rows[:2]] == ["2 cells", "has masks"]
    assert rows[2].text(1).startswith("failed: ")
    assert "3 of 3" in dialog.state.text()
    assert dialog.progress.value() == dialog.progress.maximum()
    assert [path.stem for path in dialog.chosen()] == ["c"]
    assert dialog.start.isEnabled()
    assert not dialog.stop.isVisible()


def test_a_run_that_was_declined_leaves_the_list_as_it_was(qtbot, dialog, bench):
    bench.images[0].with_name("a_seg.npy").write_bytes(b"precious")
    dialog.start.click()
    qtbot.waitUntil(lambda: not bench.service.running, timeout=5000)
    assert len(bench.messages.questions) == 1
    assert dialog.state.text() == "3 of 4 images ticked."


class FindsInFrames(FakePipelines):
    """Finds the same two cells in each of two frames."""

    def segment(self, image, request, report):
        found = super().segment(image, request, report)
        masks = np.stack([found.masks] * 2)
        return replace(found, masks=masks, flows=None, cellprob=None, confidence=None)


def test_cells_of_a_series_are_counted_in_every_frame(tmp_path):
    write_image(tmp_path / "film.tif", Image(np.zeros((2, 20, 30), np.uint8), "TYX"))
    assert process(tmp_path / "film.tif", REQUEST, FindsInFrames(), {}, SILENT) == 4


def test_a_question_about_many_files_names_a_few(tmp_path):
    files = [tmp_path / f"{number}_seg.npy" for number in range(60)]
    question, details = about_replacing(files)
    assert question == "Replace 60 files?"
    assert details.splitlines()[-2:] == ["9_seg.npy", "and 50 more"]


def test_images_that_fail_at_once_do_not_shorten_the_time_left(dialog, monkeypatch):
    service = dialog._service
    monkeypatch.setattr(FolderRunService, "running", property(lambda _: True))
    service.began.emit(3)
    service.told.emit(FileStatus(Path("bad.tif"), "failed", reason="it is damaged"))
    assert dialog.state.text() == "1 of 3 images…"
    service.told.emit(FileStatus(Path("good.tif"), "done", 5))
    assert dialog.state.text().startswith("2 of 3 images, ")
