"""The work of the speed study done by Cellmend: ``python -m cellmend.study.speed_ours FOLDER``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cellmend.study.speed_peer import Prepare, Task, serve


def _flows(folder: Path) -> Task:
    from cellmend.dynamics import masks_to_flows

    masks = np.load(folder / "masks.npy")
    return lambda: masks_to_flows(masks)


def _masks(folder: Path) -> Task:
    from cellmend.dynamics import masks_from_flows

    flows, cellprob = np.load(folder / "flows.npy"), np.load(folder / "cellprob.npy")
    return lambda: masks_from_flows(flows, cellprob).masks


def _forward(folder: Path) -> Task:
    import torch

    from cellmend.net.runner import Runner

    tiles = np.load(folder / "tiles.npy")
    runner = Runner(_net(folder / "segment"), torch.device("cpu"))
    return lambda: runner(tiles)[0]


def _segment(folder: Path) -> Task:
    from cellmend.segment import Segmenter

    segmenter = Segmenter(folder / "segment", "cpu")
    image = np.load(folder / "image.npy")
    return lambda: segmenter.run(image, diameter=30).masks


def _denoise_segment(folder: Path) -> Task:
    from cellmend.restore import Restorer
    from cellmend.segment import Segmenter

    segmenter = Segmenter(folder / "segment", "cpu")
    restorer = Restorer(folder / "denoise", "cpu")
    image = np.load(folder / "image.npy")
    return lambda: segmenter.run(restorer.run(image, diameter=30).image, diameter=30).masks


def _precision(folder: Path) -> Task:
    from cellmend.metrics import average_precision

    truth, found = np.load(folder / "masks.npy"), np.load(folder / "shifted.npy")
    return lambda: average_precision(truth, found, (0.5, 0.75, 0.9))


def _outlines(folder: Path) -> Task:
    from cellmend.labels.outlines import outlines

    masks = np.load(folder / "masks.npy")
    return lambda: len(list(outlines(masks)))


def _rois(folder: Path) -> Task:
    from cellmend.export.rois import write_rois

    masks = np.load(folder / "masks.npy")

    def work() -> int:
        write_rois(folder / "ours.zip", masks)
        return int(masks.max())

    return work


def _train(folder: Path) -> Task:
    from cellmend.train.tasks import SegmentationTask

    return _step(SegmentationTask(), _net(folder / "segment"), folder, ("tiles", "targets"))


def _train_restoration(folder: Path) -> Task:
    from cellmend.train.tasks import RestorationTask

    task = RestorationTask("denoise", _net(folder / "judge"))
    return _step(task, _net(folder / "untrained"), folder, ("noisy", "clean", "targets"))


def _step(task: Any, net: Any, folder: Path, batch: tuple[str, ...]) -> Task:
    """Train a network on the same batch at every call."""
    import torch

    net = net.to(memory_format=torch.channels_last).train()
    tensors = [
        torch.from_numpy(np.load(folder / f"{name}.npy")).to(memory_format=torch.channels_last)
        for name in batch
    ]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6, fused=True)

    def work() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = task.loss(net, tensors)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return work


def _net(file: Path) -> Any:
    from cellmend.net.weights import build_net, read_weights

    return build_net(read_weights(file))


TASKS: dict[str, Prepare] = {
    "flows": _flows,
    "masks": _masks,
    "forward": _forward,
    "segment": _segment,
    "denoise_segment": _denoise_segment,
    "precision": _precision,
    "outlines": _outlines,
    "rois": _rois,
    "train": _train,
    "train_restoration": _train_restoration,
}

if __name__ == "__main__":
    serve(TASKS)
