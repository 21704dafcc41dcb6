"""How closely masks found in bfloat16 agree with those found in float32, data set by data set.

    python tests/benchmarks/bfloat16.py DATA [--images N] [--only NAME]

DATA is as for `agreement.py`. Printed for each data set, and for all of them: AP@0.9 of the
masks that the bundled network gives when torch computes it in bfloat16, as it does where a
processor or a GPU does so in hardware, against those of the CPU's kernels in float32. Where
bfloat16 is emulated this tells nothing of speed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest import mock

import numpy as np
from agreement import central, data_sets
from numpy.typing import NDArray

import cellmend
from cellmend.io.labels import read_labels
from cellmend.metrics import match
from cellmend.segment import Segmenter
from cellmend.size import median_diameter


def reduced() -> Segmenter:
    """Return a segmenter that computes in bfloat16, whether that is fast or not."""
    segmenter = Segmenter(device="cpu")
    run = segmenter.run

    def in_bfloat16(*args, **options):
        with (
            mock.patch("cellmend.device.has_fast_bfloat16", return_value=True),
            mock.patch("cellmend.net.runner.has_fast_bfloat16", return_value=True),
        ):
            return run(*args, **options)

    segmenter.run = in_bfloat16
    return segmenter


def compare(segmenters: list[Segmenter], file: Path) -> NDArray[np.float64]:
    """Return the cells that match at an IoU of 0.9, and all cells of both."""
    image = cellmend.read(file.with_name(file.name.replace("_masks", "_img")))
    diameter = median_diameter(central(read_labels(file))) or 30.0
    precise, coarse = (
        segmenter.run(central(image.data), axes=image.axes, diameter=diameter).masks
        for segmenter in segmenters
    )
    found = match(precise, coarse, (0.9,))
    return np.array([found.tp[0], found.tp[0] + found.fp[0] + found.fn[0]])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=1, help="of each data set (default: 1)")
    parser.add_argument("--only", default="", help="data sets whose name contains this")
    options = parser.parse_args()
    segmenters = [Segmenter(device="cpu"), reduced()]
    total = np.zeros(2)
    for name, files in data_sets(options.data):
        if options.only not in name or name.startswith("volumes"):
            continue
        both = sum(compare(segmenters, file) for file in files[: options.images])
        total += both
        tell(name, both)
    tell("all", total)


def tell(name: str, both: NDArray[np.float64]) -> None:
    """Print a row."""
    share = both[0] / both[1] if both[1] else np.nan
    print(f"{name:36s} {share:8.4f} ({both[1]:.0f})", flush=True)


if __name__ == "__main__":
    main()
