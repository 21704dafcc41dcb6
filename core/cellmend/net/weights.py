"""Weight files: ours (safetensors with the model card) and Cellpose's (tensors only)."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cellmend.errors import FileFormatError
from cellmend.io.atomic import replacing
from cellmend.net.card import CARD_KEY, read_card
from cellmend.net.transformer import TransformerNet
from cellmend.net.unet import CPNet

_FIRST_CONV = "downsample.down.res_down_0.conv.conv_0.2.weight"
_STEM_CONV = "downsample.stem.0.weight"
"""Only networks with the transformer backbone have it."""
_OUTPUT_CONV = "output.2.weight"


@dataclass(frozen=True)
class WeightFile:
    """The tensors of a weight file and the card stored with them (empty for Cellpose's)."""

    path: Path
    state: dict[str, Tensor]
    card: dict[str, Any]


def read_weights(path: str | Path) -> WeightFile:
    """Read tensors from `path`; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        If the file is missing, is no weight file, holds anything but tensors,
        or is of Cellpose 4.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(path, "there is no such weight file.")
    state, card = _read_safetensors(path) if _is_safetensors(path) else (_read_torch(path), {})
    state = {re.sub(r"^module\.", "", key): value for key, value in state.items()}
    _check_layout(path, state)
    return WeightFile(path, state, card)


def build_net(weights: WeightFile) -> CPNet:
    """Build the network that the shapes in `weights` describe, in float32 and eval mode.

    Raises
    ------
    FileFormatError
        If a tensor is missing or has an unexpected shape.
    """
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in weights.state.items()
    }
    try:
        net = _untrained(state)
        for name in ("diam_mean", "diam_labels"):
            state.setdefault(name, net.get_buffer(name))
        net.load_state_dict(state)
    except (RuntimeError, ValueError, IndexError) as error:
        raise FileFormatError(
            weights.path, "the tensors are not those of a Cellmend or Cellpose 1-3 network."
        ) from error
    return net.eval()


def _untrained(state: dict[str, Tensor]) -> CPNet:
    """Return a network of the backbone and widths that the tensors are of."""
    nout = int(state[_OUTPUT_CONV].shape[0])
    if _STEM_CONV in state:
        widths = [
            int(state[_STEM_CONV].shape[0]),
            *_lengths(state, "downsample.stages.{}.embed.weight"),
        ]
        return TransformerNet(int(state[_STEM_CONV].shape[1]), nout, tuple(widths))
    widths = _lengths(state, "downsample.down.res_down_{}.conv.conv_0.2.weight")
    return CPNet(int(state[_FIRST_CONV].shape[1]), nout, tuple(widths))


def _lengths(state: dict[str, Tensor], key: str) -> list[int]:
    """Return the first dimension of the tensors with numbered keys, from number 0 on."""
    found: list[int] = []
    while (name := key.format(len(found))) in state:
        found.append(int(state[name].shape[0]))
    return found


def save_weights(path: str | Path, net: CPNet, card: dict[str, Any], *, half: bool = False) -> None:
    """Write the network and its card as safetensors, moved into place when whole.

    Parameters
    ----------
    half
        Store floating-point tensors as float16.
    """
    from safetensors.torch import save

    state = {}
    for key, value in net.state_dict().items():
        kept = value.detach().cpu()
        halved = half and kept.is_floating_point()
        state[key] = (kept.half() if halved else kept).contiguous()
    with replacing(path) as temporary:
        temporary.write_bytes(save(state, metadata={CARD_KEY: json.dumps(card)}))


def _is_safetensors(path: Path) -> bool:
    """Tell by the first bytes: a length, then a JSON object."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path), read_card(path)
    except (SafetensorError, OSError) as error:
        raise FileFormatError(path, f"this safetensors file is damaged ({error}).") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch comments on pickle protocols
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what is no pickle of tensors makes the decoder raise anything
        raise FileFormatError(
            path, "this is not a weight file, or it holds more than tensors, which is refused."
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise FileFormatError(path, "this file does not hold a table of named tensors.")
    return state


def _check_layout(path: Path, state: dict[str, Tensor]) -> None:
    if any(key.startswith(("encoder.", "W2", "out.weight")) for key in state):
        raise FileFormatError(
            path,
            "these are Cellpose 4 weights (a vision transformer), which Cellmend does not run.",
            hint="Use a Cellpose 1-3 or a Cellmend model.",
        )
    known = _FIRST_CONV in state or _STEM_CONV in state
    if not known or _OUTPUT_CONV not in state:
        raise FileFormatError(
            path, "these tensors are not those of a Cellmend or Cellpose 1-3 network."
        )
