"""``cellmend gui``: the window; without a display, the same job headless."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from cellmend.errors import CellmendError, InputError

PROGRAM = "cellmend_app.main"
"""The window is a client of the library, which therefore knows it by name only."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Open the window on some files. Without a display, denoise and segment them "
        "and leave the restored images, the masks and overlay pictures in the output folder."
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="images to open")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("cellmend-results"),
        metavar="DIR",
        help="folder of the results when there is no display (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def _is_one_of_several(path: Path) -> bool:
    from cellmend.io import scenes

    return scenes.split(path)[0].is_file()


def run(args: argparse.Namespace) -> int:
    """Open the window, or do its job without one."""
    for file in args.files:
        if not (file.exists() or _is_one_of_several(file)):
            raise InputError(
                f"{file}: there is no such file, and no such command.",
                hint="See cellmend --help.",
            )
    if not has_display():
        from cellmend.cli.headless import mend_and_segment

        print(
            "There is no display to open the window on; doing the same job without it.",
            file=sys.stderr,
        )
        return mend_and_segment(args.files, args.output)
    return open_window(args.files)


def has_display() -> bool:
    """Whether a window can be shown here."""
    if sys.platform in ("win32", "darwin"):
        return True
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in named)


def open_window(files: list[Path]) -> int:
    """Start the program.

    Raises
    ------
    CellmendError
        If the program or its libraries are not installed.
    """
    for package in (PROGRAM.partition(".")[0], "PyQt6", "pyqtgraph"):
        if importlib.util.find_spec(package) is None:
            raise CellmendError(
                f"The window needs {package}, which is not installed.",
                hint="Run: pip install 'cellmend[gui]'.",
            )
    program = importlib.import_module(PROGRAM)
    return int(program.main([str(file) for file in files]))
