"""``cellmend segment``: find the cells of images."""

from __future__ import annotations

import argparse
from pathlib import Path

from cellmend.cli.arguments import (
    add_everywhere,
    add_inputs,
    add_normalization,
    channels,
    diameter,
    setting,
    words,
)
from cellmend.cli.batch import Batch
from cellmend.cli.config import build_settings
from cellmend.cli.job import run_job
from cellmend.cli.save import FORMATS, check_kinds, planned
from cellmend.cli.segment_job import SegmentFiles, in_blocks
from cellmend.cli.workers import add_worker_switches
from cellmend.params import BlockwiseSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Write the masks of each input beside it, or into a folder."
    add_inputs(parser)
    parser.add_argument(
        "--save",
        type=words,
        default=("tif",),
        metavar="KIND,...",
        help=f"what to write: {', '.join(FORMATS)} (default: tif)",
    )
    parser.add_argument(
        "--restore",
        action="append",
        metavar="TASK|MODEL[:CHANNEL,...]|filter:NAME[:SETTING=F,...]",
        help="restore first, all channels or those named (from 1), or filter; may be given again, "
        "for a further step or another channel",
        **setting("restore"),
    )
    parser.add_argument(
        "--model", metavar="NAME|PATH", help="default: generalist", **setting("model")
    )
    parser.add_argument(
        "--diameter",
        type=diameter,
        metavar="PX|auto",
        help="diameter of the cells in pixels (default: auto)",
        **setting("diameter"),
    )
    parser.add_argument(
        "--channels",
        type=channels,
        metavar="A[,B]",
        help="the channel to segment (0: the mean of all) and the nuclear one (0: none), from 1",
        **setting("channels"),
    )
    add_mask_switches(parser)
    add_volume_switches(parser)
    add_block_switches(parser)
    add_worker_switches(parser)
    add_normalization(parser)
    add_everywhere(parser, batch_size="tiles.batch_size")
    parser.set_defaults(run=run)


def add_mask_switches(parser: argparse.ArgumentParser) -> None:
    """Add what decides which masks are kept."""
    group = parser.add_argument_group("masks")
    group.add_argument(
        "--flow-threshold",
        type=float,
        metavar="F",
        help="drop cells whose shape disagrees with the flows more than this (default: 0.4)",
        **setting("masks.flow_threshold"),
    )
    group.add_argument(
        "--cellprob-threshold",
        type=float,
        metavar="F",
        help="lower finds more and larger cells (default: 0)",
        **setting("masks.cellprob_threshold"),
    )
    group.add_argument(
        "--min-size",
        type=int,
        metavar="N",
        help="drop cells of fewer pixels; -1 keeps all (default: 15)",
        **setting("masks.min_size"),
    )
    group.add_argument(
        "--max-size-fraction",
        type=float,
        metavar="F",
        help="drop cells that fill more than this share of the plane or, with --do-3d, of the "
        "volume (default: 0.4)",
        **setting("masks.max_size_fraction"),
    )
    group.add_argument(
        "--exclude-on-edges",
        action="store_true",
        help="drop cells that touch the border of the plane; in volumes the border in Y and X",
        **setting("masks.exclude_on_edges"),
    )
    group.add_argument(
        "--niter",
        type=int,
        metavar="N",
        help="steps along the flows; long thin cells want 2000",
        **setting("masks.niter"),
    )
    group.add_argument(
        "--augment",
        action="store_true",
        help="average over four flips of the image: slower, a little better",
        **setting("tiles.augment"),
    )


def add_volume_switches(parser: argparse.ArgumentParser) -> None:
    """Add what decides how planes become a volume."""
    group = parser.add_argument_group("volumes")
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--stitch-threshold",
        type=float,
        metavar="F",
        help="link cells of consecutive planes that overlap (IoU) more than this",
        **setting("stitch_threshold"),
    )
    how.add_argument(
        "--do-3d",
        action="store_true",
        help="run the network on all three directions of the volume",
        **setting("do_3d"),
    )
    group.add_argument(
        "--anisotropy",
        type=float,
        metavar="F",
        help="distance between planes divided by the pixel size",
        **setting("anisotropy"),
    )
    group.add_argument(
        "--flow-smoothing",
        type=float,
        metavar="S",
        help="after --do-3d, smooth the flows by a Gaussian of this many voxels (default: 0)",
        **setting("flow_smoothing"),
    )


def add_block_switches(parser: argparse.ArgumentParser) -> None:
    """Add what decides how images larger than the memory are cut."""
    group = parser.add_argument_group("images larger than the memory")
    group.add_argument(
        "--blocks",
        type=int,
        metavar="PX",
        help="work block by block, each of this side; very large TIFF and OME-Zarr images are "
        "done so by themselves",
        **setting("blocks"),
    )
    group.add_argument(
        "--block-depth",
        type=int,
        metavar="N",
        help="planes of a block of a volume (default: 64)",
        **setting("block_depth"),
    )
    group.add_argument(
        "--block-overlap",
        type=int,
        metavar="PX",
        help="how far is seen around a block (default: twice the diameter); no less than the "
        "largest cell",
        **setting("block_overlap"),
    )


def run(args: argparse.Namespace) -> int:
    """Segment every input."""
    settings = build_settings(BlockwiseSettings, args)
    kinds = check_kinds(args.save, settings)
    job = SegmentFiles(settings, kinds, args.output, args.axes, args.device or "auto")
    job.check()

    def plan(source: Path) -> list[Path]:
        return planned(source, kinds, args.output)

    batch = Batch(args, settings.model_dump())
    return run_job(job, batch, args, plan, lambda source: in_blocks(source, settings, kinds))
