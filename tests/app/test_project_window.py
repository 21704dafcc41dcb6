"""Projects and exports in the window: saved, opened, asked about."""

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtCore import Qt

from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.labels import operations
from cellmend_app.commands import AddRestored, EditLabels
from cellmend_app.dialogs import files as file_dialogs
from cellmend_app.dialogs.export import ExportDialog
from cellmend_app.document import MaskLayer, RestoredLayer
from cellmend_app.services.storage import ExportRequest
from cellmend_app.window import MainWindow


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "plate 1" / "well.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8))
    return path


@pytest.fixture
def window(qtbot, image):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    open_(qtbot, window, image)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def open_(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.opened, timeout=5000):
        window.open(path)


def draw(document, label=3):
    square = [(5, 5), (5, 15), (15, 15), (15, 5)]
    patch = operations.fill(document.labels.array, square, label, "keep")
    document.undo.push(EditLabels(document, patch, "Draw a cell", drawn=[label]))


def full(document):
    """Give the document something in every place that a project keeps."""
    draw(document)
    restored = Image(document.image.data.astype(np.float32) / 255)
    document.undo.push(AddRestored(document, RestoredLayer("denoise", restored), "Denoise"))
    other = np.zeros((60, 80), np.uint32)
    other[20:30, 20:30] = 70_000
    document.set_mask_layers([MaskLayer("Ada", other, (1, 2, 3))])
    document.set_diameter(12.5)
    document.review.mark(document.path, "done")
    return np.array(document.labels.full), other, restored


def save_project(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.saved, timeout=5000):
        window.services.files.save_project(path)


def test_a_project_brings_everything_back(qtbot, window, image, tmp_path):
    document, files = window.document, window.services.files
    masks, other, restored = full(document)
    files.run_settings = RunSettings("generalist", 0.4, -1.0, (1, 0))
    path = tmp_path / "work.cellmend"
    save_project(qtbot, window, path)
    assert files.project == path
    assert not files.unsaved
    open_(qtbot, window, image)
    assert files.project is None
    assert document.labels.count == 0
    document.set_diameter(99)
    open_(qtbot, window, path)
    np.testing.assert_array_equal(document.labels.full, masks)
    assert document.manual == {3}
    assert (document.mask_layers[0].name, document.mask_layers[0].colour) == ("Ada", (1, 2, 3))
    np.testing.assert_array_equal(document.mask_layers[0].labels, other)
    np.testing.assert_array_equal(document.restored.image.data, restored.data)
    assert document.diameter == 12.5
    assert document.review.state(image) == "done"
    assert files.run_settings == RunSettings("generalist", 0.4, -1.0, (1, 0))
    assert window.windowTitle().startswith("well.tif")
    assert [step.action for step in projects.read(path).history] == ["Draw a cell", "Denoise"]
    assert not files.unsaved


def test_save_goes_to_the_project_that_is_open(qtbot, window, image, tmp_path):
    path = tmp_path / "work.cellmend"
    draw(window.document)
    save_project(qtbot, window, path)
    draw(window.document, 4)
    with qtbot.waitSignal(window.services.files.saved, timeout=5000) as saved:
        window.actions_["save"].trigger()
    assert saved.args == [path]
    assert window.windowTitle().endswith(" — work.cellmend — Cellmend")
    assert not image.with_name("well_seg.npy").exists()
    found = projects.read(path)
    np.testing.assert_array_equal(found.masks[0].masks.unpack(), window.document.labels.full)


def test_a_project_without_its_image_file_keeps_carrying_it(qtbot, window, image, tmp_path):
    reference = projects.ImageReference.of(
        Image(np.arange(12, dtype=np.uint8).reshape(3, 4)), tmp_path / "gone.tif", embed=True
    )
    packed = projects.PackedMasks.of(np.ones((3, 4), np.uint32))
    path = tmp_path / "carried.cellmend"
    projects.write(path, projects.Project(reference, (projects.MaskLayer("m", packed),)))
    open_(qtbot, window, path)
    assert window.document.labels.ids == [1]
    save_project(qtbot, window, path)
    assert projects.load_image(projects.read(path), path).data.shape == (3, 4)


def test_a_hostile_project_is_told_and_leaves_what_is_open(qtbot, window, image, tmp_path):
    (tmp_path / "evil.cellmend").write_bytes(b"PK\x03\x04 nonsense")
    window.open(tmp_path / "evil.cellmend")
    qtbot.waitUntil(lambda: bool(window.messages.errors), timeout=5000)
    assert "evil.cellmend" in window.messages.shown[1]
    assert window.document.path == image


