"""Files that hold several images: each is listed, opened and saved by itself."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages

from cellmend.io import project as projects
from cellmend.io.labels import read_labels, write_labels
from cellmend.labels import operations
from cellmend_app.commands import EditLabels
from cellmend_app.services import listing, scenes
from cellmend_app.services.storage import ExportRequest
from cellmend_app.window import MainWindow

SQUARE = [(2, 2), (2, 9), (9, 9), (9, 2)]


def pixels_of(scene: int) -> np.ndarray:
    return np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) + 1000 * scene


def write_czi(path: Path, count: int) -> Path:
    czi = pytest.importorskip("pylibCZIrw.czi")
    with czi.create_czi(str(path)) as file:
        for index in range(count):
            place = (100 * index, 50)
            file.write(pixels_of(index + 1)[..., None], location=place, scene=index)
        file.write_metadata(scale_x=0.25e-6, scale_y=0.25e-6)
    return path


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "plates"
    folder.mkdir()
    write_czi(folder / "b.czi", 3)
    write_czi(folder / "c.czi", 2)
    tifffile.imwrite(folder / "a.tif", pixels_of(0))
    return folder


@pytest.fixture
def window(qtbot, folder):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.show()
    yield window
    window.messages.unsaved = "discard"
    window.close()


def open_(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.opened, timeout=10_000):
        window.open(path)


def step(qtbot, window):
    with qtbot.waitSignal(window.services.files.opened, timeout=10_000):
        window.services.files.step(1)


def listed(window) -> list[str]:
    rows = window.navigator.list
    return [rows.item(i).text() for i in range(rows.count())]


def number_shown(window) -> int:
    return int(window.document.image.data.min()) // 1000


ALL = ["a.tif", "b.czi#1", "b.czi#2", "b.czi#3", "c.czi#1", "c.czi#2"]


def test_all_images_of_all_files_are_listed_and_stepped_through(qtbot, window, folder):
    open_(qtbot, window, folder / "b.czi")
    assert listed(window)[:4] == ALL[:4]
    assert window.windowTitle().startswith("b.czi#1")
    assert window.status.message.text() == "b.czi: image 1 of the 3 in the list"
    qtbot.waitUntil(lambda: listed(window) == ALL, timeout=10_000)
    assert window.navigator.summary.text().startswith("6 images")
    assert "image 2 of c.czi" in window.navigator.list.item(5).toolTip()
    seen = [number_shown(window)]
    for _ in range(5):
        step(qtbot, window)
        seen.append(number_shown(window))
    assert seen == [1, 2, 3, 1, 2, 0]
    assert window.navigator.list.currentRow() == 0
    assert listed(window) == ALL


def test_one_is_opened_by_its_entry_or_by_name(qtbot, window, folder):
    open_(qtbot, window, folder / "b.czi#3")
    assert number_shown(window) == 3
    assert listed(window)[:4] == ALL[:4]
    assert window.navigator.list.currentRow() == 3
    with qtbot.waitSignal(window.services.files.opened, timeout=10_000):
        window.navigator.list.itemClicked.emit(window.navigator.list.item(2))
    assert number_shown(window) == 2


def test_each_has_masks_and_a_project_of_its_own(qtbot, window, folder):
    files, document = window.services.files, window.document
    open_(qtbot, window, folder / "b.czi#2")
    patch = operations.fill(document.labels.array, SQUARE, 1, "keep")
    document.undo.push(EditLabels(document, patch, "Draw a cell"))
    with qtbot.waitSignal(files.saved, timeout=10_000):
        files.save()
    assert (folder / "b_scene2_seg.npy").is_file()
    assert files.has_masks(folder / "b.czi#2")
    project = folder / "work.cellmend"
    with qtbot.waitSignal(files.saved, timeout=10_000):
        files.save_project(project)
    reference = projects.read(project).image
    assert (reference.path, reference.embedded) == (folder / "b.czi#2", None)
    assert reference.sha256 == projects.checksum(folder / "b.czi")
    with qtbot.waitSignal(files.saved, timeout=10_000):
        window.services.exports.write(ExportRequest(("tif",)))
    assert read_labels(folder / "b_scene2_cp_masks.tif").max() == 1
    open_(qtbot, window, folder / "b.czi#1")
    assert document.labels.count == 0
    for path in (project, folder / "b_scene2_seg.npy", folder / "b.czi#2"):
        open_(qtbot, window, path)
        assert (number_shown(window), document.labels.count) == (2, 1)
        assert files.current == folder / "b.czi#2"


def test_masks_of_the_file_are_those_of_its_first_image(qtbot, window, folder):
    masks = np.zeros((20, 30), np.uint32)
    masks[2:6, 2:6] = 1
    write_labels(folder / "b_cp_masks.tif", masks)
    open_(qtbot, window, folder / "b.czi")
    assert window.document.labels.count == 1
    assert window.services.files.has_masks(folder / "b.czi#1")
    step(qtbot, window)
    assert window.document.labels.count == 0


def test_names_that_are_offered_tell_them_apart(qtbot, window, folder, monkeypatch):
    open_(qtbot, window, folder / "b.czi#2")
    assert window.panels.objects.suggested == folder / "b_scene2_measurements.csv"
    offered = []
    monkeypatch.setattr(
        "cellmend_app.dialogs.files.QFileDialog.getSaveFileName",
        lambda parent, title, path, kinds: (offered.append(Path(path).name), "") and ("", ""),
    )
    window.actions_.refresh()
    for action in ("save-view", "save-project"):
        window.actions_[action].trigger()
    assert offered == ["b_scene2_view.png", "b_scene2.cellmend"]


def test_a_file_that_cannot_be_counted_stays_one(qtbot, window, folder):
    (folder / "d.lif").write_bytes(b"no LIF file")
    open_(qtbot, window, folder / "a.tif")
    qtbot.waitUntil(lambda: listed(window) == [*ALL, "d.lif"], timeout=10_000)
    assert window.messages.errors == []


def test_files_are_counted_in_the_io_lane_and_once(qtbot, window, folder, monkeypatch):
    counted = []

    def count(path):
        from PyQt6.QtCore import QThread

        counted.append((path.name, QThread.currentThread() is window.thread()))
        return ("Position 1", "")

    monkeypatch.setattr(scenes, "scene_names", count)
    open_(qtbot, window, folder / "a.tif")
    qtbot.waitUntil(lambda: len(listed(window)) == 5, timeout=10_000)
    open_(qtbot, window, folder / "a.tif")
    qtbot.waitUntil(lambda: len(listed(window)) == 5, timeout=10_000)
    assert counted == [("b.czi", False), ("c.czi", False)]
    assert listed(window)[1:3] == ["b.czi#1  Position 1", "b.czi#2"]


def test_images_are_listed_with_their_names_in_the_file(qtbot, window, folder, monkeypatch):
    monkeypatch.setattr(scenes, "scene_names", lambda path: ("A1, left", "", "Control"))
    open_(qtbot, window, folder / "b.czi")  # its images are counted by opening it
    named = ["b.czi#1  A1, left", "b.czi#2", "b.czi#3  Control"]
    qtbot.waitUntil(lambda: listed(window)[1:4] == named, timeout=10_000)
    step(qtbot, window)
    assert number_shown(window) == 2
    assert listed(window)[1:4] == named


def test_a_list_without_what_was_counted(tmp_path):
    files = [tmp_path / "a.tif", tmp_path / "b.lif"]
    assert listing.listed(files, {}, files[0]) == files
    alone = tmp_path / "b.lif#1"  # named by its number, though there is no other
    assert listing.listed(files, {files[1]: 1}, alone) == [files[0], alone]
