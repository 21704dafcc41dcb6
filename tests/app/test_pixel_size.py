"""The size of a pixel that a person enters: shown, measured, exported, kept, undone."""

import csv

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.io import read
from cellmend.params import SegmentSettings
from cellmend.progress import SILENT
from cellmend_app.commands import AddRestored
from cellmend_app.dialogs.pixel_size import PixelSizeDialog
from cellmend_app.document import RestoredLayer
from cellmend_app.services.folder_run import FolderRequest, process
from cellmend_app.services.pixel_size import set_pixel_size
from cellmend_app.services.storage import ExportRequest
from cellmend_app.window import MainWindow

HALF = {"Y": 0.5, "X": 0.5}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "well.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8))
    return path


@pytest.fixture
def window(qtbot, path):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.show()
    open_(qtbot, window, path)
    masks = np.zeros((60, 80), np.uint32)
    masks[10:20, 10:20] = 1
    window.document.set_labels(masks)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def open_(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.opened, timeout=10_000):
        window.open(path)


def dialog_of(window) -> PixelSizeDialog:
    window.actions_["pixel-size"].trigger()
    return window.findChild(PixelSizeDialog)


def enter(window, **sizes):
    dialog = dialog_of(window)
    dialog.square.setChecked(len({sizes["X"], sizes.get("Y", sizes["X"])}) == 1)
    for axis, size in sizes.items():
        dialog.fields[axis].setValue(size)
    dialog.accept()


def test_it_is_seen_and_measured_at_once_and_undone(qtbot, window):
    bar = window.view._bar
    assert bar.text.endswith("px")
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        window.actions_["objects"].trigger()
    assert "area_um2" not in window.panels.objects.model.names
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        enter(window, X=0.5)
    assert window.document.pixel_size == HALF
    assert bar.text.endswith("µm")
    assert window.panels.objects.model.value(0, "area_um2") == 25
    with qtbot.waitSignal(window.services.objects.measured, timeout=20_000):
        window.actions_["undo"].trigger()
    assert window.document.pixel_size == {}
    assert bar.text.endswith("px")
    assert "area_um2" not in window.panels.objects.model.names
    window.actions_["redo"].trigger()
    assert window.document.pixel_size == HALF


def test_the_ruler_says_the_length_anew(window, qtbot):
    window.workbench.use_tool("ruler")
    ruler = window.workbench.tools["ruler"]
    ruler._start, ruler._end = (0.0, 0.0), (3.0, 4.0)
    with qtbot.waitSignal(window.document.status) as said:
        enter(window, X=2, Y=1)
    assert said.args == [f"Length 5.0 px = {np.hypot(3, 8):.4g} µm"]


def test_files_that_are_written_have_it_and_the_image_stays(qtbot, window, path):
    before = path.read_bytes()
    document, files = window.document, window.services.files
    twice = Image(np.zeros((120, 160), np.float32))
    document.undo.push(AddRestored(document, RestoredLayer("upsample", twice), "Upsample"))
    enter(window, X=0.5)
    with qtbot.waitSignal(files.saved, timeout=20_000):
        window.services.exports.write(ExportRequest(("tif", "csv", "restored")))
    qtbot.waitUntil(path.with_name("well_restored.tif").exists, timeout=20_000)
    assert read(path.with_name("well_cp_masks.tif")).pixel_size_um == pytest.approx(HALF)
    assert read(path.with_name("well_restored.tif")).pixel_size_um == pytest.approx(
        {"Y": 0.25, "X": 0.25}
    )
    with path.with_name("well_measurements.csv").open(newline="") as file:
        assert [float(row["area_um2"]) for row in csv.DictReader(file)] == [25.0]
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [HALF, {}], ids=["entered", "not known"])
def test_a_project_keeps_it(qtbot, window, path, size):
    tifffile.imwrite(
        path, np.zeros((60, 80), np.uint8), resolution=(1e4, 1e4), resolutionunit="CENTIMETER"
    )
    open_(qtbot, window, path)
    assert window.document.pixel_size == pytest.approx({"Y": 1.0, "X": 1.0})
    files, project = window.services.files, path.with_name("work.cellmend")
    set_pixel_size(window.document, size)
    assert not files.unsaved  # _seg.npy has no place for it
    with qtbot.waitSignal(files.saved, timeout=10_000):
        files.save_project(project)
    assert projects.read(project).history[-1].action == "Set the pixel size"
    open_(qtbot, window, path)
    assert window.document.pixel_size == pytest.approx({"Y": 1.0, "X": 1.0})
    open_(qtbot, window, project)
    assert window.document.pixel_size == size
    assert not files.unsaved
    enter(window, X=3)
    assert files.unsaved


