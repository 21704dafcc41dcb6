"""The inputs of the speed study: the same for both programs, made anew from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACING = 30
TILE = 224
IMAGE = 1024


def make_inputs(folder: Path, *, side: int, tiles: int, seed: int) -> None:
    """Write arrays and weights into `folder`.

    Parameters
    ----------
    folder
        Where to.
    side
        Of the label image in pixels; about one cell on every 30 x 30.
    tiles
        In a batch of the network.
    seed
        Of everything drawn.
    """
    from cellmend.dynamics import masks_to_flows
    from cellmend.io import read
    from cellmend.normalize import normalize
    from cellmend.samples import sample_path

    rng = np.random.default_rng(seed)
    masks = draw_masks(side, rng)
    flows = masks_to_flows(masks)
    noise = rng.normal(0, 0.3, (3, side, side)).astype(np.float32)
    np.save(folder / "masks.npy", masks)
    np.save(folder / "shifted.npy", np.roll(masks, 2, axis=1))
    np.save(folder / "flows.npy", 5 * flows + noise[:2] * (masks > 0))
    np.save(folder / "cellprob.npy", np.where(masks > 0, 5, -5).astype(np.float32) + noise[2])
    sample = read(sample_path()).channel(0)
    repeats = [-(-IMAGE // length) for length in sample.shape]
    image = np.tile(sample, repeats)[:IMAGE, :IMAGE].astype(np.float32)
    np.save(folder / "image.npy", image)
    seen = _cut(np.stack([normalize(image), image * 0]), tiles)
    np.save(folder / "tiles.npy", seen)
    np.save(folder / "clean.npy", seen[:, :1])
    noisy = seen[:, :1] + rng.normal(0, 0.3, seen[:, :1].shape)
    np.save(folder / "noisy.npy", noisy.astype(np.float32))
    target = np.concatenate([flows, (masks > 0)[None]]).astype(np.float32)
    np.save(folder / "targets.npy", _cut(target, tiles))
    for name, file in (("generalist", "segment"), ("denoise", "denoise")):
        _write_wide(name, folder / file)
    _write_untrained(folder, seed)


def draw_masks(side: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draw ellipses that do not touch, one in every square of `SPACING` pixels."""
    masks = np.zeros((side, side), np.uint16)
    yy, xx = np.mgrid[:SPACING, :SPACING] - (SPACING - 1) / 2
    label = 0
    for top in range(0, side - SPACING + 1, SPACING):
        for left in range(0, side - SPACING + 1, SPACING):
            label += 1
            long, short = rng.uniform(9, 14), rng.uniform(8, 12)
            angle = rng.uniform(0, np.pi)
            along = yy * np.sin(angle) + xx * np.cos(angle)
            across = yy * np.cos(angle) - xx * np.sin(angle)
            inside = (along / long) ** 2 + (across / short) ** 2 < 1
            masks[top : top + SPACING, left : left + SPACING][inside] = label
    return masks


def _cut(planes: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Cut a batch of tiles (count, C, TILE, TILE)."""
    across = planes.shape[2] // TILE
    starts = [(TILE * (i // across), TILE * (i % across)) for i in range(count)]
    return np.stack([planes[:, y : y + TILE, x : x + TILE] for y, x in starts])


def _write_untrained(folder: Path, seed: int) -> None:
    """Write a restoration network and its judge; no channel of theirs is always zero."""
    import torch

    from cellmend.net.unet import CPNet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.save(CPNet(1, 1).state_dict(), folder / "untrained")
        torch.save(CPNet(2, 3).state_dict(), folder / "judge")


def _write_wide(name: str, path: Path) -> None:
    """Write a bundled model in Cellpose's layout and width, filled up with zeros.

    Cellpose loads no other width; the function of the network stays the same.
    """
    import torch

    from cellmend.net.unet import DEFAULT_WIDTHS, CPNet
    from cellmend.registry import load_model

    net = load_model(name).net
    wide: dict[str, Any] = CPNet(net.nchan, net.nout, DEFAULT_WIDTHS).state_dict()
    for key, value in net.state_dict().items():
        target = torch.zeros_like(wide[key])
        if key.endswith("running_var"):
            target += 1
        target[tuple(slice(length) for length in value.shape)] = value
        wide[key] = target
    torch.save(wide, path)
