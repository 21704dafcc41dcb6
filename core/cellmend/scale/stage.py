"""What workers make of blocks, kept on the disk until the whole is done.

A block is done once its page of numbers is there, which is written after its pixels. A run that
was stopped finds them and goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.io.atomic import replacing
from cellmend.progress import Reporter
from cellmend.scale.blocks import Block
from cellmend.scale.workers import Workers

if TYPE_CHECKING:
    import zarr

_CHUNK = 512

Numbers = Mapping[str, Any]
Made = tuple[NDArray[np.generic], Numbers]
"""The pixels that were made of a block, and plain values that go with them."""
Make = Callable[[Block, Reporter], Made]


def run_stage(
    folder: Path, make: Make, blocks: Sequence[Block], workers: Workers, report: Reporter
) -> list[Numbers]:
    """Make something of every block that is not done, and return the numbers of all."""
    folder.mkdir(parents=True, exist_ok=True)
    left = [block for block in blocks if not _page(folder, block).exists()]
    workers.map(partial(_make_and_keep, folder, make), left, report)
    return [json.loads(_page(folder, block).read_text(encoding="utf-8")) for block in blocks]


def made_of(folder: Path, block: Block) -> zarr.Array[Any]:
    """Return the pixels that a stage made of a block, to be read in parts."""
    import zarr

    return zarr.open_array(_pixels(folder, block), mode="r")


def create_array(path: Path, shape: Sequence[int], dtype: np.dtype[np.generic]) -> zarr.Array[Any]:
    """Create an array on the disk; one that is there is replaced."""
    import zarr
    from numcodecs import Blosc

    planes = (1,) * (len(shape) - 2)
    return zarr.create_array(
        path,
        shape=tuple(shape),
        dtype=dtype,
        chunks=(*planes, *(min(_CHUNK, length) for length in shape[-2:])),
        compressors=Blosc(cname="lz4", clevel=3, shuffle=Blosc.SHUFFLE),
        zarr_format=2,
        overwrite=True,
    )


def _make_and_keep(folder: Path, make: Make, block: Block, report: Reporter) -> None:
    pixels, numbers = make(block, report)
    create_array(_pixels(folder, block), pixels.shape, pixels.dtype)[...] = pixels
    with replacing(_page(folder, block)) as temporary:
        temporary.write_text(json.dumps(numbers), encoding="utf-8")


def _pixels(folder: Path, block: Block) -> Path:
    return folder / f"{block.index:06}.zarr"


def _page(folder: Path, block: Block) -> Path:
    return folder / f"{block.index:06}.json"
