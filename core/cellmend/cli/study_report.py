"""What the studies have in common on the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from cellmend.cli.arguments import setting
from cellmend.cli.terminal import TerminalReporter
from cellmend.params import Settings
from cellmend.progress import Reporter
from cellmend.provenance import cellmend_version
from cellmend.study.outcome import Outcome


def add_places(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the input folders and the output folder."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help=what)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of tables, page and kept results",
    )


def add_sizes(parser: argparse.ArgumentParser, pictures: str) -> None:
    """Add how much of the data is taken."""
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="images per folder, evenly over their names (default: all)",
        **setting("limit"),
    )
    parser.add_argument(
        "--crop",
        type=int,
        metavar="PX",
        help="take the square with the most cells, of this side where cells are 30 pixels "
        "wide (default: whole images)",
        **setting("crop"),
    )
    parser.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help=f"images that the page shows {pictures}",
        **setting("pictures"),
    )


def run_study(
    args: argparse.Namespace,
    settings: Settings,
    plan: Callable[[], list[str]],
    study: Callable[[Reporter], Outcome],
) -> int:
    """Do a study, or say what would be done; return the exit status.

    Parameters
    ----------
    args
        The parsed command line.
    settings
        What the report says of how the study was done.
    plan
        Returns a line per input.
    study
        Does the study.
    """
    page = args.output / f"{args.study}.html"
    head = {
        "command": "study",
        "study": args.study,
        "version": cellmend_version(),
        "settings": settings.model_dump(mode="json"),
    }
    if args.dry_run or (args.skip_existing and page.exists()):
        status = "planned" if args.dry_run else "skipped"
        lines = plan()
        told = "\n".join([*lines, f"{status} -> {page}"])
        print(json.dumps({**head, "status": status, "inputs": lines}) if args.json else told)
        return 0
    with TerminalReporter(f"{args.study} study") as report:
        outcome = study(report)
    for failure in outcome.failures:
        print(f"cellmend study: {failure}", file=sys.stderr)
    if args.json:
        tables = {table.name: table.as_dicts() for table in outcome.summary}
        ends = {"failures": outcome.failures, "outputs": [str(path) for path in outcome.files]}
        print(json.dumps({**head, "status": "done", "tables": tables, **ends}))
    else:
        print("\n\n".join(table.as_text() for table in outcome.summary))
        print("\n" + "\n".join(f"-> {path}" for path in outcome.files))
    return 1 if outcome.failures else 0
