"""A model as a package for bioimage.io, which other programs run without Cellmend.

The package follows the model description format 0.5
(https://github.com/bioimage-io/spec-bioimage-io). It holds the network as TorchScript, which
needs neither code beside it, as a table of weights would, nor a further package to be written,
as ONNX would; a test image with the result; and Cellmend's own weight file, so that ``cellmend
models add`` gives the model back.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, ModelError
from cellmend.export.model_page import model_page, one_line
from cellmend.io import read
from cellmend.io.atomic import replacing
from cellmend.net.card import read_card
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.registry import ModelCard, bundled_folder
from cellmend.registry.package import DESCRIPTION, WEIGHT_FILE
from cellmend.samples import sample_path
from cellmend.tiling import MULTIPLE

if TYPE_CHECKING:
    from cellmend.registry import Model

Floats = NDArray[np.float32]
Entry = dict[str, Any]

FORMAT_VERSION = "0.5.3"
"""Low, for programs that know no later one; nothing newer is used."""

HALO = 2 * MULTIPLE
"""Pixels at the edge of a tile that other programs should drop."""
MIN_SIDE = 3 * HALO
"""The smallest side of a tile, so that something is left."""
TEST_SIDE = 128

PAGE, WEIGHTS, TEST_INPUT, TEST_OUTPUT = "README.md", "weights.pt", "input.npy", "output.npy"

OUR_NAME = "The Cellmend authors"
NO_NAME = "not named"
_LICENCE = re.compile(
    r"(BSD-[23]-Clause|MIT|Apache-2\.0|CC0-1\.0|CC-BY-(NC-)?(SA-)?4\.0)(?![\w.-])"
)
"""Identifiers of SPDX that may begin what a card says of its licence."""

_CELLPOSE = {
    "text": "Stringer, Wang, Michaelos, Pachitariu: Cellpose: a generalist algorithm for cellular"
    " segmentation. Nature Methods 18, 100-106 (2021).",
    "doi": "10.1038/s41592-020-01018-x",
}
_CELLPOSE3 = {
    "text": "Stringer, Pachitariu: Cellpose3: one-click image restoration for improved cellular"
    " segmentation. Nature Methods 22, 592-599 (2025).",
    "doi": "10.1038/s41592-025-02595-5",
}
_TAGS = {
    "segmentation": ("segmentation", "instance-segmentation", "cells"),
    "denoise": ("restoration", "denoising"),
    "deblur": ("restoration", "deblurring"),
    "upsample": ("restoration", "upsampling"),
}


def write_bioimageio(path: str | Path, model: str | Path, authors: Sequence[str] = ()) -> None:
    """Write a package for bioimage.io, a zip archive.

    Parameters
    ----------
    path
        The package.
    model
        The name or the file of a model.
    authors
        Who made the model. If left out, the authors of Cellmend for a model that came with it,
        and "not named" for any other.

    Raises
    ------
    ModelError
        If there is no such model, it only estimates diameters, or its images are normalised in
        a way that the format has no words for.
    FileFormatError
        If the model's file is damaged, or the package cannot be written.
    """
    from cellmend.net.script import as_script
    from cellmend.registry import load_model

    loaded = load_model(model)
    steps = _preprocessing(loaded)
    raw = _test_image(loaded.card)
    channels = [normalize(channel, loaded.card.normalize) for channel in raw[0]]
    script = as_script(loaded.net, np.stack(channels)[None])
    files = {
        PAGE: model_page(loaded.name, loaded.card).encode(),
        WEIGHTS: script.content,
        TEST_INPUT: _npy(raw),
        TEST_OUTPUT: _npy(script.output),
        WEIGHT_FILE: _weight_file(loaded),
    }
    description = {
        **_about(loaded, authors),
        "documentation": PAGE,
        "attachments": [_file(WEIGHT_FILE, files)],
        "inputs": [_input(loaded.card, steps, _file(TEST_INPUT, files))],
        "outputs": [_output(loaded.card, _file(TEST_OUTPUT, files))],
        "weights": {
            "torchscript": {**_file(WEIGHTS, files), "pytorch_version": script.torch_version}
        },
    }
    text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in {DESCRIPTION: text.encode(), **files}.items():
            archive.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)


def _about(model: Model, authors: Sequence[str]) -> Entry:
    """Return the part of the description that is for people."""
    card = model.card
    bundled = model.path.parent == bundled_folder()
    licence = _LICENCE.match(card.licence)
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        "name": "Cellmend " + re.sub(r"[^A-Za-z0-9_+\- ()]", "-", model.name)[:100],
        "description": one_line(card),
        "authors": [{"name": name} for name in authors or [OUR_NAME if bundled else NO_NAME]],
        "cite": [_CELLPOSE, _CELLPOSE3] if card.restores else [_CELLPOSE],
        **({"license": licence[1]} if licence else {}),
        "tags": [*_TAGS[card.task], "microscopy", "2d", card.backbone, "pytorch", "cellmend"],
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _file(name: str, files: Mapping[str, bytes]) -> Entry:
    return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}


def _weight_file(model: Model) -> bytes:
    """Return the file of a model, or what it would be with a card if it has none."""
    with suppress(FileFormatError):
        if read_card(model.path):
            return model.path.read_bytes()
    from cellmend.net.weights import save_weights

    with TemporaryDirectory() as folder:
        made = Path(folder) / WEIGHT_FILE
        save_weights(made, model.net, model.card.model_dump(mode="json"))
        return made.read_bytes()


def _npy(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _test_image(card: ModelCard) -> Floats:
    """Return the middle of a sample, (1, nchan, Y, X), not normalised; other channels are 0."""
    plane = read(sample_path("nuclei_noisy" if card.restores else "nuclei")).data
    y, x = ((length - TEST_SIDE) // 2 for length in plane.shape)
    image = np.zeros((1, card.nchan, TEST_SIDE, TEST_SIDE), np.float32)
    image[0, 0] = plane[y : y + TEST_SIDE, x : x + TEST_SIDE]
    return image


def _input(card: ModelCard, steps: list[Entry], test: Entry) -> Entry:
    names = ["cells", "nuclei"] if card.nchan == 2 else _numbered("channel", card.nchan)
    return {
        "id": "image",
        "description": f"Cells about {card.diam_mean:g} pixels in diameter; see the README.",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            *(
                {
                    "type": "space",
                    "id": i,
                    "size": {"min": MIN_SIDE, "step": MULTIPLE},
                    "concatenable": True,
                }
                for i in "yx"
            ),
        ],
        "data": {"type": "float32"},
        "preprocessing": steps,
        "test_tensor": test,
    }


def _output(card: ModelCard, test: Entry) -> Entry:
    if card.restores:
        name, names = "restored", _numbered("channel", card.nout)
        description = "The restored image, scaled as the network saw it."
    else:
        name, names = "flows", ["flow_y", "flow_x", "cellprob"]
        description = "Flows towards the middle of each cell, and a logit of being in a cell."
    return {
        "id": name,
        "description": description,
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            *(
                {
                    "type": "space",
                    "id": i,
                    "size": {"tensor_id": "image", "axis_id": i},
                    "halo": HALO,
                }
                for i in "yx"
            ),
        ],
        "data": {"type": "float32"},
        "test_tensor": test,
    }


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}{i}" for i in range(count)]


def _preprocessing(model: Model) -> list[Entry]:
    """Say in the words of the format how each channel is normalised."""
    how = model.card.normalize
    _require_words(model.name, how)
    if not how.enabled:
        return []
    if how.lowhigh is not None:
        low, high = (limit + how.background for limit in how.lowhigh)
        if how.invert:
            low, high = high, low
        return [_linear(1 / (high - low), -low / (high - low))]
    low, high = how.percentiles
    if how.invert:
        return [_linear(-1.0, 0.0), _percentiles(100 - high, 100 - low)]
    return [_percentiles(low, high)]


def _percentiles(low: float, high: float) -> Entry:
    limits = {"min_percentile": low, "max_percentile": high}
    return {"id": "scale_range", "kwargs": {"axes": ["y", "x"], **limits}}


def _linear(gain: float, offset: float) -> Entry:
    return {"id": "scale_linear", "kwargs": {"gain": gain, "offset": offset}}


def _require_words(name: str, how: NormalizeSettings) -> None:
    wordless = {
        "tiles": how.tile_size,
        "sharpening": how.sharpen_radius,
        "smoothing": how.smooth_radius,
        "a dark frame": how.dark_frame,
    }
    used = [what for what, value in wordless.items() if how.enabled and value]
    if used:
        raise ModelError(
            f"The model {name!r} was trained on images normalised with {', '.join(used)}, which"
            " a bioimage.io package cannot describe.",
            hint="Export it without --to bioimageio.",
        )
