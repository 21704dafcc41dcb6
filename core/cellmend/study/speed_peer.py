"""The work of the speed study done by Cellpose 3, in an interpreter that has it.

Run as a script, without Cellmend, with a folder of inputs as argument; every line read
names a piece of work, every line written tells how long it took (see `serve`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Task = Callable[[], Any]
Prepare = Callable[[Path], Task]


def serve(tasks: Mapping[str, Prepare]) -> None:
    """Do the task named in each line of standard input, answer with JSON.

    The first call of each task is not timed: it loads and compiles. The array that a
    task returns is kept beside the inputs, for the agreement.
    """
    folder, side = Path(sys.argv[1]), sys.argv[2]
    ready: dict[str, Task] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            ready[name] = tasks[name](folder)
            result = ready[name]()
            np.save(folder / f"{name}_{side}.npy", np.asarray(result))
        started = time.perf_counter()
        ready[name]()
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "bytes": peak_memory()}), flush=True)


def peak_memory() -> int:
    """Return the most memory that this process has held, in bytes; 0 where that is not told."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _flows(folder: Path) -> Task:
    from cellpose.dynamics import masks_to_flows

    masks = np.load(folder / "masks.npy").astype(np.int32)
    return lambda: masks_to_flows(masks)


def _masks(folder: Path) -> Task:
    from cellpose.dynamics import resize_and_compute_masks

    flows, cellprob = np.load(folder / "flows.npy"), np.load(folder / "cellprob.npy")

    def work() -> Any:
        made = resize_and_compute_masks(flows, cellprob, niter=200)
        return made[0] if isinstance(made, tuple) else made

    return work


def _forward(folder: Path) -> Task:
    from cellpose.core import _forward as forward

    net = _model(folder).net
    tiles = np.load(folder / "tiles.npy")
    return lambda: forward(net, tiles)[0]


def _segment(folder: Path) -> Task:
    model = _model(folder)
    image = np.load(folder / "image.npy")
    return lambda: model.eval(image, diameter=30, channels=[0, 0])[0]


def _denoise_segment(folder: Path) -> Task:
    from cellpose.denoise import DenoiseModel

    model = _model(folder)
    denoiser = DenoiseModel(pretrained_model=str(folder / "denoise"), nchan=1)
    image = np.load(folder / "image.npy")

    def work() -> Any:
        restored = denoiser.eval(image, channels=[0, 0], diameter=30)
        return model.eval(np.squeeze(restored), diameter=30, channels=[0, 0])[0]

    return work


def _precision(folder: Path) -> Task:
    from cellpose.metrics import average_precision

    truth, found = np.load(folder / "masks.npy"), np.load(folder / "shifted.npy")
    return lambda: average_precision(truth, found, [0.5, 0.75, 0.9])[0]


def _outlines(folder: Path) -> Task:
    from cellpose.utils import outlines_list

    masks = np.load(folder / "masks.npy")
    return lambda: len(outlines_list(masks, multiprocessing=False))


def _rois(folder: Path) -> Task:
    from cellpose.io import save_rois

    masks = np.load(folder / "masks.npy")

    def work() -> int:
        save_rois(masks, str(folder / "peer.tif"), multiprocessing=False)
        return int(masks.max())

    return work


def _train(folder: Path) -> Task:
    import torch
    from cellpose.train import _loss_fn_seg

    model = _model(folder)
    net = model.net
    net.mkldnn = False
    net.train()
    images, targets = np.load(folder / "tiles.npy"), np.load(folder / "targets.npy")
    labels = targets[:, [2, 0, 1]]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6)

    def work() -> float:
        optimizer.zero_grad()
        loss = _loss_fn_seg(labels, net(torch.from_numpy(images))[0], torch.device("cpu"))
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return work


def _train_restoration(folder: Path) -> Task:
    import torch
    from cellpose.denoise import DenoiseModel, one_chan_cellpose, train_loss

    device = torch.device("cpu")
    judge = one_chan_cellpose(device, pretrained_model=str(folder / "judge"))
    for parameter in judge.parameters():
        parameter.requires_grad = False
    net = DenoiseModel(gpu=False, pretrained_model=str(folder / "untrained"), nchan=1).net
    for one in (judge, net):
        one.mkldnn = False
    noisy, clean, targets = (
        torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("noisy", "clean", "targets")
    )
    labels = targets[:, [2, 0, 1]]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6)

    def work() -> float:
        optimizer.zero_grad()
        loss, _ = train_loss(net, noisy, net1=judge, img=clean, lbl=labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return work


def _model(folder: Path) -> Any:
    from cellpose.models import CellposeModel

    return CellposeModel(gpu=False, pretrained_model=str(folder / "segment"))


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
