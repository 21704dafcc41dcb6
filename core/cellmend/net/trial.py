"""Whether a device computes what it should, and how quickly."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from cellmend.device import pick_device
from cellmend.errors import DeviceError
from cellmend.net.runner import Runner
from cellmend.net.unet import CPNet

WIDTHS = (8, 16, 32, 64)
TILES = (4, 2, 224, 224)
"""Four tiles of two channels."""
TOLERANCE = 0.1
"""Largest difference to the CPU, over its largest value: bfloat16 differs by a few hundredths."""


@dataclass(frozen=True)
class Trial:
    """A device that did what it should: its name, and the seconds that it took."""

    device: str
    seconds: float


def try_device(name: str = "auto") -> Trial:
    """Run a small network on a device and compare what it gives with what the CPU does.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda[:N]`` or ``mps``.

    Returns
    -------
    Trial
        The time is that of the second run: the first one prepares the device.

    Raises
    ------
    DeviceError
        If there is no such device, it fails, or its result is wrong.
    MemoryLimitError
        If it has no memory left.
    """
    device = pick_device(name)
    tiles = np.sin(np.arange(np.prod(TILES), dtype=np.float32) / 7).reshape(TILES)
    try:
        runner = Runner(CPNet(2, 3, WIDTHS).eval().to(device), device)
        runner(tiles)
        begin = time.perf_counter()
        found, _ = runner(tiles)
        seconds = time.perf_counter() - begin
    except RuntimeError as error:  # of torch, for anything that goes wrong on a device
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(
            f"The device {str(device)!r} does not work: {reason.rstrip('.')}.",
            hint="Choose cpu instead.",
        ) from error
    wanted, _ = runner.on_cpu(tiles)
    if not np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max():
        raise DeviceError(
            f"The device {str(device)!r} computes something else than the CPU.",
            hint="Choose cpu instead, or update the device's driver.",
        )
    return Trial(_full_name(device), seconds)


def _full_name(device: torch.device) -> str:
    """Return a device as `cellmend.device.list_devices` names it."""
    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)
