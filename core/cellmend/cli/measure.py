"""``cellmend measure``: a table with a row per cell, of one image or of a folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import add_axes, add_everywhere, add_scene
from cellmend.cli.batch import Batch, FileResult
from cellmend.errors import InputError
from cellmend.io import folder as names
from cellmend.io.folder import output_path
from cellmend.io.pairs import masks_beside
from cellmend.progress import Reporter

FOLDER_TABLE = "measurements.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Write a table with a row per cell. Of a folder, all images that have masks beside"
        " them go into one table. Brightness is measured on IMAGE: name the original."
    )
    parser.add_argument("image", type=Path, metavar="IMAGE|FOLDER", help="what to measure")
    parser.add_argument(
        "masks",
        type=Path,
        nargs="?",
        metavar="MASKS",
        help="the image's masks (default: _seg.npy, _masks or _cp_masks beside it)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="TABLE",
        help=f"a .csv, .xlsx or .parquet file (default: beside IMAGE, or FOLDER/{FOLDER_TABLE})",
    )
    add_axes(parser)
    add_scene(parser)
    add_everywhere(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure one image, or all of a folder."""
    if args.output is not None:
        _check_ending(args.output)
    if not args.image.is_dir():
        return _measure_image(args)
    if args.masks is not None:
        raise InputError("Of a folder, the masks beside its images are measured.")
    return _measure_folder(args)


def _measure_image(args: argparse.Namespace) -> int:
    def plan(source: Path) -> list[Path]:
        return [args.output or output_path(source, names.MEASUREMENTS_CSV)]

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        from cellmend.export.table import write_table

        cells = _table(source, args.masks, args.axes)
        write_table(outputs[0], cells)
        return {"cells": len(cells["label"])}

    batch = Batch(args, {})
    batch.run(batch.collect([str(args.image)]), plan, work)
    return batch.finish()


def _measure_folder(args: argparse.Namespace) -> int:
    output: Path = args.output or args.image / FOLDER_TABLE
    tables: dict[str, Mapping[str, Any]] = {}

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        tables[source.name] = _table(source, None, args.axes)
        return {"cells": len(tables[source.name]["label"])}

    batch = Batch(args, {})
    if args.skip_existing and output.exists():
        batch.add(FileResult(str(args.image), "skipped", (output,)))
        return batch.finish()
    batch.run(batch.collect([str(args.image)]), lambda source: [], work)
    if tables:
        from cellmend.export.table import combined, write_table

        write_table(output, combined(tables))
        batch.add(FileResult(str(args.image), "done", (output,)))
    return batch.finish()


def _table(image: Path, masks: Path | None, axes: str | None) -> Mapping[str, Any]:
    from cellmend.io import read
    from cellmend.io.labels import read_labels
    from cellmend.measure import table

    return table(read(image, axes), read_labels(masks or _masks_beside(image)))


def _masks_beside(image: Path) -> Path:
    """Return the masks of an image; corrected ones come before those just computed."""
    found = masks_beside(image)
    if found is None:
        raise InputError(
            f"{image}: it has no masks beside it.", hint="Segment it first, or name its masks."
        )
    return found


def _check_ending(output: Path) -> None:
    from cellmend.export.table import ENDINGS

    if output.suffix.lower() not in ENDINGS:
        raise InputError(
            f"--output {output}: a table is written as {' or '.join(ENDINGS)}.",
            hint="Give a file name with one of these endings.",
        )
