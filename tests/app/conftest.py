"""Guards for every test of the program: no screen, no settings left, no window, no thread."""

from __future__ import annotations

import os
import threading

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import numpy as np
import pytest
from doubles import RecordingMessages
from PyQt6.QtCore import QCoreApplication, QEvent, QSettings, QThreadPool
from PyQt6.QtWidgets import QApplication, QMainWindow

from cellmend.image import Image
from cellmend_app.document import Document
from cellmend_app.services.cells import CellService


@pytest.fixture(autouse=True)
def settings_in_temporary_folder(tmp_path, monkeypatch):
    """Whatever the program remembers goes into the folder of the test."""
    folder = tmp_path / "settings"
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
            QSettings.setPath(form, scope, str(folder))
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    monkeypatch.setenv("CELLMEND_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp, settings_in_temporary_folder):
    """Fail a test that leaves a window on screen or a thread running."""
    threads = set(threading.enumerate())
    yield
    QCoreApplication.sendPostedEvents()
    windows = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
    for window in windows:
        window.close()
    assert not windows, f"left open: {windows}"
    assert QThreadPool.globalInstance().waitForDone(2000)
    # A dummy stands for a QThread in which Python once asked for its name; it never goes.
    started = (t for t in threading.enumerate() if not isinstance(t, threading._DummyThread))
    # zarr keeps those that read and write for as long as the program runs.
    started = (t for t in started if not t.name.startswith(("zarr_io", "asyncio_")))
    left = [t for t in started if t not in threads and t.is_alive()]
    assert not left, f"left running: {left}"
    delete_windows()


def delete_windows():
    """Delete closed windows: a change of theme restyles every widget that is alive."""
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMainWindow):
            window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def document(qapp):
    """A 64 × 80 image with two touching squares and a lone one."""
    document = Document()
    pixels = np.random.default_rng(0).integers(0, 4000, (64, 80), dtype=np.uint16)
    document.set_image(Image(pixels))
    labels = np.zeros((64, 80), np.uint16)
    labels[10:20, 10:20] = 1
    labels[10:20, 20:30] = 2
    labels[40:50, 50:60] = 5
    document.set_labels(labels)
    return document


@pytest.fixture
def messages(qapp):
    """Messages that are noted, not shown."""
    return RecordingMessages()


@pytest.fixture
def cells(document, messages):
    """The service that edits the cells of `document`."""
    return CellService(document, messages)
