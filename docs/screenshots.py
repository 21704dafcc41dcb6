"""Make the pictures of the documentation by driving the real window.

Run with ``python docs/screenshots.py`` on a display, or under ``xvfb-run``. The
window opens a copy of the noisy sample, restores it where the model is
installed, finds the cells, and is photographed in both themes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from cellmend_app.window import MainWindow

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "images"
WAIT_MS = 300_000


def main() -> None:
    """Make every picture."""
    sys.path[:0] = [str(ROOT / "core"), str(ROOT / "app")]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ["CELLMEND_HOME"] = str(home)
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
            QSettings.setPath(form, QSettings.Scope.UserScope, name)
        app = QApplication(sys.argv[:1])
        app.setStyle("Fusion")
        PICTURES.mkdir(parents=True, exist_ok=True)
        photograph(copy_samples(home / "plate 3"))


def copy_samples(folder: Path) -> Path:
    """Copy the samples, so that nothing is written beside them; return the one to open."""
    from cellmend.samples import DEFAULT, sample_names, sample_path

    folder.mkdir()
    for name in sample_names():
        shutil.copy(sample_path(name), folder)
    return folder / f"{DEFAULT}.tif"


def photograph(image: Path) -> None:
    """Open, restore, segment, select a cell; take the pictures."""
    from cellmend_app.actions.handlers import apply_theme
    from cellmend_app.window import MainWindow

    window = MainWindow()
    apply_theme("dark")
    window.resize(1440, 900)
    window.show()
    window.services.models.refresh()
    window.open(image)
    until(lambda: window.document.image is not None and bool(window.services.models.choices))
    window.panels.segment.diameter.setValue(18)
    QTest.qWait(200)
    if window.actions_["denoise"].isEnabled():
        window.actions_["denoise"].trigger()
        until(lambda: window.document.restored is not None and not window.runner.busy)
        QTest.qWait(100)
    window.actions_["segment"].trigger()
    until(lambda: window.document.labels.count > 0 and not window.runner.busy)
    window.panels.view.outlines.setChecked(True)
    window.view.setFocus()
    for theme, name in (("light", "window-light.png"), ("dark", "window.png")):
        window.preferences.light = theme == "light"
        apply_theme("light" if theme == "light" else "dark")
        QTest.qWait(200)
        window.view.fit()
        QTest.qWait(200)
        save(window, PICTURES / name)
    half_edit(window)
    save(window, PICTURES / "editing.png")
    window.view.cancel()
    photograph_views(window)
    window.services.files.save()
    until(lambda: bool(window.services.files.corrected()))
    photograph_training(window, image.parent)
    window.close()


def photograph_training(window: MainWindow, folder: Path) -> None:
    """Take a picture of the dialog that trains, with a folder to learn from."""
    window.actions_["train-restoration"].trigger()
    dialog = window.workbench.train
    assert dialog is not None
    os.chdir(folder.parent)  # so that the picture does not tell where that is
    dialog.restore.add_folder(Path(folder.name))
    until(lambda: dialog.restore.found().images > 0)
    QTest.qWait(200)
    save(dialog, PICTURES / "train.png")
    dialog.close()


def half_edit(window: MainWindow) -> None:
    """Select some cells, and leave a polygon half drawn."""
    from cellmend.labels.choose import in_box
    from cellmend_app.tools import Pointer

    labels = window.document.labels
    height, width = labels.array.shape
    window.document.select(*in_box(labels.index, (0, 0, height // 2, width // 3)))
    window.actions_["polygon"].trigger()
    tool = window.workbench.tools["polygon"]
    for y, x in ((0.55, 0.5), (0.5, 0.62), (0.62, 0.7), (0.75, 0.6)):
        corner = Pointer(y * height, x * width, Qt.MouseButton.LeftButton)
        tool.press(corner)
        tool.release(corner)
    QTest.qWait(200)


def photograph_views(window: MainWindow) -> None:
    """Take a picture of four linked layers, and one of the difference of two mask layers."""
    from cellmend_app.panels.parts import Section

    window.document.select(0)
    window.view.arrange("four")
    window.view.fit()
    QTest.qWait(300)
    save(window.view, PICTURES / "view-four.png")
    window.view.arrange("single")
    window.panels.view.outlines.setChecked(False)
    window.services.layers.keep_copy()
    window.panels.segment.cellprob.setValue(2.0)
    before = window.document.revision
    until(lambda: window.document.revision != before and not window.runner.busy)
    section = next(s for s in window.findChildren(Section) if s.title == "Mask layers")
    section.header.setChecked(True)
    window.panels.layers.compare.setChecked(True)
    until(lambda: bool(window.panels.layers.result.text()))
    QTest.qWait(300)
    window.view.fit()
    save(window, PICTURES / "mask-difference.png")
    window.panels.layers.compare.setChecked(False)
    window.document.undo.undo()


def until(ready: Callable[[], bool]) -> None:
    """Let the program work until `ready`.

    Raises
    ------
    TimeoutError
        If that takes longer than five minutes.
    """
    for _ in range(WAIT_MS // 50):
        if ready():
            return
        QTest.qWait(50)
    raise TimeoutError("The window did not get ready.")


def settle(widget: QWidget) -> None:
    """Let the pictures in `widget` be finished."""
    from cellmend_app.viewer import ImageView

    views = [widget] if isinstance(widget, ImageView) else widget.findChildren(ImageView)
    for view in views:
        QApplication.processEvents()
        view.finish()


def save(widget: QWidget, path: Path) -> None:
    """Write a picture of `widget`, with few enough colours to be small."""
    from PIL import Image

    settle(widget)
    widget.grab().save(str(path))
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
