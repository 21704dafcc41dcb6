"""``cellmend synthesize``: draw images of cells with their true masks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cellmend.cli.arguments import add_everywhere, setting, words
from cellmend.cli.config import build_settings
from cellmend.cli.terminal import TerminalReporter
from cellmend.errors import InputError
from cellmend.provenance import cellmend_version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Draw images of synthetic cells with their true masks beside them, ready for training "
        "and studies: nuclei, touching cytoplasm, membranes, rods and budding yeast, seen "
        "through a microscope and a camera."
    )
    parser.add_argument("output", type=Path, metavar="DIR", help="folder of images and masks")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="images (default: 20)")
    parser.add_argument(
        "--kinds",
        type=words,
        default=(),
        metavar="KIND,...",
        help="nuclei, cytoplasm, membranes, rods, yeast, in turn (default: all)",
    )
    parser.add_argument(
        "--size",
        type=height_and_width,
        metavar="Y[,X]",
        help="height and width of the images in pixels (default: 256)",
        **setting("size"),
    )
    parser.add_argument(
        "--diameter",
        type=float,
        metavar="PX",
        help="of the cells (default: 30)",
        **setting("diameter"),
    )
    parser.add_argument(
        "--density",
        type=float,
        metavar="D",
        help="from 0, few cells, to 1, a crowd (default: 0.6)",
        **setting("density"),
    )
    parser.add_argument(
        "--photons",
        type=float,
        metavar="N",
        help="per pixel in a cell (default: 30 to 2000, by chance)",
        **setting("photons"),
    )
    parser.add_argument(
        "--nuclear-channel",
        action="store_true",
        help="give cytoplasm a second channel with the nuclei",
        **setting("nuclear_channel"),
    )
    add_everywhere(parser)
    parser.set_defaults(run=run)


def height_and_width(text: str) -> tuple[int, int]:
    """Read ``Y,X``, or one number for both."""
    height, _, width = text.partition(",")
    return int(height), int(width or height)


def run(args: argparse.Namespace) -> int:
    """Draw the images that are asked for."""
    from cellmend.train.synthetic import (
        KINDS,
        SyntheticSettings,
        training_files,
        write_training_folder,
    )

    settings = build_settings(SyntheticSettings, args)
    if args.count < 1:
        raise InputError("--count is the number of images, 1 at least.")
    kinds, seed = args.kinds or KINDS, args.seed or 0
    files = training_files(args.output, args.count, kinds)
    if args.dry_run:
        status = "planned"
    elif args.skip_existing and all(path.exists() for pair in files for path in pair):
        status = "skipped"
    else:
        status = "done"
        with TerminalReporter("synthesize") as report:
            write_training_folder(
                args.output, args.count, kinds=kinds, settings=settings, seed=seed, report=report
            )
    if args.json:
        told = {
            "command": "synthesize",
            "version": cellmend_version(),
            "settings": {**settings.model_dump(mode="json"), "kinds": list(kinds), "seed": seed},
            "status": status,
            "files": [{"image": str(image), "masks": str(masks)} for image, masks in files],
        }
        print(json.dumps(told))
    else:
        print("\n".join(f"{status}: {image}, {masks.name}" for image, masks in files))
    return 0
