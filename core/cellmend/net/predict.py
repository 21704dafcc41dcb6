"""Running a network over a plane of any size: tiles, batches, flips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from cellmend.device import autocast, translated_errors
from cellmend.net.unet import CPNet
from cellmend.params import TileSettings
from cellmend.progress import SILENT, Reporter
from cellmend.tiling import Blender, TilePlan

Floats = NDArray[np.float32]

FLIPS = ((), (-1,), (-2,), (-2, -1))
AUGMENT_OVERLAP = 0.5


class Prediction(NamedTuple):
    """What the network says of one plane.

    Attributes
    ----------
    pixels
        (nout, Y, X) float32.
    style
        (widths[-1],) float32 unit vector, averaged over the tiles.
    """

    pixels: Floats
    style: Floats


def predict(
    net: CPNet,
    plane: Floats,
    tiles: TileSettings,
    device: torch.device,
    report: Reporter = SILENT,
) -> Prediction:
    """Run `net` on a normalised (nchan, Y, X) plane.

    With `tiles.augment` every tile is also seen flipped, at 50 % overlap; the
    flow components of a flipped tile are turned back before averaging.

    Raises
    ------
    MemoryLimitError
        If a batch does not fit the device.
    Cancelled
        If `report` says so; asked between batches.
    """
    overlap = AUGMENT_OVERLAP if tiles.augment else tiles.overlap
    height, width = plane.shape[1:]
    plan = TilePlan(height, width, size=tiles.size, overlap=overlap)
    padded = plan.pad(plane)
    blend = Blender(net.nout, plan)
    styles = []
    jobs = [(box, flip) for box in plan.boxes for flip in (FLIPS if tiles.augment else FLIPS[:1])]
    for start in range(0, len(jobs), tiles.batch_size):
        batch = jobs[start : start + tiles.batch_size]
        report.check()
        views = [np.flip(padded[:, y0:y1, x0:x1], flip) for (y0, x0, y1, x1), flip in batch]
        outputs, batch_styles = _forward(net, np.stack(views), device)
        for (box, flip), output in zip(batch, outputs, strict=True):
            blend.add(unflip(output, flip), box)
        styles.append(batch_styles)
        report.step(start + len(batch), len(jobs))
    style = np.concatenate(styles).mean(axis=0)
    return Prediction(blend.result(), style / np.linalg.norm(style))


def unflip(output: Floats, flip: tuple[int, ...]) -> Floats:
    """Turn an output back; of flows (3 outputs) the flipped component changes sign."""
    output = np.flip(output, flip)
    if not flip or len(output) < 3:
        return output
    output = output.copy()
    for axis in flip:
        output[axis + 2] *= -1
    return output


def _forward(net: CPNet, batch: Floats, device: torch.device) -> tuple[Floats, Floats]:
    with translated_errors(), torch.inference_mode(), autocast(device):
        tensor = torch.from_numpy(batch).to(device, memory_format=torch.channels_last)
        output = net(tensor)
        return output.pixels.float().cpu().numpy(), output.style.float().cpu().numpy()
