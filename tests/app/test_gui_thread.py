"""The GUI thread never copies, compares or unpacks whole label images."""

import threading

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellmend.image import Image
from cellmend.io import seg_npy
from cellmend.io.project import read as read_project
from cellmend.labels.paint import disc
from cellmend.labels.stroke import StrokeBuilder
from cellmend_app.commands import EditLabels, ReplaceLabels
from cellmend_app.document import LabelContent, Snapshot
from cellmend_app.services.storage import ExportRequest
from cellmend_app.window import MainWindow

SIDE = 256


@pytest.fixture
def window(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr("cellmend_app.services.measure.LIST_AFTER_MS", 60_000)
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.messages.unsaved, window.messages.yes = "discard", True
    document = window.document
    document.set_image(Image(np.zeros((SIDE, SIDE), np.uint8)), tmp_path / "cells.tif")
    labels = np.zeros((SIDE, SIDE), np.uint32)
    labels[10:60, 10:60], labels[100:150, 100:150] = 1, 2
    document.set_labels(labels)
    window.view.finish()
    yield window
    window.close()


@pytest.fixture
def gate(window):
    """Holds both lanes back until it is set."""
    gate = threading.Event()
    for lane in ("io", "compute"):
        window.runner.submit(lane, lambda report: gate.wait(20))
    yield gate
    gate.set()


def edit(window):
    window.services.cells.delete([1])
    window.document.undo.undo()
    window.services.cells.delete([2])


WORK = {
    "save": lambda w, folder: w.services.files.save(),
    "save a project": lambda w, folder: w.services.files.save_project(folder / "a.cellmend"),
    "export": lambda w, folder: w.services.exports.write(ExportRequest(("tif",), folder)),
    "keep a copy": lambda w, folder: w.services.layers.keep_copy(),
    "measure all": lambda w, folder: w.services.objects.measure(),
    "colour by area": lambda w, folder: (
        w.services.measures.follow("area_px"),
        w.services.measures._measure(),
    ),
}


@pytest.mark.parametrize("what", WORK)
def test_labels_are_copied_in_another_thread(window, qtbot, tmp_path, monkeypatch, gate, what):
    threads, copy = [], Snapshot.copy

    def noted(snapshot):
        threads.append(threading.current_thread())
        return copy(snapshot)

    monkeypatch.setattr(Snapshot, "copy", noted)
    WORK[what](window, tmp_path)
    assert threads == []
    gate.set()
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=20_000)
    assert window.messages.errors == []
    assert threads
    assert threading.main_thread() not in threads


def test_a_saved_file_holds_what_was_there_when_saving_began(window, qtbot, tmp_path, gate):
    before = np.array(window.document.labels.full)
    window.services.files.save()
    window.services.files.save_project(tmp_path / "a.cellmend")
    edit(window)
    with qtbot.waitSignals([window.services.files.saved] * 2, timeout=20_000):
        gate.set()
    assert np.array_equal(seg_npy.read(tmp_path / "cells_seg.npy").masks, before)
    saved = read_project(tmp_path / "a.cellmend")
    assert np.array_equal(saved.masks[0].masks.unpack(), before)
    assert window.services.files.unsaved


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_snapshot_is_exact_whatever_is_edited_before_it_is_copied(seed):
    rng = np.random.default_rng(seed)
    content = LabelContent.of(rng.integers(0, 4, (3, 20, 24)))
    snapshots, states, written = [], [], []
    for _ in range(12):
        if rng.random() < 0.3:
            snapshots.append(content.snapshot())
            states.append(content.labels.copy())
        plane = int(rng.integers(3))
        if written and rng.random() < 0.3:
            content.write(*written.pop(), back=True)
            continue
        stroke = StrokeBuilder(content.planes[plane], int(rng.integers(6)), "replace")
        patch = stroke.add(*disc(rng.uniform(0, 20, 2), rng.uniform(1, 6)))
        content.write(plane, patch)
        written.append((plane, patch))
    for snapshot, state in zip(snapshots, states, strict=True):
        assert np.array_equal(snapshot.copy(), state)


def test_a_snapshot_is_copied_once(document):
    snapshot = document.labels.snapshot()
    snapshot.copy()
    with pytest.raises(RuntimeError):
        snapshot.copy()


@pytest.mark.parametrize("kind", ["labels", "patch"])
def test_old_steps_are_unpacked_in_another_thread(window, qtbot, monkeypatch, kind):
    document, history = window.document, window.services.history
    before = np.array(document.labels.full)
    if kind == "labels":
        step = ReplaceLabels(document, np.ones_like(before), "segment")
    else:
        builder = StrokeBuilder(document.labels.array, 9)
        step = EditLabels(document, builder.add(*disc((200, 60), 40)), "paint")
    document.undo.push(step)
    after = np.array(document.labels.full)
    threads, unpacked = [], type(step).unpacked

    def noted(command):
        threads.append(threading.current_thread())
        return unpacked(command)

    monkeypatch.setattr(type(step), "unpacked", noted)
    for go, expected in ((history.undo, before), (history.redo, after)):
        while not step.packed:
            step.pack()
        go()
        go()  # a second press while it is being unpacked is ignored
        qtbot.waitUntil(lambda: not window.runner.busy, timeout=20_000)
        assert np.array_equal(document.labels.full, expected)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_a_step_that_is_being_unpacked_gives_way_to_an_edit(window, qtbot, gate):
    document = window.document
    step = ReplaceLabels(document, np.ones((SIDE, SIDE), np.uint32), "segment")
    document.undo.push(step)
    while not step.packed:
        step.pack()
    window.services.history.undo()
    window.services.cells.delete([1])
    gate.set()
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=20_000)
    assert document.labels.count == 0
    assert document.undo.index() == 2


def test_a_long_series_without_masks_is_opened_without_a_look_at_its_labels(window, monkeypatch):
    def scan(labels):
        raise AssertionError("the labels are known to be empty")

    monkeypatch.setattr("cellmend.labels.index.label_runs", scan)
    window.document.set_image(Image(np.zeros((50, 20, 30), np.uint8), "TYX"))
    assert window.document.labels.next_id() == 1


def test_the_list_of_images_draws_no_icon_anew_when_an_image_is_marked(window, monkeypatch):
    def draw(*_, **__):
        raise AssertionError("icons are drawn when the theme changes")

    monkeypatch.setattr("cellmend_app.panels.navigator.icon", draw)
    window.services.review.toggle_done()
    window.services.files.folder_changed.emit()
