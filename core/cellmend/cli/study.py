"""``cellmend study``: what the models do, as tables and a page with pictures.

Each study is a module ``cellmend.cli.study_NAME`` with ``add_arguments(parser)``
and ``run(args) -> int``, which reads the switches and calls ``cellmend.study.NAME``;
a new one is a line of `STUDIES`. Tables are written by `cellmend.study.tables`,
the page by `cellmend.study.page`.
"""

from __future__ import annotations

import argparse
import importlib

STUDIES = {
    "restoration": "does mending images help to find the cells in them?",
    "speed": "how fast the library is, beside Cellpose 3 where it is at hand",
    "segmentation": "what models find on images with true masks, side by side",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its studies."""
    parser.description = "Measure what the models do; written as CSV, JSON and an HTML page."
    studies = parser.add_subparsers(dest="study", metavar="STUDY", required=True)
    for name, text in STUDIES.items():
        one = studies.add_parser(name, help=text, allow_abbrev=False)
        importlib.import_module(f"cellmend.cli.study_{name}").add_arguments(one)
