"""``cellmend study speed``: how fast the library is, beside Cellpose 3 where it is at hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from cellmend.cli.arguments import add_everywhere, setting, words
from cellmend.cli.config import build_settings
from cellmend.cli.study_report import run_study
from cellmend.study.settings import SpeedStudySettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the study."""
    parser.description = (
        "Time the library piece by piece. With --peer, Cellpose 3 does the same work in its own "
        "interpreter, in turns, on the same inputs and weights."
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of tables and page"
    )
    parser.add_argument(
        "--peer",
        type=Path,
        metavar="PYTHON",
        help="the Python of an environment with cellpose 3",
        **setting("peer"),
    )
    parser.add_argument(
        "--works", type=words, metavar="NAME,...", help="only these (default: all)",
        **setting("works"),
    )  # fmt: skip
    parser.add_argument("--runs", type=int, metavar="N", help="default: 5", **setting("runs"))
    parser.add_argument(
        "--side", type=int, metavar="PX", help="of the label images (default: 2048)",
        **setting("side"),
    )  # fmt: skip
    add_everywhere(parser, batch_size="batch_size", training=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the study."""
    from cellmend.study.speed import chosen_works, study

    settings = build_settings(SpeedStudySettings, args)

    def plan() -> list[str]:
        return [work.title for work in chosen_works(settings.works)]

    return run_study(args, settings, plan, lambda report: study(args.output, settings, report))
