"""A monkey at the window: random events in a fixed order find no fault, and undo takes all back.

``MONKEY_EVENTS=20000 pytest tests/app/test_monkey.py`` runs it longer, ``MONKEY_SEED`` otherwise.
"""

import os
import random
import traceback
from dataclasses import replace

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages
from hand import ALT, CTRL, LEFT, MIDDLE, NO, PLAIN, RIGHT, SHIFT, Hand
from PyQt6.QtCore import QCoreApplication, Qt
from PyQt6.QtWidgets import QApplication, QDialog

from cellmend.image import Image
from cellmend.io import seg_npy
from cellmend.io.tiff import write_image
from cellmend.labels.stroke import StrokeBuilder
from cellmend_app.actions.handlers import apply_theme
from cellmend_app.actions.table import specs
from cellmend_app.dialogs import files
from cellmend_app.services.models import ModelChoice
from cellmend_app.window import MainWindow

EVENTS = int(os.environ.get("MONKEY_EVENTS", "2000"))
SEED = int(os.environ.get("MONKEY_SEED", "7"))

LEAVES = {"models"}
BUTTONS = (LEFT, LEFT, LEFT, RIGHT, MIDDLE)
MODIFIERS = (PLAIN, PLAIN, PLAIN, SHIFT, CTRL, ALT, CTRL | SHIFT)
KEYS = (
    *(Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Backspace, Qt.Key.Key_Space),
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_C),
)
MODELS = tuple(
    ModelChoice(name, task, installed=True)
    for name, task in (
        ("generalist", "segmentation"),
        ("denoise", "denoise"),
        ("deblur", "deblur"),
        ("upsample", "upsample"),
    )
)


class AnyAxes(FakePipelines):
    """Finds two cells in every plane of an image of any axes."""

    def segment(self, image, request, report):
        found = super().segment(image, request, report)
        shape = [image.size(axis) for axis in image.axes if axis != "C"]
        flows = np.broadcast_to(
            found.flows.reshape(2, *[1] * (len(shape) - 2), *shape[-2:]), (2, *shape)
        )
        return replace(
            found,
            masks=np.broadcast_to(found.masks, shape).copy(),
            flows=flows,
            cellprob=np.broadcast_to(found.cellprob, shape),
        )


class Monkey:
    """Does random things to a window."""

    def __init__(self, window, seed):
        self.window = window
        self.hand = Hand(window.view)
        self.random = random.Random(seed)
        self.held = NO
        self.possible = [window.actions_[spec.id] for spec in specs() if spec.id not in LEAVES]
        self.choices = [window.actions_[name] for name in window.workbench.tools]
        self.counts = dict.fromkeys(("mouse", "keys", "actions", "tools", "controls"), 0)

    def act(self):
        """Do one thing."""
        kind = self.random.choices(list(self.counts), weights=(70, 6, 14, 8, 2))[0]
        self.counts[kind] += 1
        getattr(self, kind)()
        self.window.messages.yes = self.random.random() < 0.7
        if self.random.random() < 0.05:
            QApplication.processEvents()
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, QDialog) and dialog.isVisible():
                self.answer(dialog)

    def place(self):
        height, width = self.window.document.labels.array.shape
        return self.random.uniform(-8, height + 8), self.random.uniform(-8, width + 8)

    def mouse(self):
        modifiers = self.random.choice(MODIFIERS)
        what = self.random.choices(
            ("gesture", "move", "press", "release", "double", "wheel", "leave", "focus"),
            weights=(30, 30, 12, 12, 3, 3, 1, 1),
        )[0]
        if what == "gesture":
            self.gesture(modifiers)
        elif what == "move":
            self.hand.move(self.place(), self.held)
        elif what == "press":
            self.held = self.random.choice(BUTTONS)
            self.hand.press(self.place(), self.held, modifiers)
        elif what == "release":
            self.hand.release(self.place(), self.held or LEFT, modifiers)
            self.held = NO
        elif what == "double":
            self.hand.double_click(self.place(), self.random.choice(BUTTONS))
            self.held = NO
        elif what == "wheel":
            self.hand.wheel(self.place(), self.random.choice((-120, 120, 360)))
        elif what == "leave":
            self.hand.leave()
        else:
            self.hand.lose_focus()

    def gesture(self, modifiers):
        """Press, move and release near each other, as people do."""
        y, x = self.place()
        button = self.random.choice(BUTTONS)
        self.hand.press((y, x), button, modifiers)
        for _ in range(self.random.randrange(5)):
            y, x = y + self.random.uniform(-12, 12), x + self.random.uniform(-12, 12)
            self.hand.move((y, x), button)
        self.hand.release((y, x), button, modifiers)
        self.held = NO

    def keys(self):
        self.hand.tap(self.random.choice(KEYS), self.random.choice((PLAIN, SHIFT)))

    def actions(self):
        action = self.random.choice(self.possible)
        if action.objectName() == "undo" and self.random.random() < 0.6:
            return  # or few steps would be left to take back in the end
        if action.objectName() == "quit":
            self.quit()
            return
        self.window.actions_.refresh()
        if action.isEnabled():
            action.trigger()

    def quit(self):
        """Close the window and think better of it, where it asks."""
        if self.window.services.files.unsaved:
            self.window.messages.unsaved = "cancel"
            self.window.actions_["quit"].trigger()
            self.window.messages.unsaved = "discard"
            assert self.window.isVisible()

    def tools(self):
        self.random.choice(self.choices).trigger()

    def controls(self):
        panels = self.window.panels
        self.random.choice(
            (
                lambda: panels.edit.brush.setValue(self.random.randint(1, 200)),
                lambda: panels.edit.rule.setCurrentIndex(self.random.randrange(3)),
                lambda: panels.segment.cellprob.setValue(self.random.uniform(-5, 5)),
                self.step_plane,
            )
        )()

    def step_plane(self):
        document = self.window.document
        document.plane = self.random.randrange(document.plane_count)

    def answer(self, dialog):
        accept = getattr(dialog, "id", None) is not None and self.random.random() < 0.5
        if accept:
            dialog.id.setValue(self.random.randint(1, 12))
            dialog.accept()
        else:
            dialog.reject()


