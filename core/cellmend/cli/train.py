"""``cellmend train``: train a model, or fine-tune one on corrected images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import add_everywhere, numbers, setting
from cellmend.cli.config import build_settings
from cellmend.cli.terminal import TerminalReporter
from cellmend.errors import CellmendError, InputError
from cellmend.params import TrainSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Train on images with masks beside them (a_masks.tif beside a.tif or "
        "a_img.tif, or a_seg.npy). The model lands among your own and is ready to use."
    )
    parser.add_argument("kind", choices=("segmentation", "restoration"), help="what to train")
    parser.add_argument(
        "data", nargs="+", type=Path, metavar="DATA", help="folders, or images with masks"
    )
    parser.add_argument("--name", metavar="NAME", help="name of the new model", **setting("name"))
    parser.add_argument(
        "--from",
        metavar="MODEL",
        help="the model to start from (default: from scratch)",
        **setting("start_from"),
    )
    parser.add_argument("--epochs", type=int, metavar="N", **setting("epochs"))
    parser.add_argument("--learning-rate", type=float, metavar="R", **setting("learning_rate"))
    parser.add_argument(
        "--task",
        choices=("denoise", "deblur", "upsample"),
        help="what a restoration model mends (default: denoise)",
    )
    parser.add_argument(
        "--loss",
        type=three_numbers,
        metavar="PER,SEG,REC",
        help="weights of the perceptual, segmentation and reconstruction losses of restoration "
        "(default: 1,1.5,0)",
    )
    parser.add_argument(
        "--validation", nargs="+", type=Path, default=[], metavar="DIR", help="held-out folders"
    )
    parser.add_argument("--resume", action="store_true", help="go on with a stopped training")
    add_everywhere(parser, batch_size="batch_size", training=True)
    parser.set_defaults(run=run)


def three_numbers(text: str) -> tuple[float, ...]:
    """Read the weights of the three losses."""
    values = numbers(text)
    if len(values) != 3:
        raise ValueError("three weights are needed")
    return values


def run(args: argparse.Namespace) -> int:
    """Train one model."""
    settings = build_settings(TrainSettings, args)
    if args.kind == "segmentation" and (args.task or args.loss):
        raise InputError("--task and --loss belong to restoration.")
    if args.skip_existing and exists(settings.name):
        tell(args, {"event": "skipped", "name": settings.name})
        return 0
    if args.dry_run:
        from cellmend.io.pairs import training_pairs

        images = len(training_pairs(args.data))
        tell(args, {"event": "planned", "epochs": settings.epochs, "images": images})
        return 0
    try:
        with TerminalReporter(settings.name) as report:
            train(args, settings, report)
    except CellmendError as error:
        if args.json:
            tell(args, {"event": "error", "message": str(error)})
        raise
    return 0


def exists(name: str) -> bool:
    """Whether a model of this name is installed."""
    from cellmend.registry import list_models

    return any(entry.name == name for entry in list_models())


def train(args: argparse.Namespace, settings: TrainSettings, report: TerminalReporter) -> None:
    """Call the library with what was asked for."""
    from cellmend.train import restoration, segmentation

    options: dict[str, Any] = {
        **dict(settings),
        "validation": args.validation or None,
        "resume": args.resume,
        "on_event": lambda event: tell(args, event),
        "report": report,
    }
    if args.kind == "segmentation":
        segmentation(args.data, **options)
        return
    own = {name: getattr(args, name) for name in ("task", "loss") if getattr(args, name)}
    restoration(args.data, **options, **own)


def tell(args: argparse.Namespace, event: dict[str, Any]) -> None:
    """Print an event: as JSON, or as a line for a person."""
    if args.json:
        print(json.dumps(event), flush=True)
        return
    rest = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in event.items()
        if name != "event" and value is not None
    ]
    print(f"{event['event']}: {', '.join(rest)}", flush=True)
