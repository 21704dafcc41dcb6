"""Read the command line, choose the command, turn failures into an exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cellmend.cli import degrade, evaluate, gui, measure, models, restore, segment, train
from cellmend.errors import Cancelled, CellmendError, DeviceError, InputError, ModelError
from cellmend.provenance import cellmend_version

COMMANDS = {
    "gui": gui,
    "segment": segment,
    "restore": restore,
    "degrade": degrade,
    "evaluate": evaluate,
    "measure": measure,
    "train": train,
    "models": models,
}
ALL_WELL, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="cellmend",
        description="Mend microscope images and find the cells in them.",
        epilog="Without a command the window opens: cellmend [FILES...]",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cellmend {cellmend_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        module.add_parser(name, commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments
        What follows ``cellmend`` on the command line; that of the process by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in {*COMMANDS, "-h", "--help", "--version"}:
        given.insert(0, "gui")
    try:
        parsed = build_parser().parse_args(given)
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        return stop.code if isinstance(stop.code, int) else WRONG_USAGE
    try:
        return int(parsed.run(parsed))
    except CellmendError as error:
        print(f"cellmend {parsed.command}: {error}", file=sys.stderr)
        wrong = isinstance(error, InputError | ModelError | DeviceError)
        return WRONG_USAGE if wrong else SOME_FAILED
    except (Cancelled, KeyboardInterrupt):
        print(f"cellmend {parsed.command}: stopped", file=sys.stderr)
        return INTERRUPTED
