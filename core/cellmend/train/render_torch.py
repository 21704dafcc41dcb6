"""Rendering crops on an accelerator: one upload, then everything there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cellmend.restore.degrade import Degradation
from cellmend.restore.degrade_torch import degrade_batch
from cellmend.train.augment import Geometry
from cellmend.train.render import Crop
from cellmend.train.tone import change_tones

GROUP = 16
"""Crops uploaded at once: the parts of images around them vary in size and are padded."""


def render_on_device(
    crops: Sequence[Crop], channels: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Do what `cellmend.train.render.render` does, with torch."""
    groups = [_render(group, channels, device) for group in _groups(crops)]
    seen, clean, target = (torch.cat(parts) for parts in zip(*groups, strict=True))
    layout = torch.channels_last
    return (
        seen.contiguous(memory_format=layout),
        clean.contiguous(memory_format=layout),
        target.contiguous(memory_format=layout),
    )


def _groups(crops: Sequence[Crop]) -> Iterator[Sequence[Crop]]:
    for start in range(0, len(crops), GROUP):
        yield crops[start : start + GROUP]


def _render(
    crops: Sequence[Crop], channels: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    sources = _upload(crops, channels, device)
    clean = warp(sources[:, :channels], [crop.first for crop in crops])
    if any(crop.tones for crop in crops):
        pairs = zip(clean, crops, strict=True)
        clean = torch.stack([change_tones(planes, crop.tones) for planes, crop in pairs])
    seconds = [crop.second for crop in crops if crop.second is not None]
    if len(seconds) < len(crops):
        target = warp_target(sources[:, channels:], [crop.first for crop in crops])
        return clean, clean, target
    generator = torch.Generator(device).manual_seed(crops[0].seed)
    hows = [crop.degradation or Degradation() for crop in crops]
    seen = clean.clone()
    seen[:, 0] = degrade_batch(clean[:, 0], hows, generator)
    whole = [crop.first.then(second) for crop, second in zip(crops, seconds, strict=True)]
    target = warp_target(sources[:, channels:], whole)
    return warp(seen, seconds), warp(clean, seconds), target


def _upload(crops: Sequence[Crop], channels: int, device: torch.device) -> Tensor:
    """Return (N, channels + 3, Y, X): images and targets, zeros beyond what a crop brings."""
    height, width = (max(crop.image.shape[axis] for crop in crops) for axis in (1, 2))
    planes = np.zeros((len(crops), channels + 3, height, width), np.float16)
    for place, crop in zip(planes, crops, strict=True):
        image = crop.image[:channels]
        place[: len(image), : image.shape[1], : image.shape[2]] = image
        place[channels:, : image.shape[1], : image.shape[2]] = crop.target
    host = torch.from_numpy(planes)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True).float()


def warp(planes: Tensor, maps: Sequence[Geometry]) -> Tensor:
    """Warp (N, C, Y, X) planes, each by its map: (N, C, size, size); zeros outside."""
    size = maps[0].size
    backwards = [np.linalg.inv(np.vstack([one.matrix, [0.0, 0.0, 1.0]])) for one in maps]
    inverse = torch.tensor(np.stack(backwards), dtype=torch.float32, device=planes.device)
    steps = torch.arange(size, dtype=torch.float32, device=planes.device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    ahead = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    places = torch.einsum("nij,yxj->nyxi", inverse[:, :2], ahead)
    last = torch.tensor([planes.shape[3] - 1, planes.shape[2] - 1], device=planes.device)
    grid = 2 * places / last.clamp(min=1) - 1
    return functional.grid_sample(planes, grid, align_corners=True, padding_mode="zeros")


def warp_target(planes: Tensor, maps: Sequence[Geometry]) -> Tensor:
    """Warp (N, 3, Y, X) flows and cell maps; the flow vectors turn with the image."""
    dy, dx, inside = warp(planes, maps).unbind(dim=1)
    linear = torch.tensor(
        np.stack([one.turning for one in maps]), dtype=torch.float32, device=planes.device
    )[:, :, :, None, None]
    turned_x = linear[:, 0, 0] * dx + linear[:, 0, 1] * dy
    turned_y = linear[:, 1, 0] * dx + linear[:, 1, 1] * dy
    return torch.stack([turned_y, turned_x, inside.round()], dim=1)
