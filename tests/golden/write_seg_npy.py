"""Write `_seg.npy` files of every kind with Cellmend, for `open_seg_npy.py` to open.

python tests/golden/write_seg_npy.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tifffile

from cellmend.io import seg_npy
from cellmend.io.seg_npy import SegFile

RNG = np.random.default_rng(0)
BLOCKS = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((6, 8))).astype(np.uint32)
BLOCKS[::6] = 0
BLOCKS[:, ::8] = 0


def kinds() -> dict[str, SegFile]:
    """Return one file of each kind by name."""
    normalize = {"lowhigh": None, "percentile": [1.0, 99.0], "normalize": True, "norm3D": True}
    normalize |= {"sharpen_radius": 0, "smooth_radius": 0, "tile_norm_blocksize": 0}
    normalize |= {"tile_norm_smooth3D": 1, "invert": False}
    flows = [np.zeros((1, *BLOCKS.shape, 3), np.uint8), np.zeros((1, *BLOCKS.shape), np.uint8)]
    restored = RNG.random((1, *BLOCKS.shape, 1)).astype(np.float32) * 255
    large = BLOCKS.repeat(2, 0).repeat(2, 1)
    many = np.zeros((420, 500), np.uint32)
    many[1::2, 1::2] = np.arange(1, 210 * 250 + 1).reshape(210, 250) * 2
    return {
        "plain": SegFile(masks=BLOCKS),
        "gaps": SegFile(masks=BLOCKS * 7),
        "empty": SegFile(masks=BLOCKS * 0),
        "run": SegFile(
            masks=BLOCKS,
            flows=flows,
            diameter=7.5,
            colors=RNG.integers(0, 255, (25, 3), dtype=np.uint8),
            ismanual=np.arange(25) % 2 == 0,
            model_path="generalist",
            flow_threshold=0.4,
            cellprob_threshold=0.0,
            normalize_params=normalize,
        ),
        "restored": SegFile(
            masks=BLOCKS,
            normalize_params=normalize,
            restore="denoise_cyto3",
            ratio=1.0,
            img_restore=restored,
        ),
        "upsampled": SegFile(
            masks=large,
            normalize_params=normalize,
            restore="upsample_cyto3",
            ratio=2.0,
            img_restore=restored.repeat(2, 1).repeat(2, 2),
        ),
        "volume": SegFile(masks=np.stack([BLOCKS] * 3), zdraw=[-1] * 25, current_channel=2),
        "uint32": SegFile(masks=many),
    }


def main() -> None:
    """Write the files, the images that they belong to, and the masks that they hold."""
    folder = Path(sys.argv[1]).resolve()
    for name, seg in kinds().items():
        seg.filename = str(folder / f"{name}.tif")
        shape = BLOCKS.shape if name == "upsampled" else seg.masks.shape
        tifffile.imwrite(seg.filename, RNG.integers(0, 255, shape, dtype=np.uint8))
        seg_npy.write(folder / f"{name}_seg.npy", seg)
        np.save(folder / f"{name}_masks.npy", seg.masks)


if __name__ == "__main__":
    main()
