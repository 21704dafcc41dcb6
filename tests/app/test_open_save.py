"""Opening, stepping, saving: nothing unsaved is lost, nothing unreadable stops the rest."""

import threading

import numpy as np
import PIL.Image
import pytest
import tifffile
from doubles import RecordingMessages

from cellmend.errors import FileFormatError
from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.io.labels import read_labels, write_labels
from cellmend.labels import operations
from cellmend.labels.index import LabelIndex
from cellmend.params import NormalizeSettings
from cellmend.provenance import Provenance
from cellmend_app.commands import AddRestored, EditLabels
from cellmend_app.document import Document, FlowLayer, RestoredLayer
from cellmend_app.services.exports import ExportService
from cellmend_app.services.open_save import FileService
from cellmend_app.services.storage import ExportRequest
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobRunner


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 40), dtype=np.uint8)
    for name in ("a1.tif", "a2.tif", "a10.tif"):
        tifffile.imwrite(place / name, pixels)
    return place


@pytest.fixture
def document(qapp):
    return Document()


@pytest.fixture
def messages(qapp):
    return RecordingMessages()


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


@pytest.fixture
def files(document, runner, messages):
    return FileService(document, runner, messages, Preferences())


@pytest.fixture
def exports(document, files, runner, messages):
    return ExportService(document, files, runner, messages)


def opened(qtbot, files, *paths):
    with qtbot.waitSignal(files.opened, timeout=3000):
        files.open(*paths)


def saved(qtbot, files):
    with qtbot.waitSignal(files.saved, timeout=3000) as blocker:
        files.save()
    return blocker.args[0]


def draw(document, label=1):
    box = np.zeros((32, 40), bool)
    box[5:15, 5:15] = True
    square = [(5, 5), (5, 15), (15, 15), (15, 5)]
    patch = operations.fill(document.labels.array, square, label, "keep")
    document.undo.push(EditLabels(document, patch, "Draw", drawn=[label]))


