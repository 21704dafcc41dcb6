"""``cellmend measure``: a table with a row per cell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import add_everywhere
from cellmend.cli.batch import Batch
from cellmend.io.folder import MEASUREMENTS_CSV, output_path
from cellmend.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = __doc__
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the original image")
    parser.add_argument("masks", type=Path, metavar="MASKS", help="its masks")
    parser.add_argument(
        "--output", type=Path, metavar="CSV", help="the table (default: beside IMAGE)"
    )
    add_everywhere(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure one image."""

    def plan(source: Path) -> list[Path]:
        return [args.output or output_path(source, MEASUREMENTS_CSV)]

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        from cellmend.export.table import write_table
        from cellmend.io import read
        from cellmend.io.labels import read_labels
        from cellmend.measure import table

        cells = table(read(source), read_labels(args.masks))
        write_table(outputs[0], cells)
        return {"cells": len(next(iter(cells.values()), []))}

    batch = Batch(args, {})
    batch.run([args.image], plan, work)
    return batch.finish()
