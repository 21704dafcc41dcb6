"""Open `_seg.npy` files of ours in Cellpose 3.1 and compare the masks it shows.

    python tests/golden/write_seg_npy.py FOLDER   # with Cellmend
    python tests/golden/open_seg_npy.py FOLDER    # with Cellpose

Each file is opened in Cellpose's window, which must show the masks that are in
``<name>_masks.npy`` (it numbers cells without gaps), and saved from there, which must
store them. The exit status is the number of files that differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fastremap
import numpy as np
from cellpose_window import Window


def without_gaps(masks: np.ndarray) -> np.ndarray:
    """Number the cells in the order in which Cellpose meets them."""
    renumbered, _ = fastremap.renumber(masks.copy())
    return renumbered


def main() -> int:
    wrong = 0
    for seg in sorted(Path(sys.argv[1]).resolve().glob("*_seg.npy")):
        name = seg.name.removesuffix("_seg.npy")
        expected = np.load(seg.with_name(f"{name}_masks.npy"))
        image = seg.with_name(f"{name}.tif")
        window = Window(image, volume=expected.ndim == 3)
        window.load(seg)
        shown = np.array_equal(window.masks, without_gaps(expected))
        stored = np.load(window.save(), allow_pickle=True).item()["masks"]
        same = shown and np.array_equal(stored, without_gaps(expected))
        wrong += not same
        print(f"{'same' if same else 'DIFFERENT'}: {seg.name}", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
