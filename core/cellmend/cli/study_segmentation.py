"""``cellmend study segmentation``: what models find on images with true masks."""

from __future__ import annotations

import argparse

from cellmend.cli.arguments import add_everywhere, setting, words
from cellmend.cli.config import build_settings
from cellmend.cli.study_report import add_places, add_sizes, run_study
from cellmend.study.settings import SegmentationStudySettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the study."""
    parser.description = (
        "Find the cells of images with true masks with several models, at the true diameter and "
        "at the one each model estimates, and compare."
    )
    add_places(parser, "images with masks; each folder is a data set")
    parser.add_argument(
        "--models",
        type=words,
        metavar="NAME,...",
        help="segmentation models or weight files (default: generalist)",
        **setting("models"),
    )
    parser.add_argument(
        "--diameter",
        choices=("true", "estimated", "both"),
        help="which diameter the models are told (default: both)",
        **setting("diameter"),
    )
    parser.add_argument(
        "--augment",
        action="store_true",
        help="average over four flips of each image",
        **setting("augment"),
    )
    add_sizes(parser, "(the worst)")
    add_everywhere(parser, batch_size="batch_size", training=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the study."""
    from cellmend.study.segmentation import find_inputs, study

    settings = build_settings(SegmentationStudySettings, args)
    models = ", ".join(settings.models)

    def plan() -> list[str]:
        return [f"{one.name}: {models}" for one in find_inputs(args.folders, settings.limit)]

    return run_study(
        args, settings, plan, lambda report: study(args.folders, args.output, settings, report)
    )
