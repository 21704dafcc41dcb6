"""``cellmend restore``: denoise, deblur, upsample or filter images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from cellmend.cli.arguments import (
    SETTING,
    add_everywhere,
    add_inputs,
    add_normalization,
    diameter,
    setting,
    whole_numbers,
)
from cellmend.cli.batch import Batch
from cellmend.cli.config import build_settings
from cellmend.cli.job import run_job
from cellmend.cli.restore_job import RestoreFiles
from cellmend.cli.workers import add_worker_switches
from cellmend.errors import InputError
from cellmend.io.folder import RESTORED, output_path
from cellmend.io.windows import stored_shape
from cellmend.params import (
    SCALES,
    BlockwiseSettings,
    FilterName,
    FilterSettings,
    RestoreSettings,
    make_settings,
)
from cellmend.progress import Reporter
from cellmend.restore.degrade import TASKS
from cellmend.scale import is_large

SETTING_MODEL = f"{SETTING}model"
FILTER = "filter"
FILTERS = get_args(FilterName)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Write a restored image beside each input, which stays as it is."
    add_inputs(parser)
    parser.add_argument("--task", choices=(*TASKS, FILTER), help="what to mend (default: denoise)")
    parser.add_argument(
        "--model", metavar="NAME|PATH", help="a model other than the task's own", **setting("model")
    )
    parser.add_argument(
        "--diameter",
        type=diameter,
        metavar="PX|auto",
        help="diameter of the cells in pixels (default: 30)",
        **setting("diameter"),
    )
    parser.add_argument(
        "--channels",
        type=whole_numbers,
        metavar="A,...",
        help="the channels to restore, from 1; others are only normalised (default: all)",
        **setting("channels"),
    )
    parser.add_argument(
        "--scale",
        choices=SCALES,
        default="unit",
        help="values of the result: as in the original (raw), 0 to 1 (unit, the default), "
        "or the full range of an integer type",
    )
    parser.add_argument(
        "--format",
        choices=("tif", "zarr"),
        default="tif",
        help="OME-TIFF (the default) or OME-Zarr",
    )
    parser.add_argument(
        "--blocks",
        type=int,
        metavar="PX",
        help="work block by block, each of this side; very large TIFF and OME-Zarr images are "
        "done so by themselves",
    )
    add_filter_arguments(parser)
    add_worker_switches(parser)
    add_normalization(parser)
    add_everywhere(parser, batch_size="tiles.batch_size")
    parser.set_defaults(run=run)


def add_filter_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the switches of classical filters."""
    group = parser.add_argument_group("with --task filter")
    group.add_argument("--filter", choices=FILTERS, help="which filter", **setting("filter"))
    group.add_argument(
        "--radius", type=float, metavar="PX", help="how far it reaches", **setting("radius")
    )
    group.add_argument(
        "--strength", type=float, metavar="F", help="how much it does", **setting("strength")
    )
    group.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="rounds of richardson-lucy",
        **setting("iterations"),
    )


def run(args: argparse.Namespace) -> int:
    """Restore every input."""
    from cellmend.registry import find

    if args.task == FILTER:
        return run_filter(args)
    if args.task and SETTING_MODEL not in args:
        setattr(args, SETTING_MODEL, args.task)
    auto = getattr(args, f"{SETTING}diameter", 0) is None
    if auto:
        delattr(args, f"{SETTING}diameter")
    settings = build_settings(RestoreSettings, args)
    find(settings.model)
    make_settings(BlockwiseSettings, blocks=args.blocks)  # refuses a side that cannot be
    job = RestoreFiles(
        settings,
        auto,
        args.scale,
        args.format,
        args.output,
        args.axes,
        args.device or "auto",
        args.blocks,
    )

    def plan(source: Path) -> list[Path]:
        return [job.output(source)]

    batch = Batch(args, {**settings.model_dump(), "scale": args.scale})
    return run_job(
        job, batch, args, plan, lambda source: bool(args.blocks) or is_large(stored_shape(source))
    )


def run_filter(args: argparse.Namespace) -> int:
    """Filter every input."""
    from cellmend.io import read, write
    from cellmend.restore import filter_image, to_scale
    from cellmend.restore.filters import complete

    if f"{SETTING}{FILTER}" not in args and not args.config:
        raise InputError(
            "--task filter: no filter is named.", hint=f"Say which: --filter {'|'.join(FILTERS)}."
        )
    settings = complete(build_settings(FilterSettings, args))
    if args.blocks or args.workers != 1 or args.scheduler:
        raise InputError(
            "--task filter works on whole images, by itself.",
            hint="Leave out --blocks, --workers and --scheduler.",
        )

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        original = read(source, args.axes)
        options = dict(settings)
        result = filter_image(original, options.pop(FILTER), report=report, **options)
        image = to_scale(result.image, original, args.scale, result.normalize)
        write(outputs[0], image, result.provenance.as_dict())
        return {FILTER: settings.filter}

    batch = Batch(args, {**settings.model_dump(), "scale": args.scale})
    batch.run(batch.collect(args.input), lambda source: planned(source, args), work)
    return batch.finish()


def planned(source: Path, args: argparse.Namespace) -> list[Path]:
    """Return the file that is written for `source`."""
    return [output_path(source, f"{RESTORED}.{args.format}", args.output)]
