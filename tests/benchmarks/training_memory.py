"""Peak memory of training on few and on many images.

    python tests/benchmarks/training_memory.py DATA [--counts 100 1000] [--steps N]

DATA is a folder of images with masks. For each count, so many are made of them, turned,
flipped and with noise of their own so that none is like another; then a process of its
own reads and checks them, makes their flows and trains for a few steps on crops of 224 in
batches of 8.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Measure each count in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(train(args.data, args.steps)))
        return
    for count in args.counts:
        with tempfile.TemporaryDirectory() as folder:
            megabytes = multiply(args.data, Path(folder) / "images", count) / 2**20
            words = [sys.executable, __file__, "--worker", "--steps", str(args.steps), "images"]
            output = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=folder).stdout
        peaks = json.loads(output.splitlines()[-1])
        told = ", ".join(f"{peak:.0f} MiB {when}" for when, peak in peaks.items())
        print(f"{count} images ({megabytes:.0f} MiB of pixels): {told}", flush=True)


def multiply(data: Path, folder: Path, count: int) -> int:
    """Write `count` images with masks made of those in `data`; return the bytes of all."""
    import numpy as np
    import tifffile

    from cellmend.io import read
    from cellmend.io.labels import read_labels
    from cellmend.io.pairs import find_pairs

    folder.mkdir()
    pairs = find_pairs([data]).found
    total = 0
    for index in range(count):
        rng = np.random.default_rng(index)
        image, masks = read(pairs[index % len(pairs)][0]).data, pairs[index % len(pairs)][1]
        quarters, flip = int(rng.integers(4)), int(rng.choice([-1, 1]))
        planes = [
            np.ascontiguousarray(np.rot90(plane, quarters, (-2, -1))[..., ::flip])
            for plane in (image.astype(np.float32), read_labels(masks))
        ]
        planes[0] += rng.normal(0, 0.02 * np.ptp(planes[0]), planes[0].shape)
        for plane, ending in zip(planes, ("img", "masks"), strict=True):
            tifffile.imwrite(folder / f"{index:05d}_{ending}.tif", plane)
            total += plane.nbytes
    return total


def train(data: Path, steps: int) -> dict[str, float]:
    """Prepare and train; return the peak of resident memory in MiB after each part."""
    os.environ["CELLMEND_HOME"] = str(Path.cwd() / "home")

    from cellmend.net.unet import CPNet
    from cellmend.params import TrainSettings
    from cellmend.train.dataset import TrainingSet
    from cellmend.train.loop import Trainer
    from cellmend.train.tasks import SegmentationTask

    task = SegmentationTask()
    settings = TrainSettings(name="bench", epochs=1, images_per_epoch=8 * steps)
    source = TrainingSet([data])
    peaks = {"after loading": peak_mebibytes()}
    source.prepare()
    peaks["after preparing"] = peak_mebibytes()
    net = CPNet(task.nchan, task.nout, settings.widths)
    Trainer(net, task, source, settings).run()
    return {**peaks, "after training": peak_mebibytes()}


def peak_mebibytes() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
