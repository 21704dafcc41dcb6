"""A network as TorchScript, which other programs run without Cellmend or Python."""

from __future__ import annotations

import io
import warnings
import zipfile
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cellmend.net.unet import CPNet

Floats = NDArray[np.float32]


class Script(NamedTuple):
    """A network in a form of its own.

    Attributes
    ----------
    content
        The TorchScript file: maps float32 (N, nchan, Y, X) to (N, nout, Y, X).
    output
        What it gives for the batch that it was recorded with.
    torch_version
        The version of torch that wrote it.
    """

    content: bytes
    output: Floats
    torch_version: str


def as_script(net: CPNet, batch: Floats) -> Script:
    """Record what a network does with a batch; the style is left out.

    Batches of other sizes may be given to what is recorded.

    Parameters
    ----------
    net
        In float32 and eval mode, on the CPU.
    batch
        (N, nchan, Y, X), sides multiples of 16.
    """
    seen = torch.from_numpy(batch)
    with torch.no_grad(), warnings.catch_warnings():
        # torch prefers torch.export by now, whose files other programs do not read.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            _Pixels(net).eval(), seen, check_trace=False
        )
        file = io.BytesIO()
        torch.jit.save(traced, file)
        output = traced(seen).numpy()
    return Script(_without_places(file), output, torch.__version__.split("+")[0])


class _Pixels(nn.Module):
    """The one output that others need."""

    def __init__(self, net: CPNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        pixels: Tensor = self.net(x).pixels
        return pixels


def _without_places(file: io.BytesIO) -> bytes:
    """Leave out where on this machine each line of code lies, which torch records for errors."""
    kept = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(kept, "w") as smaller:
        for entry in archive.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                smaller.writestr(entry, archive.read(entry))
    return kept.getvalue()
