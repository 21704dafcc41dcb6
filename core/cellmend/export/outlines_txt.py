"""Outlines as text, one cell per line, as Cellpose writes them and ImageJ scripts read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.io.atomic import replacing
from cellmend.labels.outlines import outlines


def write_outlines(path: str | Path, masks: NDArray[np.integer]) -> int:
    """Write ``x1,y1,x2,y2,...`` per cell, by ascending id; return how many.

    The points are border pixels of the cell's largest piece.

    Raises
    ------
    InputError
        If the masks are a volume.
    FileFormatError
        If the file cannot be written.
    """
    if masks.ndim != 2:
        raise InputError(
            "Outlines as text hold one plane only.", hint="Export the volume as ImageJ ROIs."
        )
    lines = [",".join(map(str, points.ravel().tolist())) for points in outlines(masks)]
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return len(lines)