def test_the_action_asks_for_a_name_and_offers_one(qtbot, window, image, monkeypatch):
    asked = []

    def ask(parent, title, suggested, kinds):
        asked.append(suggested)
        return image.with_name("mine.cellmend"), ""

    monkeypatch.setattr(file_dialogs.QFileDialog, "getSaveFileName", ask)
    with qtbot.waitSignal(window.services.files.saved, timeout=5000):
        window.actions_["save-project"].trigger()
    assert asked == [str(image.with_suffix(".cellmend"))]
    assert image.with_name("mine.cellmend").exists()


@pytest.mark.parametrize("yes", [False, True])
def test_a_name_that_is_completed_replaces_nothing_without_a_yes(
    qtbot, window, image, monkeypatch, yes
):
    there = image.with_name("exp1.2.cellmend")
    there.write_bytes(b"mine")
    window.messages.yes = yes
    monkeypatch.setattr(
        file_dialogs.QFileDialog, "getSaveFileName", lambda *_: (str(there.with_suffix("")), "")
    )
    window.actions_["save-project"].trigger()
    qtbot.waitUntil(lambda: not window.runner.busy)
    assert window.messages.questions == ["Replace exp1.2.cellmend?"]
    assert (there.read_bytes() == b"mine") is not yes
    assert not there.with_suffix("").exists()


# -- exports


def exported(qtbot, window, request):
    with qtbot.waitSignal(window.services.files.saved, timeout=5000):
        window.services.exports.write(request)
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=5000)


def test_the_dialog_gives_kinds_folder_and_pattern(qtbot, window, image, tmp_path):
    draw(window.document)
    dialog = ExportDialog(image, window.services.exports.possible())
    qtbot.addWidget(dialog)
    assert not dialog.kinds["flows"].isEnabled()
    assert dialog.kinds["tif"].toolTip() == "Writes name_cp_masks.tif"
    named = [*dialog.kinds.values(), dialog.folder, dialog.pattern, dialog.scale, dialog.export]
    assert all(control.accessibleName() and control.toolTip() for control in named)
    dialog.kinds["tif"].setChecked(False)
    assert (dialog.preview.text(), dialog.export.isEnabled()) == ("Tick what to export.", False)
    dialog.kinds["tif"].setChecked(True)
    assert "well_cp_masks.tif" in dialog.preview.text()
    dialog.kinds["coco"].setChecked(True)
    dialog.kinds["csv"].setChecked(True)
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.pattern.setText("{folder}-{name}")
    requests = []
    dialog.chosen.connect(requests.append)
    dialog.open()
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    exported(qtbot, window, requests[0])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        f"plate 1-well{end}" for end in ("_cp_masks.tif", "_coco.json", "_measurements.csv")
    }


def test_the_dialog_gives_the_scale_of_the_restored_image(qtbot, window, image):
    document = window.document
    document.add_restored(RestoredLayer("denoise", document.image))
    dialog = ExportDialog(image, window.services.exports.possible())
    qtbot.addWidget(dialog)
    assert not dialog.scale.isEnabled()
    assert dialog.request().scale == "unit"
    dialog.kinds["restored"].setChecked(True)
    assert dialog.scale.isEnabled()
    offered = [dialog.scale.itemData(i) for i in range(dialog.scale.count())]
    assert offered == ["raw", "unit", "uint8", "uint16"]
    dialog.scale.setCurrentIndex(offered.index("raw"))
    assert dialog.request().scale == "raw"


def test_a_wrong_pattern_is_told_in_the_dialog(qtbot, window, image):
    dialog = ExportDialog(image, window.services.exports.possible())
    qtbot.addWidget(dialog)
    dialog.pattern.setText("../{name}")
    assert "cannot be a file name" in dialog.preview.text()
    assert not dialog.export.isEnabled()


@pytest.mark.parametrize("yes", [False, True])
def test_files_that_are_there_are_asked_about(qtbot, window, image, yes):
    draw(window.document)
    there = image.with_name("well_cp_masks.tif")
    there.write_bytes(b"mine")
    window.messages.yes = yes
    if yes:
        exported(qtbot, window, ExportRequest(("tif",)))
    else:
        window.services.exports.write(ExportRequest(("tif",)))
        qtbot.wait(50)
    assert (there.read_bytes() == b"mine") is not yes
    assert window.messages.questions == ["Replace well_cp_masks.tif?"]


def test_the_view_is_saved_as_a_picture(qtbot, window, image, monkeypatch):
    path = image.with_name("view.png")
    monkeypatch.setattr(
        file_dialogs.QFileDialog, "getSaveFileName", lambda *_: (str(path.with_suffix("")), "")
    )
    with qtbot.waitSignal(window.services.files.saved, timeout=5000):
        window.actions_["save-view"].trigger()
    assert path.read_bytes().startswith(b"\x89PNG")
