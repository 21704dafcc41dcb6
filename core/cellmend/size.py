"""The diameter of cells: from masks, and from the style that a network sees.

The size model is a linear map from the style vector to the logarithm of the
diameter (Stringer et al., Nature Methods 2021), fitted by ridge regression.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, ModelError
from cellmend.io import safe_pickle
from cellmend.io.atomic import replacing
from cellmend.net.card import CARD_KEY
from cellmend.registry.store import find

RIDGE = 1.0
"""Weight of the squared length of the map against the squared errors."""


def diameters(masks: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return ``2 * sqrt(area / pi)`` in pixels for every label present, ascending."""
    _, areas = np.unique(masks[masks > 0], return_counts=True)
    return np.asarray(2 * np.sqrt(areas / np.pi), np.float64)


def median_diameter(masks: NDArray[np.integer]) -> float:
    """Return the median diameter in pixels; 0.0 where there are no cells."""
    each = diameters(masks)
    return float(np.median(each)) if len(each) else 0.0


@dataclass(frozen=True, eq=False)
class SizeModel:
    """Tells the diameter of the cells in an image from its style.

    Attributes
    ----------
    weights, style_mean
        (S,): the linear map, and what is subtracted from a style before.
    log_mean
        Mean of ``log(diameter / diam_mean)`` over the training images.
    diam_mean
        Diameter in pixels that the network knows.
    """

    weights: NDArray[np.float64]
    style_mean: NDArray[np.float64]
    log_mean: float
    diam_mean: float

    def diameter(self, style: NDArray[np.floating]) -> float:
        """Return the diameter in pixels of the image as the network saw it."""
        exponent = float(self.weights @ (style - self.style_mean)) + self.log_mean
        return float(self.diam_mean * np.exp(exponent))


def fit_size_model(
    styles: NDArray[np.floating], diameters: NDArray[np.floating], diam_mean: float
) -> SizeModel:
    """Fit the map from styles (n, S) to diameters (n,) in pixels by ridge regression."""
    logs = np.log(diameters / diam_mean)
    log_mean, style_mean = float(logs.mean()), styles.mean(axis=0, dtype=np.float64)
    centred = styles - style_mean
    gram = centred.T @ centred + RIDGE * np.eye(styles.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (logs - log_mean))
    return SizeModel(weights, style_mean, log_mean, diam_mean)


def write_size_model(path: str | Path, model: SizeModel, card: dict[str, Any]) -> None:
    """Write a size model and its card as safetensors, moved into place when whole."""
    from safetensors.numpy import save

    tensors = {
        "weights": model.weights.astype(np.float32),
        "style_mean": model.style_mean.astype(np.float32),
        "log_mean": np.array([model.log_mean], np.float32),
        "diam_mean": np.array([model.diam_mean], np.float32),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={CARD_KEY: json.dumps(card)}))


def read_size_model(path: str | Path) -> SizeModel:
    """Read a size model of Cellmend, or of Cellpose 1-3 (a pickled ``.npy``); nothing is executed.

    Raises
    ------
    FileFormatError
        If the file is no size model, or holds more than numbers.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        if content.startswith(b"\x93NUMPY"):
            values = _cellpose_values(content)
            names = ("A", "smean", "ymean", "diam_mean")
        else:
            from safetensors.numpy import load

            values = load(content)
            names = ("weights", "style_mean", "log_mean", "diam_mean")
        weights, mean, log_mean, diam_mean = (np.ravel(values[name]) for name in names)
        if weights.shape != mean.shape:
            raise ValueError("lengths differ")
        return SizeModel(
            weights.astype(np.float64),
            mean.astype(np.float64),
            float(log_mean[0]),
            float(diam_mean[0]),
        )
    except Exception as error:  # whatever a damaged file makes the decoders raise
        raise FileFormatError(path, "this is not a size model.") from error


def size_model_of(name: str) -> SizeModel | None:
    """Return the size model that goes with the segmentation model `name`; None if there is none."""
    try:
        return read_size_model(find(f"{name}-size").path)
    except ModelError:
        return None


def _cellpose_values(content: bytes) -> dict[str, Any]:
    file = io.BytesIO(content)
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    values = safe_pickle.loads(file.read())
    value = values.item() if isinstance(values, np.ndarray) else values
    if not isinstance(value, dict):
        raise TypeError("not a table")
    return value
