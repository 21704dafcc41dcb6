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

LONGEST = 5.0
"""Length of the flows that a network predicts."""

_NAMES = {2: ("dY", "dX"), 3: ("dZ", "dY", "dX")}
_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}


def write_flows(
    path: str | Path,
    flows: NDArray[np.floating],
    provenance: Mapping[str, Any] | None = None,
    axes: str | None = None,
) -> None:
    """Write flows as a float32 TIFF with named channels.

    Parameters
    ----------
    path
        The file.
    flows
        (2, [T,] [Z,] Y, X), or (3, [T,] Z, Y, X).
    provenance
        Kept in the file.
    axes
        Those of one component, such as ``TYX``; YX, ZYX or TZYX if left out.

    Raises
    ------
    InputError
        If the array has another shape.
    FileFormatError
        If the file cannot be written.
    """
    names = _NAMES.get(len(flows), ())
    space = axes or _AXES.get(flows.ndim - 1, "")
    if not names or len(space) != flows.ndim - 1:
        raise InputError(f"Flows cannot have the shape {flows.shape}.")
    place = space.count("T")
    data = np.moveaxis(flows, 0, place).astype(np.float32, copy=False)
    image = Image(data, f"{space[:place]}C{space[place:]}", names)
    write_image(path, image, provenance=provenance)


def write_cellprob(
    path: str | Path,
    cellprob: NDArray[np.floating],
    provenance: Mapping[str, Any] | None = None,
    axes: str | None = None,
) -> None:
    """Write the cell probability (logit), ([T,] [Z,] Y, X), as a float32 TIFF.

    The parameters are those of `write_flows`.

    Raises
    ------
    InputError
        If the array has another shape.
    FileFormatError
        If the file cannot be written.
    """
    space = axes or _AXES.get(cellprob.ndim, "")
    if len(space) != cellprob.ndim or cellprob.ndim < 2:
        raise InputError(f"A cell probability cannot have the shape {cellprob.shape}.")
    image = Image(cellprob.astype(np.float32, copy=False), space)
    write_image(path, image, provenance=provenance)


def flow_colours(flows: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return (Y, X, 3) colours of flows (2, Y, X): directions as hues, lengths as brightness."""
    angle = np.arctan2(flows[0], flows[1])
    length = np.clip(np.hypot(flows[0], flows[1]) / LONGEST, 0, 1)
    wheel = 0.5 + 0.5 * np.cos(angle[..., None] + np.array([0, 2, 4]) * np.pi / 3)
    colours: NDArray[np.float64] = 255 * length[..., None] * wheel
    return colours.astype(np.uint8)