def test_open_lists_the_folder_in_natural_order(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a2.tif")
    assert document.path == folder / "a2.tif"
    assert [path.name for path in files.folder] == ["a1.tif", "a2.tif", "a10.tif"]


def test_stepping_goes_round(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a10.tif")
    with qtbot.waitSignal(files.opened):
        files.step(1)
    assert document.path.name == "a1.tif"
    with qtbot.waitSignal(files.opened):
        files.step(-1)
    assert document.path.name == "a10.tif"


def test_a_folder_opens_its_first_image(qtbot, files, document, folder):
    opened(qtbot, files, folder)
    assert document.path.name == "a1.tif"


def test_save_and_open_again(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a1.tif")
    draw(document)
    document.set_diameter(17.5)
    flows = np.random.default_rng(1).normal(size=(2, 32, 40)).astype(np.float32)
    document.set_results(FlowLayer(flows, flows[0]))
    restored = document.image.data.astype(np.float32) / 255
    layer = RestoredLayer("denoise", type(document.image)(restored))
    document.undo.push(AddRestored(document, layer, "Restore"))
    files.run_settings = RunSettings("generalist", 0.4, -1.0, (1, 0))
    masks = np.array(document.labels.full)
    assert files.unsaved
    path = saved(qtbot, files)
    assert path == folder / "a1_seg.npy"
    assert not files.unsaved
    assert files.corrected() == [folder / "a1.tif"]
    opened(qtbot, files, folder / "a2.tif")
    assert document.labels.count == 0
    opened(qtbot, files, path)
    assert document.path.name == "a1.tif"
    assert np.array_equal(document.labels.full, masks)
    assert document.manual == {1}
    assert document.diameter == 17.5
    assert np.allclose(document.flows, flows)
    assert document.restored.name == "denoise"
    assert np.allclose(document.restored.image.data, restored, atol=1e-6)
    assert files.run_settings.cellprob_threshold == -1.0
    assert not files.unsaved


def test_a_damaged_seg_file_is_named_and_the_image_opens(qtbot, files, document, messages, folder):
    (folder / "a1_seg.npy").write_bytes(b"\x93NUMPY nonsense")
    opened(qtbot, files, folder / "a1.tif")
    assert document.path.name == "a1.tif"
    error, _, _ = messages.errors[0]
    assert isinstance(error, FileFormatError)
    assert "a1_seg.npy" in str(error)


def test_a_seg_file_of_strange_content_is_named_and_the_image_opens(
    qtbot, files, document, messages, folder
):
    content = {"masks": np.ones((32, 40), np.uint16), "img_restore": np.full((1, 32, 40, 1), "x")}
    np.save(folder / "a1_seg.npy", np.array(content, dtype=object), allow_pickle=True)
    opened(qtbot, files, folder / "a1.tif")
    assert document.path.name == "a1.tif"
    assert "a1_seg.npy: its content cannot be shown" in messages.shown[1]


def put_masks(path, label=7):
    masks = np.zeros((32, 40), np.uint16)
    masks[3:9, 3:9] = label
    write_labels(path, masks)
    return masks


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a1.tif", "a1_masks.tif"),
        ("a1.tif", "a1_masks.tiff"),
        ("a1.tif", "a1_masks.png"),
        ("a1.tif", "a1_cp_masks.tif"),
        ("a1.tif", "a1_cp_masks.png"),
        ("b_img.tif", "b_masks.tif"),
        ("b_img.tif", "b_img_masks.png"),
        ("b_img.tif", "b_img_cp_masks.tif"),
    ],
)
def test_masks_beside_an_image_are_shown_and_stay_as_they_are(
    qtbot, files, document, messages, folder, image, name
):
    tifffile.imwrite(folder / image, np.ones((32, 40), np.uint8))
    masks = put_masks(folder / name)
    written = (folder / name).read_bytes()
    opened(qtbot, files, folder / image)
    assert np.array_equal(document.labels.full, masks)
    assert [path.name for path in files.folder if files.has_masks(path)] == [image]
    assert not files.unsaved
    assert not messages.errors
    draw(document, label=9)
    assert saved(qtbot, files) == folder / f"{(folder / image).stem}_seg.npy"
    assert (folder / name).read_bytes() == written
    opened(qtbot, files, folder / "a2.tif")
    opened(qtbot, files, folder / image)
    assert document.labels.ids == [7, 9]  # what was saved, and not the masks again


def test_computed_masks_can_be_trained_on_once_they_are_saved(qtbot, files, folder):
    put_masks(folder / "a1_cp_masks.tif")
    put_masks(folder / "a2_masks.tif")
    opened(qtbot, files, folder / "a1.tif")
    assert files.has_masks(folder / "a1.tif")
    assert files.corrected() == [folder / "a2.tif"]
    saved(qtbot, files)
    assert files.corrected() == [folder / "a1.tif", folder / "a2.tif"]


@pytest.mark.parametrize("name", ["a1_masks.tif", "a1_cp_masks.png"])
@pytest.mark.parametrize("content", ["nonsense", "another size", "twice the size", "a picture"])
def test_masks_that_cannot_be_shown_are_named_and_the_image_opens(
    qtbot, files, document, messages, folder, name, content
):
    path = folder / name
    if content == "nonsense":
        path.write_bytes(b"not an image")
    elif content == "a picture":
        PIL.Image.fromarray(np.arange(32 * 40 * 3, dtype=np.uint8).reshape(32, 40, 3)).save(path)
    else:
        write_labels(path, np.ones((64, 80) if content == "twice the size" else (5, 5), np.uint16))
    opened(qtbot, files, folder / "a1.tif")
    assert document.path.name == "a1.tif"
    assert document.labels.count == 0
    error, _, _ = messages.errors[0]
    assert isinstance(error, FileFormatError)
    assert name in str(error)


def test_masks_of_another_size_are_refused(qtbot, files, document, messages, folder):
    opened(qtbot, files, folder / "a1.tif")
    tifffile.imwrite(folder / "other_masks.tif", np.ones((5, 5), np.uint16))
    files.load_masks(folder / "other_masks.tif")
    qtbot.waitUntil(lambda: bool(messages.errors))
    assert document.labels.count == 0


def test_masks_of_a_file_can_be_loaded_and_undone(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a1.tif")
    tifffile.imwrite(folder / "x_masks.tif", np.full((32, 40), 7, np.uint16))
    files.load_masks(folder / "x_masks.tif")
    qtbot.waitUntil(lambda: document.labels.count == 1)
    document.undo.undo()
    assert document.labels.count == 0


@pytest.fixture
def indexing(monkeypatch):
    """Return the threads in which indexes of labels are built, one for each index."""
    threads = []

    class Noted(LabelIndex):
        def __init__(self, labels):
            if labels.size:  # that of labels known to be empty scans none
                threads.append(threading.current_thread())
            super().__init__(labels)

    monkeypatch.setattr("cellmend_app.document.labels.LabelIndex", Noted)
    return threads


@pytest.mark.parametrize("kind", ["seg", "masks", "beside", "project"])
def test_opened_masks_are_indexed_off_the_gui_thread(
    qtbot, files, document, folder, indexing, kind
):
    opened(qtbot, files, folder / "a1.tif")
    draw(document)
    masks = folder / ("a1_masks.tif" if kind == "beside" else "x_masks.tif")
    tifffile.imwrite(masks, np.array(document.labels.full, np.uint16))
    if kind == "project":
        with qtbot.waitSignal(files.saved, timeout=3000):
            files.save_project(folder / "a1.cellmend")
    seg_or_project = files.project or saved(qtbot, files)
    opened(qtbot, files, folder / "a2.tif")
    if kind == "beside":
        seg_or_project.unlink()
        seg_or_project = folder / "a1.tif"
    assert not indexing
    if kind == "masks":
        files.load_masks(masks)
    else:
        files.open(seg_or_project)
    qtbot.waitUntil(lambda: document.labels.count == 1, timeout=3000)
    assert len(indexing) == 1
    assert threading.main_thread() not in indexing


def test_an_unreadable_image_leaves_the_open_one(qtbot, files, document, messages, folder):
    opened(qtbot, files, folder / "a1.tif")
    (folder / "bad.tif").write_text("not an image")
    files.open(folder / "bad.tif")
    qtbot.waitUntil(lambda: bool(messages.errors))
    assert document.path.name == "a1.tif"
    assert "bad.tif" in messages.shown[1]


@pytest.mark.parametrize(
    ("choice", "left", "written"),
    [
        ("cancel", False, False),
        ("discard", True, False),
        ("save", True, True),
    ],
)
def test_unsaved_edits_are_asked_about(
    qtbot, files, document, messages, folder, choice, left, written
):
    messages.unsaved = choice
    opened(qtbot, files, folder / "a1.tif")
    draw(document)
    files.step(1)
    if left:
        qtbot.waitUntil(lambda: document.path.name == "a2.tif")
    else:
        qtbot.wait(100)
        assert document.path.name == "a1.tif"
    assert (folder / "a1_seg.npy").exists() is written
    assert messages.questions == ["a1.tif"]


def test_edits_during_a_save_stay_unsaved(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a1.tif")
    draw(document)
    with qtbot.waitSignal(files.saved):
        files.save()
        draw_second(document)
    assert files.unsaved


def draw_second(document):
    square = [(20, 20), (20, 30), (30, 30), (30, 20)]
    patch = operations.fill(document.labels.array, square, 2, "keep")
    document.undo.push(EditLabels(document, patch, "Draw", drawn=[2]))


def test_a_restored_layer_alone_is_no_unsaved_edit(qtbot, files, document, folder):
    opened(qtbot, files, folder / "a1.tif")
    layer = RestoredLayer("denoise", document.image)
    document.undo.push(AddRestored(document, layer, "Restore"))
    assert not files.unsaved


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tif", "a1_cp_masks.tif"),
        ("png", "a1_cp_masks.png"),
        ("txt", "a1_cp_outlines.txt"),
        ("rois", "a1_rois.zip"),
        ("flows", "a1_cp_flows.tif"),
        ("restored", "a1_restored.tif"),
    ],
)
def test_exports_have_cellposes_names(qtbot, files, exports, document, folder, kind, name):
    opened(qtbot, files, folder / "a1.tif")
    draw(document)
    document.set_results(FlowLayer(np.zeros((2, 32, 40), np.float32), np.zeros((32, 40), "f4")))
    document.add_restored(RestoredLayer("denoise", document.image))
    with qtbot.waitSignal(files.saved, timeout=3000) as blocker:
        exports.write(ExportRequest((kind,)))
    assert blocker.args[0] == folder / name
    assert (folder / name).stat().st_size > 0
    if kind in ("tif", "png"):
        assert np.array_equal(read_labels(folder / name), document.labels.full)


def test_a_restored_image_is_exported_on_the_scale_that_was_asked_for(
    qtbot, files, exports, document, folder
):
    opened(qtbot, files, folder / "a1.tif")
    raw = document.image.data.astype(np.float32)
    low, high = np.percentile(raw, (1, 99))
    unit = (raw - low) / (high - low)
    document.add_restored(RestoredLayer("denoise", Image(unit, "YX")))
    expected = {
        "raw": raw,
        "unit": unit,
        "uint8": np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8),
        "uint16": np.rint(np.clip(unit, 0, 1) * 65535).astype(np.uint16),
    }
    for scale, pixels in expected.items():
        with qtbot.waitSignal(files.saved, timeout=3000):
            exports.write(ExportRequest(("restored",), folder / scale, scale=scale))
        found = tifffile.imread(folder / scale / "a1_restored.tif")
        assert found.dtype == pixels.dtype
        assert np.allclose(found, pixels, atol=1e-3 if found.dtype.kind == "f" else 1)


def test_a_restored_image_goes_back_to_raw_intensities_however_it_was_scaled(
    qtbot, files, exports, document, folder
):
    opened(qtbot, files, folder / "a1.tif")
    raw = document.image.data.astype(np.float32)
    how = NormalizeSettings(lowhigh=(10, 300))
    settings = {"normalize": how.model_dump(mode="json")}
    record = Provenance("denoise", "denoise", "", settings)
    document.add_restored(RestoredLayer("denoise", Image((raw - 10) / 290, "YX"), record))
    with qtbot.waitSignal(files.saved, timeout=3000):
        exports.write(ExportRequest(("restored",), folder / "out", scale="raw"))
    assert np.allclose(tifffile.imread(folder / "out" / "a1_restored.tif"), raw, atol=1e-3)
