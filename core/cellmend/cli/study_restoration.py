"""``cellmend study restoration``: how far mending images helps to find the cells in them."""

from __future__ import annotations

import argparse
from pathlib import Path

from cellmend.cli.arguments import add_everywhere, setting, words
from cellmend.cli.config import build_settings
from cellmend.cli.study_report import add_places, add_sizes, run_study
from cellmend.study.settings import BASELINES, LOSSES, TASKS, RestorationStudySettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the study."""
    parser.description = (
        "Degrade images with true masks until half of the cells are lost, mend them in every "
        "way, and count the cells that are found again. Folders may hold real pairs "
        "NAME_noisy and NAME_clean, too. What was done is kept in the output folder: "
        "a study that was stopped goes on where it was."
    )
    add_places(parser, "images with masks, or _noisy and _clean pairs; each is a data set")
    parser.add_argument(
        "--tasks",
        type=words,
        metavar="TASK,...",
        help=f"which degradations (default: {','.join(TASKS)})",
        **setting("tasks"),
    )
    parser.add_argument(
        "--models",
        type=words,
        metavar="NAME,...",
        help="restoration models (default: those called after the tasks)",
        **setting("models"),
    )
    parser.add_argument(
        "--segmenter",
        metavar="NAME",
        help="model that finds the cells (default: generalist)",
        **setting("segmenter"),
    )
    parser.add_argument(
        "--baselines",
        type=words_or_none,
        metavar="NAME,...",
        help=f"methods to compare with, or none (default: {','.join(BASELINES)})",
        **setting("baselines"),
    )
    parser.add_argument(
        "--losses",
        type=words_or_none,
        metavar="NAME,...",
        help="losses to compare, for each of which and each task a network is trained, or none "
        f"(default: {','.join(LOSSES)})",
        **setting("losses"),
    )
    add_training(parser)
    add_sizes(parser, "per task")
    add_everywhere(parser, batch_size="batch_size", training=True)
    parser.set_defaults(run=run)


def words_or_none(text: str) -> tuple[str, ...]:
    """Read words with commas between them, or ``none``."""
    return () if text == "none" else words(text)


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add how networks are trained for the study."""
    parser.add_argument(
        "--training",
        type=lambda text: tuple(Path(part) for part in words(text)),
        metavar="DIR,...",
        help="images with masks that 'care', 'retrained' and the losses learn from; these are "
        "left out without",
        **setting("training"),
    )
    parser.add_argument(
        "--blind-epochs",
        type=int,
        metavar="N",
        help="of noise2void and noise2self on each image (default: 100)",
        **setting("blind_epochs"),
    )
    parser.add_argument(
        "--training-epochs",
        type=int,
        metavar="N",
        help="of care, retrained and the losses (default: 20)",
        **setting("training_epochs"),
    )


def run(args: argparse.Namespace) -> int:
    """Do the study."""
    from cellmend.study.restoration import find_inputs, study

    settings = build_settings(RestorationStudySettings, args)

    def plan() -> list[str]:
        inputs = find_inputs(args.folders, settings.limit)
        tasks = ", ".join(settings.tasks)
        pairs = [f"{files.name}: real pair" for files in inputs.low_high]
        return [*(f"{files.name}: {tasks}" for files in inputs.masked), *pairs]

    return run_study(
        args, settings, plan, lambda report: study(args.folders, args.output, settings, report)
    )
