"""What `--partial` saves where half of the cells have no mask.

    python tests/benchmarks/partial_training.py TRAIN VALIDATION [--epochs N]

TRAIN and VALIDATION are folders of images with masks. A random half of the masks of each
training image is removed; then the same model is trained on all masks, on the half, and on
the half with `--partial`, and finds cells in the validation images at their true diameters.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tifffile


def main() -> None:
    """Train three times and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CELLMEND_HOME"] = folder
        whole, half = Path(folder) / "whole", Path(folder) / "half"
        copy_masks(args.train, whole, half)
        print(f"{args.parent}: {score(args.parent, args)}", flush=True)
        for name, place, partial in (
            ("all", whole, False),
            ("half", half, False),
            ("half-partial", half, True),
        ):
            train(name, place, args, partial=partial)
            print(f"{name}: {score(name, args)}", flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `train` and `score` are told."""
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("validation", type=Path, metavar="VALIDATION")
    parser.add_argument("--from", dest="parent", default="generalist", metavar="MODEL")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=8, help="of VALIDATION")


def copy_masks(source: Path, whole: Path, half: Path) -> None:
    """Copy pairs into `whole`, and into `half` with a random half of their masks."""
    from cellmend.io.labels import read_labels
    from cellmend.io.pairs import find_pairs

    whole.mkdir()
    half.mkdir()
    for index, (image, path) in enumerate(find_pairs([source]).found):
        masks = read_labels(path).astype(np.uint16)
        ids = np.random.default_rng(index).permutation(np.unique(masks[masks > 0]))
        for folder, kept in ((whole, ids), (half, ids[len(ids) // 2 :])):
            shutil.copy(image, folder / f"{index:04d}_img{image.suffix}")
            tifffile.imwrite(
                folder / f"{index:04d}_masks.tif", np.where(np.isin(masks, kept), masks, 0)
            )


def train(name: str, folder: Path, args: argparse.Namespace, **settings: bool) -> None:
    """Train a model on, with crops as small as a CPU likes."""
    import cellmend

    cellmend.train.segmentation(
        [folder],
        name=name,
        start_from=args.parent,
        epochs=args.epochs,
        images_per_epoch=32,
        crop=160,
        warmup_epochs=0,
        validation_share=0.0,
        channels=(1, 0),
        **settings,
    )


def score(model: str, args: argparse.Namespace) -> str:
    """Return AP at IoU 0.5 and 0.75, and the cells found for each true one."""
    from cellmend.metrics import average_precision
    from cellmend.segment import Segmenter
    from cellmend.study.cases import masked_files, read_case

    segmenter, precisions, counts = Segmenter(model), [], []
    for files in masked_files([args.validation], args.images):
        case = read_case(files, 300)
        found = segmenter.run(case.image, diameter=case.diameter).masks
        precisions.append(average_precision(case.masks, found, [0.5, 0.75]))
        counts.append(len(np.unique(found)) / len(np.unique(case.masks)))
    low, high = np.mean(precisions, axis=0)
    return f"AP@0.5 {low:.3f}, AP@0.75 {high:.3f}, {np.mean(counts):.2f} cells for each true one"


if __name__ == "__main__":
    main()
