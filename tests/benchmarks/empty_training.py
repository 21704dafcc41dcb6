"""What `--empty` saves where a model takes other things for cells.

    python tests/benchmarks/empty_training.py TRAIN VALIDATION OTHERS [--epochs N]

TRAIN and VALIDATION are folders of images with masks, OTHERS one of images without cells. Half of
these are trained on beside TRAIN, with empty masks, once left out and once with `--empty`. Then
cells are found in the validation images at their true diameters, and counted in the other half.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from partial_training import add_arguments, score, train


def main() -> None:
    """Train twice and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("others", type=Path, metavar="OTHERS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CELLMEND_HOME"] = folder
        data = Path(folder) / "data"
        shutil.copytree(args.train, data)
        judged = with_empty_masks(args.others, data)
        print(f"{args.parent}: {score(args.parent, args)}, {invented(args.parent, judged)}")
        for name, empty in (("left-out", False), ("empty", True)):
            train(name, data, args, empty=empty)
            print(f"{name}: {score(name, args)}, {invented(name, judged)}", flush=True)


def with_empty_masks(others: Path, data: Path) -> list[Path]:
    """Copy every second of the other images into `data`, without cells; return the rest."""
    from cellmend import read
    from cellmend.io.folder import images_in

    images = images_in(others)
    for index, image in enumerate(images[::2]):
        shutil.copy(image, data / f"other{index:04d}_img{image.suffix}")
        size = read(image).data.shape[-2:]
        tifffile.imwrite(data / f"other{index:04d}_masks.tif", np.zeros(size, np.uint16))
    return images[1::2]


def invented(model: str, images: list[Path]) -> str:
    """Return how many cells are found where there are none, at 30 px."""
    from cellmend import read
    from cellmend.segment import Segmenter

    segmenter = Segmenter(model)
    counts = [int(segmenter.run(read(image), diameter=30.0).masks.max()) for image in images]
    return f"{sum(counts)} cells in {len(counts)} images without"


if __name__ == "__main__":
    main()
