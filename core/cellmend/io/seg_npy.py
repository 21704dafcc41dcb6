"""Cellpose's `_seg.npy`: a pickled dictionary inside an NPY file.

All variants are read (made by its window in 2D and 3D, by its Python interface,
and by old versions with outlines as a list or background -1), and what is
written opens in Cellpose 3. Reading runs nothing from the file: see
`cellmend.io.safe_pickle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError, FileFormatError
from cellmend.io import safe_pickle
from cellmend.io.atomic import replacing
from cellmend.io.limits import check_file
from cellmend.io.npy import read_header
from cellmend.labels.outlines import outline_mask
from cellmend.labels.paint import polygon
from cellmend.labels.runs import label_runs

_OPTIONAL = (
    "model_path",
    "flow_threshold",
    "cellprob_threshold",
    "normalize_params",
    "restore",
    "ratio",
    "img_restore",
    "zdraw",
    "current_channel",
)


def _no_flows() -> list[Any]:
    return [[], [], [], [], [[]]]


@dataclass
class SegFile:
    """The content of a `_seg.npy`.

    Parameters
    ----------
    masks
        uint32 (Y, X) or (Z, Y, X). Of an upsampled image they are larger than the image.
    filename
        The image.
    colors
        (n, 3) uint8, a colour per cell by ascending id; None where not stored.
    chan_choose
        The channel to segment and the nuclear one, as Cellpose numbers them: 0 is
        grey (or none), 1, 2, 3 are the first three.
    ismanual
        (n,) bool: which cells a person drew; None where not stored.
    manual_changes
        ``[time, "added mask" | "removed mask", [...]]`` each.
    flows
        As stored; `network_output` finds the floats in it.
    diameter
        In pixels; None where not stored.
    model_path, flow_threshold, cellprob_threshold, normalize_params
        The run that made the masks; None where not stored.
    restore, ratio, img_restore
        The restoration in use, its enlargement, and the restored image (float32,
        (1, Y, X, C), 0 to 255).
    zdraw, current_channel
        Of volumes: planes drawn by hand, and the colour shown.
    extra
        Keys that are not known here, kept.
    """

    masks: NDArray[np.uint32]
    filename: str = ""
    colors: NDArray[np.uint8] | None = None
    chan_choose: tuple[int, int] = (0, 0)
    ismanual: NDArray[np.bool_] | None = None
    manual_changes: list[Any] = field(default_factory=list)
    flows: list[Any] = field(default_factory=_no_flows)
    diameter: float | None = None
    model_path: str | int | None = None
    flow_threshold: float | None = None
    cellprob_threshold: float | None = None
    normalize_params: Mapping[str, Any] | None = None
    restore: str | None = None
    ratio: float | None = None
    img_restore: NDArray[np.float32] | None = None
    zdraw: list[Any] | None = None
    current_channel: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def network_output(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return flows (2|3, ...) and cell probability if the file holds them as floats."""
        stored = self.flows[4] if len(self.flows) > 4 else None
        channels = self.masks.ndim + 1
        if not isinstance(stored, np.ndarray) or stored.ndim != channels:
            return None
        if stored.shape[0] != channels or stored.dtype.kind != "f":
            return None
        return stored[:-1].astype(np.float32), stored[-1].astype(np.float32)


def is_seg_npy(path: str | Path) -> bool:
    """Tell whether an NPY file holds a pickled object and not an array of numbers."""
    try:
        with Path(path).open("rb") as file:
            return bool(read_header(file)[2].hasobject)
    except (OSError, ValueError):
        return False


def read(path: str | Path) -> SegFile:
    """Read a `_seg.npy`.

    Raises
    ------
    FileFormatError
        If it is damaged, no `_seg.npy`, or tries to do more than hold values.
    """
    file = Path(path)
    check_file(file)
    content = _dictionary(file)
    try:
        return _from_dictionary(content)
    except CellmendError:
        raise
    except Exception as error:  # values of any type may be in the wrong place
        reason = f"its content is not that of a _seg.npy ({type(error).__name__}: {error})."
        raise FileFormatError(file, reason) from error


