"""Make the `_seg.npy` fixtures with Cellpose 3.1: run in an environment that has it.

    python tests/golden/make_seg_npy.py

It needs cellpose==3.1.1.2 with its window (PyQt6, pyqtgraph, superqt). The files of
the interface are written by its Python functions and those of the window by its
window. Two older variants, which no Cellpose 3 writes, are made by hand and opened
in its window: what it shows is kept beside them as ``<name>_shown.npy``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from cellpose import io, utils
from cellpose_window import Window, stroke_along

FOLDER = Path(__file__).resolve().parent
CELLS = np.zeros((24, 32), np.uint16)
CELLS[2:9, 3:11] = 1
CELLS[12:20, 5:15] = 2
CELLS[4:18, 20:30] = 3
CELLS = CELLS[::2, ::2].copy()  # small files
STACK = np.stack([CELLS] * 3)
DRAWN = (1, 8, 3, 13)  # by hand, between the cells: top, left, bottom, right


def write_image(name: str, shape: tuple[int, ...]) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    io.imsave(f"seg_npy_{name}.tif", pixels)
    return Path(f"seg_npy_{name}.tif")


def from_interface(name: str, masks: np.ndarray, **restoration: object) -> Path:
    image = write_image(name, CELLS.shape if masks.ndim == 2 else masks.shape)
    flows = np.zeros((masks.ndim, *masks.shape), np.float32)
    picture = np.zeros((*masks.shape, 3), np.uint8)
    cellprob = (masks > 0).astype(np.float32)
    channels = [2, 1] if masks.ndim == 2 else [0, 0]
    io.masks_flows_to_seg(
        masks,
        masks,
        [picture, flows, cellprob],
        str(image),
        diams=9.5,
        channels=channels,
        **restoration,
    )
    return Path(f"seg_npy_{name}_seg.npy")


def from_window(name: str, *, run: bool) -> None:
    window = Window(write_image(name, CELLS.shape))
    window.set_masks(CELLS)
    window.draw(DRAWN)
    if run:
        picture = np.zeros((1, *CELLS.shape, 3), np.uint8)
        window.set_flows([picture, np.zeros((1, *CELLS.shape), np.uint8)])
    window.save()


def volume_from_window(name: str) -> None:
    window = Window(write_image(name, STACK.shape), volume=True)
    window.set_masks(STACK)
    window.save()


def upsampled_from_window(name: str) -> None:
    large = CELLS.repeat(2, 0).repeat(2, 1)
    restored = np.zeros((1, *large.shape, 1), np.float32)
    seg = from_interface(
        name, large, imgs_restore=restored, restore_type="upsample_cyto3", ratio=2.0
    )
    content = np.load(seg, allow_pickle=True).item()
    # The window reads the restoration only where it finds the settings it wrote itself.
    content["normalize_params"] = Window(Path(f"seg_npy_{name}.tif"))._window.get_normalize_params()
    content["chan_choose"] = [0, 0]
    np.save(seg, content)
    window = Window(Path(f"seg_npy_{name}.tif"))
    window.load(seg)
    window.save()


def old(name: str, content: dict[str, object]) -> None:
    image = write_image(name, CELLS.shape)
    seg = Path(f"seg_npy_{name}_seg.npy")
    np.save(seg, {"filename": str(image), "chan_choose": [0, 0], "est_diam": 12.5, **content})
    window = Window(image)
    window.load(seg)
    np.save(f"seg_npy_{name}_shown.npy", window.masks)


def main() -> None:
    np.random.seed(0)  # noqa: NPY002  Cellpose draws its colours from here
    workplace = tempfile.mkdtemp()
    os.chdir(workplace)
    from_interface("api_2d", CELLS)
    from_interface("api_3d", STACK)
    from_interface("uint32", np.where(CELLS == 3, np.uint32(70_000), CELLS))
    from_window("gui_2d", run=True)
    from_window("gui_2d_unrun", run=False)
    volume_from_window("gui_3d")
    upsampled_from_window("upsampled")

    edges = utils.masks_to_outlines(CELLS) * CELLS
    below = {"masks": CELLS.astype(np.int32) - 1, "outlines": edges.astype(np.int32) - 1}
    old("from_minus_1", below)
    squares = [(1, 1, 4, 5), (6, 3, 9, 7), (2, 10, 8, 14)]
    outlines = [[stroke_along(square)] for square in squares]
    old("listed", {"masks": np.zeros(CELLS.shape, np.uint16), "outlines": outlines})
    for file in Path(workplace).glob("*.npy"):
        shutil.copy(file, FOLDER)
    shutil.rmtree(workplace)


if __name__ == "__main__":
    main()
