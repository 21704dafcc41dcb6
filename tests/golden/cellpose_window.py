"""Cellpose's own window without a screen, for scripts that run beside Cellpose 3.1."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from cellpose.gui import gui, gui3d
from cellpose.gui import io as gui_io
from qtpy.QtWidgets import QApplication

_APPLICATION = QApplication([])


def stroke_along(square: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Return the points (plane, y, x, on) of a stroke through the corners of a square."""
    top, left, bottom, right = square
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return [np.array([[0, y, x, 1]]) for y, x in corners]


class Window:
    """The window with one image.

    Parameters
    ----------
    image
        A file; a volume where `volume` is set.
    volume
        Whether to open Cellpose's window for volumes.
    """

    def __init__(self, image: Path, *, volume: bool = False) -> None:
        kind = gui3d.MainW_3d if volume else gui.MainW
        self._volume = volume
        self._window = kind(image=None, logger=logging.getLogger("cellpose"))
        gui_io._load_image(self._window, filename=str(image), load_seg=False, load_3D=volume)

    def set_masks(self, masks: np.ndarray) -> None:
        """Show masks, as the menu's "Load masks" does."""
        stack = masks if masks.ndim == 3 else masks[np.newaxis]
        gui_io._masks_to_gui(self._window, stack.copy(), outlines=None)

    def draw(self, square: tuple[int, int, int, int]) -> None:
        """Draw a cell by hand along the edge (top, left, bottom, right), and keep it."""
        color = np.array([10, 20, 30], np.uint8)
        if self._window.add_mask(points=[stroke_along(square)], color=color) is None:
            raise SystemExit("Cellpose did not draw the cell")
        self._window.cellcolors = np.append(self._window.cellcolors, color[np.newaxis], axis=0)
        self._window.ncells += 1
        self._window.ismanual = np.append(self._window.ismanual, True)

    def set_flows(self, flows: list[object]) -> None:
        """Keep flows as a run leaves them."""
        self._window.flows = flows

    def load(self, seg: Path) -> None:
        """Open a ``_seg.npy``."""
        gui_io._load_seg(self._window, filename=str(seg), load_3D=self._volume)
        if not self._window.loaded:
            raise SystemExit(f"Cellpose cannot open {seg}")

    def save(self) -> Path:
        """Save as Ctrl+S does; return the ``_seg.npy``."""
        gui_io._save_sets(self._window)
        return Path(f"{os.path.splitext(self._window.filename)[0]}_seg.npy")

    @property
    def masks(self) -> np.ndarray:
        """What the window shows, at the resolution in which it saves."""
        window = self._window
        upsampled = window.restore and "upsample" in window.restore
        return np.squeeze(window.cellpix_resize if upsampled else window.cellpix)