def state(document):
    layer = document.restored
    return (
        document.labels.full.tobytes(),
        document.labels.ids,
        frozenset(document.manual),
        None if layer is None else layer.name,
        document.results,
    )


def settle(qtbot, window):
    window.view.cancel()
    qtbot.waitUntil(lambda: not window.runner.busy, timeout=20_000)
    QCoreApplication.processEvents()
    window.document.settling.emit()


def first_labels(shape):
    labels = np.zeros(shape, np.uint32)
    labels[..., 5:20, 5:20] = 1
    labels[..., 5:20, 20:32] = 2
    labels[..., 30:38, 10:40] = 5
    return labels


@pytest.fixture
def nothing_waits_for_an_answer(monkeypatch):
    """Dialogs for files are cancelled at once, and so is any other that blocks."""
    for name in vars(files):
        if name.startswith("choose_"):
            monkeypatch.setattr(files, name, lambda *_, **__: None)
    monkeypatch.setattr(QDialog, "exec", lambda self: 0)


@pytest.mark.usefixtures("nothing_waits_for_an_answer")
@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TZYX"])
def test_a_monkey_finds_no_fault_and_undo_takes_all_back(qtbot, tmp_path, axes):
    sizes = dict(zip("TCZYX", (2, 2, 4, 48, 56), strict=True))
    pixels = np.random.default_rng(0).integers(0, 255, [sizes[a] for a in axes], np.uint8)
    path = tmp_path / "image.tif"
    write_image(path, Image(pixels, axes))
    window = MainWindow(pipelines=AnyAxes(), messages=RecordingMessages())
    window.messages.unsaved = "discard"
    window.services.models._take(MODELS)
    window.resize(1024, 700)
    window.show()
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    window.document.set_labels(first_labels(window.document.labels_shape))
    first = state(window.document)
    monkey = Monkey(window, SEED)
    for _ in range(EVENTS // 3):
        monkey.act()
    settle(qtbot, window)
    last = state(window.document)
    steps = window.document.undo.index()
    while window.document.undo.canUndo():
        window.document.undo.undo()
    assert state(window.document) == first
    for _ in range(steps):
        window.document.undo.redo()
    assert state(window.document) == last
    assert steps >= EVENTS // 300, monkey.counts
    fault = getattr(window.messages, "reported", None)
    assert fault is None, traceback.format_exception(fault)
    quit_and_save(qtbot, window, path)
    apply_theme("dark")


def quit_and_save(qtbot, window, path):
    """Close the window on unsaved edits, and have them saved first."""
    window.services.cells.add(*square(window.document))
    masks = np.array(window.document.labels.full)
    window.messages.unsaved = "save"
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert np.array_equal(seg_npy.read(path.with_name("image_seg.npy")).masks, masks)


def square(document):
    label = document.labels.next_id()
    stroke = StrokeBuilder(document.labels.array, label, "replace")
    return stroke.add((2, 2, 12, 12), np.ones((10, 10), bool)), label
