"""How quickly the window starts, follows the hand on large images, and what memory it takes.

Run with ``python tests/benchmarks/window.py``, by default without a screen; to measure on
a display, set ``QT_QPA_PLATFORM=xcb``. Each part runs in a fresh process. A time is from
an event to the frame that shows all of what it did, painted in full.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QSettings, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication

LEFT = Qt.MouseButton.LeftButton
SIDE, ROWS, LARGE = 8192, 224, 20_000
REPEATS = 60
STARTS = 5
REST_S = 2.5


class Bench:
    """The window on an image, with a hand; at first warm, and empty."""

    def __init__(self) -> None:
        from cellmend_app.window import MainWindow

        self.window = MainWindow()
        self.window.resize(1440, 900)
        self.window.show()
        self.view, self.document = self.window.view, self.window.document
        self.window.warm_up()
        self.rest()

    def open(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        """Show an image with masks."""
        from cellmend.image import Image

        self._payload = (pixels.nbytes + labels.nbytes) / 2**20
        self._pixels = pixels.nbytes / 2**20
        self._base = memory("VmRSS")
        forget_peak()
        self.document.set_image(Image(pixels))
        self.document.set_labels(labels)
        self.rest()

    def report_memory(self) -> None:
        """Print what the window took at most since it opened the image, beside itself."""
        # The arrays given are the benchmark's: the document holds its own copy of the labels.
        added = memory("VmHWM") - self._base + self._pixels
        print(
            f"  peak memory of image and masks     {added:.0f} MiB,"
            f" {added / self._payload:.2f} × their {self._payload:.0f} MiB"
        )

    def rest(self) -> None:
        """Let the quiet work end that follows the start, and opening an image."""
        until = time.perf_counter() + REST_S
        while time.perf_counter() < until or self.window.runner.busy:
            self.settle()

    def settle(self) -> None:
        """Let the window paint until nothing is left to paint."""
        while True:
            QApplication.processEvents()
            if not self.view.rendering:
                break
        QApplication.processEvents()

    def mouse(self, kind: QEvent.Type, y: float, x: float, button: Qt.MouseButton) -> None:
        """Send a mouse event at a place of the image."""
        port = self.view.canvas.viewport()
        at = self.view.canvas.viewportTransform().map(QPointF(x, y))
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else LEFT
        none = Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(kind, at, port.mapToGlobal(at), button, held, none)
        QApplication.sendEvent(port, event)

    def times(self, step: Callable[[int], object], count: int = REPEATS) -> np.ndarray:
        """Return milliseconds from each step to its whole frame, and those of computing (n, 2).

        The first are what a person waits; they grow where other programs want the processor.
        """
        taken = []
        for index in range(count):
            started, computed = time.perf_counter(), time.process_time()
            step(index)
            self.settle()
            ended = time.perf_counter() - started, time.process_time() - computed
            taken.append(ended)
        return np.array(taken) * 1e3


def report(name: str, times: np.ndarray) -> None:
    """Print median and 95th percentile of times (n,), or of those and of computing (n, 2)."""
    middle, most = np.percentile(times.reshape(len(times), -1), (50, 95), axis=0)
    computing = f"   (computing {most[1]:5.1f} ms)" if len(most) > 1 else ""
    print(f"  {name:34s} median {middle[0]:6.1f} ms   p95 {most[0]:6.1f} ms{computing}")


def many_cells() -> tuple[np.ndarray, np.ndarray]:
    """Return an image and 50,176 disks, in rows with a pixel between neighbours."""
    pitch = SIDE // ROWS
    y, x = np.mgrid[:pitch, :pitch] - pitch / 2 + 0.5
    disk = (y**2 + x**2 <= (pitch / 2 - 0.5) ** 2).astype(np.uint32)
    ids = np.random.default_rng(0).permutation(ROWS**2).astype(np.uint32) + 1
    labels = np.zeros((SIDE, SIDE), np.uint32)
    labels[: ROWS * pitch, : ROWS * pitch] = np.kron(ids.reshape(ROWS, ROWS), disk)
    noise = np.random.default_rng(1).integers(0, 900, (SIDE, SIDE), dtype=np.uint16)
    return noise + (labels > 0).astype(np.uint16) * np.uint16(2000), labels


def edits() -> None:
    """Brush, erase, delete, undo and toggle on 8k × 8k with 50,000 cells."""
    bench = Bench()
    print(f"  memory of the window alone         {memory('VmRSS'):.0f} MiB")
    bench.open(*many_cells())
    for zoom in ("whole image", "1 : 1"):
        print(f" {SIDE} × {SIDE}, {bench.document.labels.count} cells, {zoom}")
        if zoom == "1 : 1":
            bench.view.actual_size()
            bench.settle()
        measure_edits(bench)
    bench.report_memory()
    close(bench)


def measure_edits(bench: Bench) -> None:
    """Print the times of edits at the zoom there is."""
    window, view, document = bench.window, bench.view, bench.document
    box = view.visible_box()
    y, x = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    step = 6 / view.canvas.scale_factor
    window.panels.edit.brush.setValue(20)
    for tool in ("brush", "eraser"):
        window.workbench.use_tool(tool)
        bench.mouse(QEvent.Type.MouseButtonPress, y, x, LEFT)
        bench.settle()
        move = bench.times(
            lambda i: bench.mouse(
                QEvent.Type.MouseMove, y + step * (i % 7), x + step * i, Qt.MouseButton.NoButton
            )
        )
        bench.mouse(QEvent.Type.MouseButtonRelease, y, x + step * REPEATS, LEFT)
        bench.settle()
        report(f"{tool} move", move)
    window.workbench.use_tool("pick")
    inside = document.labels.array[box[0] : box[2], box[1] : box[3]]
    ids = np.unique(inside[inside > 0])[: REPEATS * 2]
    delete = bench.times(lambda i: (document.select(int(ids[i])), delete_selected(window)))
    report("select and delete a cell", delete)
    report("undo", bench.times(lambda _: document.undo.undo()))
    report("redo", bench.times(lambda _: document.undo.redo()))
    bench.times(lambda _: document.undo.undo())
    report("masks off and on", bench.times(lambda _: window.panels.view.masks.toggle()))
    window.panels.view.outlines.toggle()
    bench.settle()
    report("outlines off and on", bench.times(lambda _: window.panels.view.outlines.toggle()))
    window.panels.view.outlines.setChecked(False)
    bench.settle()


def delete_selected(window: object) -> None:
    """Press Delete."""
    window.actions_["delete-selected"].setEnabled(True)
    window.actions_["delete-selected"].trigger()


def pan() -> None:
    """Drag a 20k × 20k image with its masks about."""
    pixels = np.random.default_rng(0).integers(0, 4000, (LARGE, LARGE), dtype=np.uint16)
    labels = np.zeros((LARGE, LARGE), np.uint32)
    disk = np.hypot(*(np.mgrid[:40, :40] - 19.5)) < 18
    count = LARGE // 40
    ids = np.arange(1, count**2 + 1, dtype=np.uint32).reshape(count, count)
    for row in range(count):
        labels[row * 40 : row * 40 + 40] = np.kron(ids[row : row + 1], disk)
    bench = Bench()
    bench.open(pixels, labels)
    for scale in (bench.view.canvas.scale_factor * 3, 1.0, 4.0):
        bench.view.zoom(scale / bench.view.canvas.scale_factor)
        bench.view.canvas.center_on(LARGE / 2, LARGE / 2)
        bench.settle()
        drag(bench, scale)
    bench.report_memory()
    close(bench)


def drag(bench: Bench, scale: float) -> None:
    """Print frames per second while the image is dragged by 24 screen pixels a frame."""
    canvas = bench.view.canvas
    started, missing, frames = time.perf_counter(), 0, 150
    for index in range(frames):
        turn = 24 if index < frames // 2 else -24
        canvas._scroll_by(QPointF(turn, turn / 2))
        QApplication.processEvents()
        missing += bench.view.rendering
    rate = frames / (time.perf_counter() - started)
    bench.settle()
    print(
        f"  pan at {scale:4.2f} screen px per px          {rate:6.0f} frames/s"
        f"   ({missing} of {frames} frames waited for tiles)"
    )


def start(image: str) -> None:
    """Open the window on an image, and end when it is painted."""
    started = float(os.environ["CELLMEND_STARTED"])
    import cellmend_app.main as program

    def look(window: object) -> None:
        QApplication.processEvents()
        ready = window.document.image is not None and not window.view.rendering
        if ready:
            QApplication.processEvents()
            print(time.time() - started)
            window.close()

    shown = program.MainWindow.show

    def show(window: object) -> None:
        from PyQt6.QtCore import QTimer

        shown(window)
        timer = QTimer(window)
        timer.timeout.connect(lambda: look(window))
        timer.start(1)

    program.MainWindow.show = show
    program.main([image])


def starts() -> None:
    """Print the time from a cold start to the window with an image, in fresh processes."""
    from cellmend.samples import DEFAULT, sample_path

    taken = []
    for _ in range(STARTS):
        env = {**os.environ, "CELLMEND_STARTED": str(time.time())}
        command = [sys.executable, __file__, "start", str(sample_path(DEFAULT))]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        taken.append(float(done.stdout.split()[-1]) * 1e3)
    report("window with an image", np.array(taken))


def memory(field: str) -> float:
    """Return MiB of this process: ``VmRSS`` now, ``VmHWM`` at most; 0 where it is not told."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def forget_peak() -> None:
    """Let ``VmHWM`` begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def close(bench: Bench) -> None:
    """Close the window without a question."""
    bench.document.mark_saved()
    bench.window._closing = True
    bench.window.close()


PARTS: dict[str, Callable[[], None]] = {"starts": starts, "edits": edits, "pan": pan}


def main() -> None:
    """Run one part in this process, or all of them in fresh ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=[*PARTS, "start"])
    parser.add_argument("image", nargs="?")
    arguments = parser.parse_args()
    if arguments.part is None:
        for part in PARTS:
            print(part, flush=True)
            subprocess.run([sys.executable, __file__, part], check=True)
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("CELLMEND_HOME", home)
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, home)
        if arguments.part == "start":
            start(arguments.image)
            return
        app = QApplication.instance() or QApplication(sys.argv[:1])
        if arguments.part != "starts":
            from cellmend_app.actions.handlers import apply_theme

            app.setStyle("Fusion")
            apply_theme("dark")
        PARTS[arguments.part]()


if __name__ == "__main__":
    main()
