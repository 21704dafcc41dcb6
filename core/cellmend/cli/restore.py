"""``cellmend restore``: denoise, deblur or upsample images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmend.chain import restore_at_estimate, restore_in_turn
from cellmend.cli.arguments import SETTING, add_everywhere, add_inputs, diameter, setting
from cellmend.cli.batch import Batch, Work
from cellmend.cli.config import build_settings
from cellmend.io.folder import RESTORED_TIF, output_path
from cellmend.params import RestoreSettings
from cellmend.progress import Reporter
from cellmend.restore.degrade import TASKS
from cellmend.restore.scale import SCALES

SETTING_MODEL = f"{SETTING}model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Write a restored image beside each input, which stays as it is."
    add_inputs(parser)
    parser.add_argument("--task", choices=TASKS, help="what to mend (default: denoise)")
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
        "--scale",
        choices=SCALES,
        default="unit",
        help="values of the result: as in the original (raw), 0 to 1 (unit, the default), "
        "or the full range of an integer type",
    )
    add_everywhere(parser, batch_size="tiles.batch_size")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore every input."""
    from cellmend.registry import find

    if args.task and SETTING_MODEL not in args:
        setattr(args, SETTING_MODEL, args.task)
    auto = getattr(args, f"{SETTING}diameter", 0) is None
    if auto:
        delattr(args, f"{SETTING}diameter")
    settings = build_settings(RestoreSettings, args)
    find(settings.model)
    batch = Batch(args, {**settings.model_dump(), "scale": args.scale})
    work = None if args.dry_run else make_work(args, settings, auto)
    batch.run(batch.collect(args.input), lambda source: planned(source, args.output), work)
    return batch.finish()


def planned(source: Path, folder: Path | None) -> list[Path]:
    """Return the file that is written for `source`."""
    return [output_path(source, RESTORED_TIF, folder)]


def make_work(args: argparse.Namespace, settings: RestoreSettings, auto: bool) -> Work:
    """Load the networks; return what is done with each file.

    Parameters
    ----------
    args
        The parsed command line.
    settings
        Of the restoration.
    auto
        Whether the diameter of each image is estimated by the segmentation network.
    """
    from cellmend.io import read
    from cellmend.io.tiff import write_image
    from cellmend.restore import Restorer, to_scale
    from cellmend.segment import Segmenter

    device = args.device or "auto"
    restorer = Restorer(settings.model, device)
    segmenter = Segmenter(device=device) if auto else None
    options: dict[str, Any] = {"normalize": settings.normalize, "tiles": settings.tiles}

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        original = read(source)
        if segmenter is None:
            steps = restore_in_turn(original, [restorer], settings.diameter, report, **options)
        else:
            steps = restore_at_estimate(original, [restorer], segmenter, report, **options)
        result = steps[-1]
        image = to_scale(result.image, original, args.scale)
        write_image(outputs[0], image, provenance=result.provenance.as_dict())
        size = result.provenance.settings["diameter"]
        return {"model": settings.model, "diameter": round(size, 2)}

    return work
