"""Read the command line, choose the command, turn failures into an exit status."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cellmend.errors import (
    Cancelled,
    CellmendError,
    DeviceError,
    InputError,
    ModelError,
    system_reason,
)
from cellmend.provenance import cellmend_version

COMMANDS = {
    "gui": "open the window (the default)",
    "segment": "find the cells",
    "restore": "denoise, deblur or upsample images",
    "degrade": "make clean images worse: noise, blur, fewer pixels",
    "evaluate": "compare masks with true masks",
    "measure": "measure every cell of an image",
    "convert": "write images or masks in another format",
    "train": "train or fine-tune a model",
    "synthesize": "draw images of cells with true masks",
    "models": "list, show, add, remove or export models",
    "study": "measure what the models do, with tables and pictures",
}
ALL_WELL, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class WrongUsage(CellmendError):
    """Switches or values that a command does not know."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are raised, so that they are told like all others."""

    def error(self, message: str) -> NoReturn:
        """Show the switches that there are, and raise what is wrong."""
        self.print_usage(sys.stderr)
        raise WrongUsage(message)


def build_parser(command: str) -> argparse.ArgumentParser:
    """Return the parser; only the module of `command` is imported, so that starting is quick."""
    parser = Parser(
        prog="cellmend",
        description="Mend microscope images and find the cells in them.",
        epilog="Without a command the window opens: cellmend [FILES...]",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cellmend {cellmend_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        one = commands.add_parser(name, help=text, allow_abbrev=False)
        if name == command:
            importlib.import_module(f"cellmend.cli.{name}").add_arguments(one)
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
    command = given[0]
    try:
        parsed = build_parser(command).parse_args(given)
        status = int(parsed.run(parsed))
        sys.stdout.flush()
        return status
    except SystemExit:  # argparse has printed the help or the version
        return ALL_WELL
    except BrokenPipeError:  # who reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ALL_WELL
    except (CellmendError, OSError) as error:
        reason = system_reason(error) if isinstance(error, OSError) else str(error)
        tell_failure(command, reason, as_json="--json" in given)
        wrong = isinstance(error, WrongUsage | InputError | ModelError | DeviceError)
        return WRONG_USAGE if wrong else SOME_FAILED
    except (Cancelled, KeyboardInterrupt):
        tell_failure(command, "stopped", as_json="--json" in given)
        return INTERRUPTED


def tell_failure(command: str, reason: str, *, as_json: bool) -> None:
    """Say why a command could not do its work; as JSON as it would have reported on the work."""
    print(f"cellmend {command}: {reason}", file=sys.stderr)
    if not as_json:
        return
    if command == "train":  # which reports event by event
        report = {"event": "error", "message": reason}
    else:
        report = {"command": command, "version": cellmend_version(), "error": reason}
    print(json.dumps(report), flush=True)