def write(path: str | Path, seg: SegFile) -> None:
    """Write a `_seg.npy` that Cellpose 3 opens.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    content = np.array(_to_dictionary(seg), dtype=object)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, content, allow_pickle=True)


def _dictionary(path: Path) -> dict[str, Any]:
    hint = "Masks from other programs are opened as TIFF, PNG or plain NPY."
    try:
        with path.open("rb") as file:
            shape, _, dtype = read_header(file)
            if not dtype.hasobject or shape != ():
                raise FileFormatError(path, "it is not a _seg.npy of Cellpose.", hint=hint)
            content = safe_pickle.loads(file.read())
    except CellmendError:
        raise
    except Exception as error:  # damaged pickles raise anything
        raise FileFormatError(path, f"it is not a safe _seg.npy: {error}.", hint=hint) from error
    if isinstance(content, np.ndarray) and content.shape == ():
        content = content.item()
    if not isinstance(content, dict) or "masks" not in content:
        raise FileFormatError(path, "it holds no masks.", hint=hint)
    return content


def _from_dictionary(stored: dict[str, Any]) -> SegFile:
    masks = _masks(stored)
    known = {"outlines", "masks", "colors", "chan_choose", "ismanual", "manual_changes"}
    known |= {"filename", "flows", "diameter", "est_diam", *_OPTIONAL}
    diameter = _numbers(stored.get("diameter", stored.get("est_diam")))
    channels = [int(c) for c in _numbers(stored.get("chan_choose"))]
    main, nuclear = (*channels, 0, 0)[:2]
    filename = stored.get("filename")
    colors, ismanual = stored.get("colors"), stored.get("ismanual")
    return SegFile(
        masks=masks,
        filename="" if filename is None else str(filename),
        colors=None if colors is None else _colors(colors),
        chan_choose=(main, nuclear),
        ismanual=None if ismanual is None else np.asarray(ismanual, dtype=bool).reshape(-1),
        manual_changes=_listed(stored.get("manual_changes")),
        flows=_listed(stored.get("flows")) or _no_flows(),
        diameter=float(diameter[0]) if diameter.size else None,
        extra={key: value for key, value in stored.items() if key not in known},
        **{key: stored.get(key) for key in _OPTIONAL},
    )


def _listed(value: Any) -> list[Any]:
    """Return what a list, a tuple or an array holds; of None nothing."""
    return [] if value is None else list(value)


def _numbers(value: Any) -> NDArray[np.generic]:
    """Return a number, or those that a list or an array holds; of None none."""
    return np.ravel([] if value is None else value)


def _masks(stored: dict[str, Any]) -> NDArray[np.uint32]:
    masks = np.asarray(stored["masks"])
    if masks.dtype.kind not in "buif" or masks.ndim < 2 or not masks.size:
        raise ValueError("the masks are not numbers per pixel")
    masks = np.squeeze(masks, axis=0) if masks.ndim == 3 and masks.shape[0] == 1 else masks
    if masks.dtype.kind != "u" and masks.min() == -1:
        masks = masks.astype(np.int64) + 1  # old files count from -1
    outlines = stored.get("outlines")
    if isinstance(outlines, list) and outlines and not masks.any():
        masks = _filled(outlines, masks.shape)
    if masks.dtype.kind == "f" or masks.min() < 0:
        whole = np.isfinite(masks).all() and (masks == np.floor(masks)).all()
        if not whole or masks.min() < 0:
            raise ValueError("the masks are not whole positive numbers")
    if masks.max() > np.iinfo(np.uint32).max:
        raise ValueError("the ids of the masks are too large (32 bits)")
    return masks.astype(np.uint32)


def _filled(outlines: list[Any], shape: tuple[int, ...]) -> NDArray[np.uint32]:
    """Draw the cells of an old file, numbered as listed; a later one covers an earlier."""
    masks = np.zeros(shape, dtype=np.uint32)
    for number, outline in enumerate(outlines, start=1):
        for points in _strokes(outline):
            (y0, x0, y1, x1), inside = polygon(points)
            masks[y0:y1, x0:x1][inside[: shape[0] - y0, : shape[1] - x0]] = number
    return masks


def _strokes(outline: Any) -> list[NDArray[np.float64]]:
    """Return the (y, x) points of each stroke of an outline.

    An outline is an array of points (y, x), (plane, y, x) or (plane, y, x, on), or a
    list of strokes, each of them a list of such points.
    """
    nested = isinstance(outline, list) and any(
        isinstance(stroke, list) and not np.isscalar(stroke[0]) for stroke in outline if len(stroke)
    )
    strokes = []
    for stroke in outline if nested else [outline]:
        points = np.asarray(stroke, dtype=np.float64)
        points = points.reshape(-1, points.shape[-1])
        strokes.append(points[:, 1:3] if points.shape[1] > 2 else points[:, :2])
    return strokes


def _colors(stored: object) -> NDArray[np.uint8]:
    colors = np.asarray(stored)
    if colors.size == 0:
        return np.zeros((0, 3), dtype=np.uint8)
    if colors.dtype.kind == "f" and colors.max() <= 1:
        colors = colors * 255
    return colors.reshape(-1, colors.shape[-1])[:, :3].astype(np.uint8)


def _to_dictionary(seg: SegFile) -> dict[str, Any]:
    masks = _narrow(seg.masks)
    count = _count(seg.masks)
    edges = np.where(outline_mask(masks), masks, 0).astype(masks.dtype)
    ismanual = np.zeros(count, dtype=bool) if seg.ismanual is None else seg.ismanual
    content: dict[str, Any] = {
        **seg.extra,
        "outlines": edges,
        "masks": masks,
        "filename": seg.filename,
        "chan_choose": [int(c) for c in seg.chan_choose],
        "ismanual": np.asarray(ismanual, dtype=bool),
        "manual_changes": list(seg.manual_changes),
        "flows": list(seg.flows),
    }
    if seg.colors is not None:
        content["colors"] = np.asarray(seg.colors, dtype=np.uint8)
    if seg.diameter is not None:
        content["diameter"] = float(seg.diameter)
    optional = {key: getattr(seg, key) for key in _OPTIONAL}
    content |= {key: value for key, value in optional.items() if value is not None}
    if seg.normalize_params is not None:
        content["normalize_params"] = dict(seg.normalize_params)
    if seg.img_restore is not None:
        content.setdefault("restore", None)  # Cellpose looks it up without asking
        content.setdefault("ratio", 1.0)
    return content


def _narrow(masks: NDArray[np.uint32]) -> NDArray[np.uint16] | NDArray[np.uint32]:
    # Cellpose keeps 65,535 free.
    fits = masks.size == 0 or int(masks.max()) < 2**16 - 1
    return masks.astype(np.uint16) if fits else masks.astype(np.uint32)


def _count(masks: NDArray[np.uint32]) -> int:
    """Return the number of cells."""
    return len(np.unique(label_runs(masks.reshape(-1, masks.shape[-1])).values))
