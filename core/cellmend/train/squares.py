"""Square crops turned by quarters: pixels stay what they are, and so does their noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.net.transformer import LEVELS, TransformerNet
from cellmend.net.unet import CPNet
from cellmend.params import TrainSettings
from cellmend.train.protocols import Batch, Task

Planes = NDArray[np.floating]
Example = NDArray[np.float32]


def whole_image(*planes: NDArray[Any]) -> NDArray[np.float32]:
    """Return the planes (K, Y, X) of one field.

    Raises
    ------
    InputError
        If they are not of one (Y, X).
    """
    shapes = {np.shape(plane) for plane in planes}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        told = " and ".join(str(shape) for shape in shapes)
        raise InputError(f"Images to train on are 2D and of one size, not {told}.")
    return np.stack(planes).astype(np.float32)


def random_square(planes: Planes, side: int, rng: np.random.Generator) -> Example:
    """Cut a random square of (K, Y, X) planes, flip and turn it: (K, side, side).

    What is smaller than the square is mirrored at its borders.
    """
    missing = [max(0, side - length) for length in planes.shape[1:]]
    if any(missing):
        planes = np.pad(planes, [(0, 0), *((0, m) for m in missing)], mode="symmetric")
    y, x = (int(rng.integers(length - side + 1)) for length in planes.shape[1:])
    square = np.rot90(planes[:, y : y + side, x : x + side], int(rng.integers(4)), axes=(1, 2))
    return np.array(square[:, :, :: rng.choice([-1, 1])], np.float32)


def stack_examples(examples: Sequence[Example], device: torch.device) -> Batch:
    """Return K tensors (N, 1, Y, X) of N examples (K, Y, X)."""
    whole = torch.from_numpy(np.stack(examples, axis=1)[:, :, None]).to(device)
    return tuple(part.contiguous(memory_format=torch.channels_last) for part in whole)


def new_net(task: Task[Any, Any], settings: TrainSettings) -> CPNet:
    """Return an untrained network for a task, its weights drawn from the seed.

    Raises
    ------
    InputError
        If the backbone cannot have so many widths.
    """
    kind = TransformerNet if settings.backbone == "transformer" else CPNet
    if kind is TransformerNet and len(settings.widths) != LEVELS:
        raise InputError(f"A transformer has {LEVELS} widths, not {len(settings.widths)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return kind(task.nchan, task.nout, settings.widths, task.diam_mean)
