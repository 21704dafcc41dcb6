"""The dark frame of a camera, which normalisation subtracts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError
from cellmend.io.formats import read
from cellmend.params import NormalizeSettings

Frame = NDArray[np.float32]


def dark_frame(settings: NormalizeSettings) -> Frame | None:
    """Return the dark frame (Y, X) that the settings name, for `cellmend.normalize.normalize`.

    Raises
    ------
    FileFormatError
        If the file cannot be read or holds more than one plane.
    """
    path = settings.dark_frame
    return (
        None if path is None else _read_once(path, path.stat().st_mtime_ns if path.exists() else 0)
    )


@lru_cache(maxsize=4)
def _read_once(path: Path, _changed: int) -> Frame:
    image = read(path)
    if image.axes != "YX":
        raise FileFormatError(path, f"a dark frame is one plane, not {image.axes}.")
    frame = image.data.astype(np.float32)
    frame.flags.writeable = False
    return frame
