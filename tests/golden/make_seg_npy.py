"""Make the `_seg.npy` fixtures with Cellpose 3.1: run in an environment that has it.

    python tests/golden/make_seg_npy.py

The interface's variant is written by Cellpose itself; those of its window hold
what its window stores, key by key, since it needs a screen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cellpose import io, utils

FOLDER = Path(__file__).parent
CELLS = np.zeros((24, 32), np.uint16)
CELLS[2:9, 3:11] = 1
CELLS[12:20, 5:15] = 2
CELLS[4:18, 20:30] = 3
CELLS = CELLS[::2, ::2].copy()  # small files
NORMALIZE = {
    "lowhigh": None,
    "percentile": [1.0, 99.0],
    "normalize": True,
    "norm3D": True,
    "sharpen_radius": 0,
    "smooth_radius": 0,
    "tile_norm_blocksize": 0,
    "tile_norm_smooth3D": 1,
    "invert": False,
}
WITHOUT_RUN = [[], [], [], [], [[]]]


def from_interface(name: str, masks: np.ndarray) -> None:
    flows = np.zeros((masks.ndim, *masks.shape), np.float32)
    picture = np.zeros((*masks.shape, 3), np.uint8)
    cellprob = (masks > 0).astype(np.float32)
    file = FOLDER / f"seg_npy_{name}.tif"
    io.masks_flows_to_seg(
        masks, masks, [picture, flows, cellprob], file.name, diams=9.5, channels=[2, 1]
    )
    Path(f"seg_npy_{name}_seg.npy").replace(FOLDER / f"seg_npy_{name}_seg.npy")


def from_window(name: str, masks: np.ndarray, **more: object) -> None:
    edges = utils.masks_to_outlines(masks) * masks
    content = {
        "outlines": edges.astype(np.uint16),
        "colors": np.arange(9, dtype=np.uint8).reshape(3, 3),
        "masks": masks,
        "filename": f"seg_npy_{name}.tif",
        "flows": WITHOUT_RUN,
        "model_path": 0,
        "flow_threshold": 0.4,
        "cellprob_threshold": 0.0,
        "normalize_params": NORMALIZE,
        "restore": None,
        "ratio": 1.0,
        "diameter": 9.5,
        **more,
    }
    np.save(FOLDER / f"seg_npy_{name}_seg.npy", content)


def main() -> None:
    stack = np.stack([CELLS] * 3)
    from_interface("api_2d", CELLS)
    from_interface("api_3d", stack)
    plane = {
        "chan_choose": [2, 1],
        "ismanual": np.array([False, False, True]),
        "manual_changes": [["2025-01-01 10:00:00", "added mask", [3, [0]]]],
    }
    flows = [np.zeros((1, *CELLS.shape, 3), np.uint8), np.zeros((1, *CELLS.shape), np.uint8)]
    from_window("gui_2d", CELLS, **plane, flows=flows)
    from_window("gui_2d_unrun", CELLS, **plane)
    volume = {"zdraw": [-1, -1, -1], "current_channel": 2}
    from_window("gui_3d", stack, **volume)
    large = CELLS.repeat(2, 0).repeat(2, 1)
    restored = np.zeros((1, *large.shape, 1), np.float32)
    upsampled = {"restore": "upsample_cyto3", "ratio": 2.0, "img_restore": restored}
    from_window("upsampled", large, **plane, **upsampled)


if __name__ == "__main__":
    main()
