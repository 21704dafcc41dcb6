"""Images per second of training, and the share of time spent waiting for data.

    python tests/benchmarks/training.py [--peer PYTHON] [--data DIR] [--rounds N] [--steps N]

Each measurement is a process of its own; Cellmend and, where PYTHON has
`cellpose==3.1.1.2`, Cellpose's own training functions take turns on the same
images, with networks of the same widths, crops of 224 and batches of the same
size. What is reported are medians over the rounds, and their ratio.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP = 2
"""Steps of each process that are not counted."""
KINDS = ("segmentation", "restoration")
SIDE = 320


def main() -> None:
    """Measure both kinds of training in turn, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has Cellpose")
    parser.add_argument("--data", type=Path, metavar="DIR", help="images with masks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--worker", choices=("ours", "peer"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        measure = {"ours": ours, "peer": peer}[args.worker]
        print(json.dumps(measure(args.data, args.kinds[0], args.steps, args.batch)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or drawn(Path(folder) / "drawn")
        for kind in args.kinds:
            print(report(args, data, kind, Path(folder)), flush=True)


def report(args: argparse.Namespace, data: Path, kind: str, folder: Path) -> str:
    """Return the figures of one kind of training."""
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for _ in range(args.rounds):
        runs["ours"].append(start(sys.executable, "ours", args, data, kind, folder))
        if args.peer:
            runs["peer"].append(start(args.peer, "peer", args, data, kind, folder))
    speed = {
        who: statistics.median(run["images_per_second"] for run in found)
        for who, found in runs.items()
        if found
    }
    waited = statistics.median(run["data_wait_share"] for run in runs["ours"])
    line = f"{kind}: {speed['ours']:.2f} images/s, {100 * waited:.1f} % of the time waiting"
    if "peer" in speed:
        ratio = speed["ours"] / speed["peer"]
        line += f"; Cellpose {speed['peer']:.2f} images/s; ratio {ratio:.2f}"
    return line


def start(
    python: str, who: str, args: argparse.Namespace, data: Path, kind: str, folder: Path
) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    words = [python, __file__, "--worker", who, "--data", str(data), "--kinds", kind]
    words += ["--steps", str(args.steps), "--batch", str(args.batch)]
    output = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=folder, text=True).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures


def drawn(folder: Path, count: int = 8) -> Path:
    """Draw images of touching discs with their masks."""
    import numpy as np
    import tifffile

    folder.mkdir()
    for index in range(count):
        rng = np.random.default_rng(index)
        yy, xx = np.mgrid[:SIDE, :SIDE]
        image, masks = rng.normal(200, 20, (SIDE, SIDE)), np.zeros((SIDE, SIDE), np.uint16)
        for label, (y, x) in enumerate(rng.integers(0, SIDE, (90, 2)), start=1):
            inside = ((yy - y) ** 2 + (xx - x) ** 2 < 15**2) & (masks == 0)
            masks[inside] = label
            image[inside] += rng.uniform(300, 900)
        tifffile.imwrite(folder / f"{index}_img.tif", image.clip(0).astype(np.uint16))
        tifffile.imwrite(folder / f"{index}_masks.tif", masks)
    return folder


def ours(data: Path, kind: str, steps: int, batch: int) -> dict[str, float]:
    """Train with Cellmend: an epoch to warm up, and one that counts."""
    import os

    os.environ["CELLMEND_HOME"] = str(Path.cwd() / "home")

    from cellmend.net.unet import CPNet
    from cellmend.params import TrainSettings
    from cellmend.train.dataset import TrainingSet
    from cellmend.train.loop import Trainer
    from cellmend.train.tasks import RestorationTask, SegmentationTask

    task = SegmentationTask() if kind == "segmentation" else RestorationTask("denoise", CPNet(2, 3))

    class Clock:
        """Times the steps after the first ones."""

        def __init__(self) -> None:
            self.marks: list[float] = []

        def step(self, done: int, total: int, message: str = "") -> None:
            if not message:
                self.marks.append(time.perf_counter())

        def check(self) -> None:
            """Go on."""

    clock = Clock()
    settings = TrainSettings(
        name="bench", epochs=1, images_per_epoch=batch * (WARM_UP + steps), batch_size=batch
    )
    net = CPNet(task.nchan, task.nout)
    result = Trainer(net, task, TrainingSet([data]), settings).run(clock)
    times = [b - a for a, b in itertools.pairwise(clock.marks)]
    return {
        "images_per_second": batch / statistics.median(times[WARM_UP - 1 :]),
        "data_wait_share": result.record[0].data_wait_share,
    }


class Enough(Exception):
    """Enough steps were timed."""


def peer(data: Path, kind: str, steps: int, batch: int) -> dict[str, float]:
    """Train with Cellpose until enough steps of its optimiser were timed."""
    import numpy as np
    import tifffile
    import torch
    from cellpose import denoise, dynamics, models, train, transforms

    files = sorted(data.glob("*_img.tif"))
    images = [first_channel(tifffile.imread(file)) for file in files]
    masks = [tifffile.imread(str(file).replace("_img.tif", "_masks.tif")) for file in files]
    marks: list[float] = []
    step = torch.optim.AdamW.step

    def timed(self: torch.optim.AdamW, closure: object = None) -> object:
        result = step(self, closure)
        marks.append(time.perf_counter())
        if len(marks) > WARM_UP + steps:
            raise Enough
        return result

    torch.optim.AdamW.step = timed
    flows = dynamics.labels_to_flows(masks, device=torch.device("cpu"))
    wanted = {"batch_size": batch, "nimg_per_epoch": batch * (WARM_UP + steps + 1)}
    try:
        if kind == "segmentation":
            model = models.CellposeModel(gpu=False, pretrained_model=None)
            train.train_seg(
                model.net,
                [np.stack([image, np.zeros_like(image)]) for image in images],
                flows,
                channels=[1, 2],
                channel_axis=0,
                normalize=True,
                train_probs=np.full(len(images), 1 / len(images)),
                n_epochs=20,
                min_train_masks=0,
                **wanted,
            )
        else:
            judge = models.CellposeModel(gpu=False, pretrained_model=None).net
            torch.save(judge.state_dict(), "judge.pt")
            model = denoise.DenoiseModel(gpu=False, nchan=1, pretrained_model=None)
            denoise.train(
                model.net,
                train_data=[
                    np.maximum(transforms.normalize99(image.astype(np.float32)), 0)[None]
                    for image in images
                ],
                train_labels=flows,
                poisson=0.8,
                beta=0.7,
                blur=0.0,
                seg_model_type="judge.pt",
                n_epochs=100,
                **wanted,
            )
    except Enough:
        pass
    times = [b - a for a, b in itertools.pairwise(marks)]
    return {"images_per_second": batch / statistics.median(times[WARM_UP - 1 :])}


def first_channel(image):
    """Return the first channel of a (Y, X) or (C, Y, X) image."""
    return image if image.ndim == 2 else image[0]


if __name__ == "__main__":
    main()
