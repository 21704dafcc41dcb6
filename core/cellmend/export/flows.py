"""Flows and cell probability as TIFF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.tiff import write_image

_NAMES = {2: ("dY", "dX"), 3: ("dZ", "dY", "dX")}


def write_flows(
    path: str | Path, flows: NDArray[np.floating], provenance: Mapping[str, Any] | None = None
) -> None:
    """Write flows (2, Y, X) or (3, Z, Y, X) as a float32 TIFF with named channels.

    Raises
    ------
    InputError
        If the array has another shape.
    FileFormatError
        If the file cannot be written.
    """
    names = _NAMES.get(len(flows), ())
    if flows.ndim != len(names) + 1:
        raise InputError(f"Flows cannot have the shape {flows.shape}.")
    axes = "CYX" if len(names) == 2 else "CZYX"
    image = Image(flows.astype(np.float32, copy=False), axes, names)
    write_image(path, image, provenance=provenance)


def write_cellprob(
    path: str | Path, cellprob: NDArray[np.floating], provenance: Mapping[str, Any] | None = None
) -> None:
    """Write the cell probability (logit), (Y, X) or (Z, Y, X), as a float32 TIFF.

    Raises
    ------
    InputError
        If the array has another shape.
    FileFormatError
        If the file cannot be written.
    """
    axes = {2: "YX", 3: "ZYX"}.get(cellprob.ndim)
    if axes is None:
        raise InputError(f"A cell probability cannot have the shape {cellprob.shape}.")
    image = Image(cellprob.astype(np.float32, copy=False), axes)
    write_image(path, image, provenance=provenance)
