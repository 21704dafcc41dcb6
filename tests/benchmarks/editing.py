"""How long edits take on a large image, on the path of the event: ``python editing.py [SIDE]``.

A document of SIDE × SIDE pixels (8192 by default) with one cell per 36 × 36 pixels (50,000
cells) is edited as the tools do it; labels, index, history and signals are counted in,
painting is not. Prints the median and the 95th percentile of each edit, in milliseconds: of
the time that passed, and of the processor's time, which a busy machine does not spoil.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from PyQt6.QtCore import QCoreApplication, Qt
from PyQt6.QtWidgets import QApplication

from cellmend.image import Image
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.cells import CellService
from cellmend_app.tools import Brush, Eraser, Lasso, Move, Pointer

PITCH = 36
REPEATS = 60
BULK = 1000

LEFT = Qt.MouseButton.LeftButton


class Bench:
    """A large document and the hand that edits it."""

    def __init__(self, side: int) -> None:
        self.document = Document()
        self.document.set_image(Image(np.zeros((side, side), np.uint8)))
        self.document.set_labels(cell_grid(side))
        self.cells = CellService(self.document, Messages())
        self.rng = np.random.default_rng(0)
        self.times: dict[str, list[tuple[float, float]]] = {}

    def clock(self, name: str, work: Callable[[], object]) -> None:
        """Time one event; what waits for an idle moment comes after it."""
        started = np.array([time.perf_counter(), time.thread_time()])
        work()
        passed, used = 1000 * (np.array([time.perf_counter(), time.thread_time()]) - started)
        self.times.setdefault(name, []).append((passed, used))
        QCoreApplication.processEvents()

    def some(self, count: int) -> list[int]:
        """Return ids of cells, drawn at random."""
        ids = list(self.document.labels.index)
        return [ids[i] for i in self.rng.choice(len(ids), count, replace=False)]

    def place(self, label: int) -> tuple[float, float]:
        """Return the middle of a cell."""
        box = self.document.labels.box(label)
        assert box is not None
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

    def undo(self) -> None:
        """Take the last edit back and do it again, each timed."""
        self.clock("undo", self.document.undo.undo)
        self.clock("redo", self.document.undo.redo)
        self.document.undo.undo()

    def stroke(self, name: str, tool: Brush | Eraser | Move, diameter: int) -> None:
        """Drag a tool a little way, each event timed."""
        if not isinstance(tool, Move):
            tool.radius = diameter / 2
        y, x = self.place(self.some(1)[0])
        self.clock(f"{name}: press", lambda: tool.press(Pointer(y, x, LEFT)))
        for step in range(1, 8):
            here = Pointer(y + 2 * step, x + 3 * step)
            self.clock(f"{name}: move", lambda here=here: tool.move(here))
        self.clock(f"{name}: release", lambda: tool.release(Pointer(y + 14, x + 21, LEFT)))
        self.undo()

    def edits(self) -> None:
        """Make one edit of each kind."""
        cells, document = self.cells, self.document
        (one,) = self.some(1)
        y, x = self.place(one)
        document.select(one)
        for how in ("grow", "shrink", "smooth", "hull", "holes"):
            self.clock(how, lambda how=how: cells.reshape(how, 2.0))
        self.clock("move by an arrow key", lambda: cells.nudge(1, 1))
        self.clock("change id", lambda: cells.change_id(one, document.labels.next_id()))
        one = document.selected
        self.clock("split by a line", lambda: cells.split_line((y, x - 40), (y, x + 40)))
        self.clock("merge", lambda: cells.merge([one, document.labels.next_id() - 1]))
        self.clock("delete", lambda: cells.delete([one]))
        square = [(y - 9, x - 9), (y - 9, x + 9), (y + 9, x + 9), (y + 9, x - 9)]
        self.clock("draw", lambda: cells.draw(square))
        while document.undo.canUndo():
            self.clock("undo", document.undo.undo)

    def bulk(self) -> None:
        """Select and delete many cells."""
        document = self.document
        many = self.some(BULK)
        self.clock(f"delete {BULK:,}", lambda: self.cells.delete(many))
        self.clock(f"undo of {BULK:,}", document.undo.undo)
        side = document.labels.array.shape[0]
        lasso = Lasso(document)
        lasso.press(Pointer(0.3 * side, 0.3 * side, LEFT))
        for y, x in ((0.3, 0.7), (0.7, 0.7), (0.7, 0.3)):
            lasso.move(Pointer(y * side, x * side))
        self.clock(
            "lasso over a sixth", lambda: lasso.release(Pointer(0.3 * side, 0.3 * side, LEFT))
        )
        document.select()


def cell_grid(side: int) -> np.ndarray:
    """Return discs on a grid."""
    y, x = np.mgrid[:PITCH, :PITCH] - (PITCH - 1) / 2
    disc = (y**2 + x**2 <= (0.45 * PITCH) ** 2).astype(np.uint32)
    count = side // PITCH
    ids = np.arange(1, count * count + 1, dtype=np.uint32).reshape(count, count)
    labels = np.zeros((side, side), np.uint32)
    labels[: count * PITCH, : count * PITCH] = np.kron(ids, disc)
    return labels


def main(side: int) -> None:
    """Time everything and print it."""
    app = QApplication(sys.argv[:1])
    bench = Bench(side)
    print(f"{side} × {side} pixels, {bench.document.labels.count:,} cells")
    tools = {"brush 9 px": (Brush, 9), "brush 200 px": (Brush, 200), "eraser 40 px": (Eraser, 40)}
    for _ in range(REPEATS):
        for name, (kind, diameter) in tools.items():
            bench.stroke(name, kind(bench.document), diameter)
        bench.stroke("move", Move(bench.cells), 0)
        bench.edits()
    for _ in range(5):
        bench.bulk()
    print(f"{'milliseconds':28s} {'median':>8s} {'p95':>8s} {'median':>8s} {'p95':>8s} (processor)")
    for name, times in bench.times.items():
        figures = np.percentile(times, [50, 95], axis=0).T.ravel()
        print(f"{name:28s} " + " ".join(f"{figure:8.2f}" for figure in figures))
    app.quit()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8192)