def test_images_of_a_folder_that_do_not_tell_it_share_it(qtbot, window, path):
    other, tells = path.with_name("other.tif"), path.with_name("tells.tif")
    tifffile.imwrite(other, np.zeros((60, 80), np.uint8))
    tifffile.imwrite(
        tells, np.zeros((60, 80), np.uint8), resolution=(1e4, 1e4), resolutionunit="CENTIMETER"
    )
    window.messages.unsaved = "discard"
    enter(window, X=0.5)
    open_(qtbot, window, other)
    assert window.document.pixel_size == HALF
    assert not window.services.files.unsaved
    dialog = dialog_of(window)
    assert dialog.for_folder.isChecked()
    dialog.reject()
    qtbot.wait(10)
    open_(qtbot, window, tells)
    assert window.document.pixel_size == pytest.approx({"Y": 1.0, "X": 1.0})
    enter(window, X=3)  # of this image alone
    open_(qtbot, window, path)
    assert window.document.pixel_size == HALF
    enter(window, X=0)
    open_(qtbot, window, other)
    assert window.document.pixel_size == {}


def test_a_folder_run_measures_with_the_size_of_the_folder(path):
    request = FolderRequest(SegmentSettings(diameter=20.0), kinds=("csv",))
    process(path, request, FakePipelines(), {}, SILENT, pixel_size=HALF)
    with path.with_name("well_measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["area_um2"]) for row in rows] == [30 * 40 / 4] * 2


def test_the_dialog_offers_what_is_known(window):
    set_pixel_size(window.document, {"Y": 0.123456789, "X": 0.2})
    dialog = dialog_of(window)
    assert set(dialog.fields) == {"X", "Y"}
    assert not dialog.square.isChecked()
    assert dialog.size_um == {"Y": 0.123456789, "X": 0.2}  # with all its digits
    dialog.fields["X"].setValue(0)
    assert dialog.fields["X"].text() == "not known"
    assert dialog.size_um == {"Y": 0.123456789}
    dialog.square.setChecked(True)
    dialog.fields["X"].setValue(0.325)
    assert (dialog.size_um, dialog.fields["Y"].isEnabled()) == ({"Y": 0.325, "X": 0.325}, False)
    dialog.reject()
    assert window.document.pixel_size == {"Y": 0.123456789, "X": 0.2}


def test_a_volume_has_a_distance_of_planes_and_its_anisotropy(window):
    window.document.set_image(Image(np.zeros((4, 30, 30), np.uint8), "ZYX"))
    enter(window, X=0.5, Z=2)
    assert window.document.pixel_size == {"Z": 2, "Y": 0.5, "X": 0.5}
    assert window.panels.segment.volume.anisotropy.value() == 4


def test_what_was_computed_meanwhile_is_not_dropped(qtbot, window):
    window.pipelines.gate.clear()
    window.services.segment.run(window.panels.segment.request())
    enter(window, X=0.5)
    with qtbot.waitSignal(window.services.segment.segmented, timeout=20_000):
        window.pipelines.gate.set()
    assert window.document.labels.count == 2
    assert window.document.pixel_size == HALF


@pytest.mark.parametrize("size", [{"X": 0.0}, {"X": -1.0}, {"Z": 1.0}, {"C": 1.0}, {"X": np.inf}])
def test_what_is_no_size_is_refused(document, size):
    with pytest.raises(InputError):
        document.set_pixel_size(size)
    assert document.pixel_size == {}


def test_a_size_that_is_the_same_is_no_step(document):
    set_pixel_size(document, {})
    set_pixel_size(document, HALF)
    set_pixel_size(document, dict(HALF))
    assert document.undo.count() == 1
