"""``cellmend train``: train a model, or fine-tune one on corrected images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cellmend.cli.arguments import (
    SETTING,
    add_everywhere,
    add_normalization,
    channels,
    numbers,
    setting,
    whole_numbers,
)
from cellmend.cli.config import build_settings
from cellmend.cli.terminal import TerminalReporter
from cellmend.errors import InputError
from cellmend.params import BackboneName, TrainSettings

if TYPE_CHECKING:
    from cellmend.train.jobs import Job

METHODS = ("noise2void", "noise2self", "paired")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Train on images with masks beside them (a_masks.tif beside a.tif or "
        "a_img.tif, or a_seg.npy); with --method also on noisy images alone, or on "
        "a_noisy.tif beside a_clean.tif. The model lands among your own and is ready to use."
    )
    parser.add_argument(
        "kind", choices=("segmentation", "restoration", "size"), help="what to train"
    )
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help="folders, or images")
    parser.add_argument("--name", metavar="NAME", help="name of the new model", **setting("name"))
    parser.add_argument(
        "--from",
        metavar="MODEL",
        help="the model to start from (default: from scratch)",
        **setting("start_from"),
    )
    parser.add_argument(
        "--validation",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="held-out folders (default: a share of the images)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a stopped training")
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="FILE.png",
        help="train nothing, write a picture of what the network would see",
    )
    _add_data(parser.add_argument_group("data"))
    _add_task(parser.add_argument_group("task"))
    _add_optimisation(parser.add_argument_group("optimisation"))
    add_normalization(parser)
    add_everywhere(parser, batch_size="batch_size", training=True)
    parser.set_defaults(run=run)


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights",
        type=numbers,
        metavar="W,W...",
        help="how often each DATA is drawn from (default: by the square root of its size)",
        **setting("sampling_weights"),
    )
    group.add_argument(
        "--validation-share",
        type=float,
        metavar="S",
        help="share of the images to hold out where no --validation is given (default: 0.1)",
        **setting("validation_share"),
    )
    group.add_argument(
        "--channels",
        type=channels,
        metavar="A[,B]",
        help="the channel to segment (0: mean of all) and the nuclear one (0: none)",
        **setting("channels"),
    )
    group.add_argument(
        "--partial",
        action="store_true",
        help="not all cells have masks: learn from those that do, and close around them, alone",
        **setting("partial"),
    )
    group.add_argument(
        "--empty",
        action="store_true",
        help="learn from images without cells too: they teach what is no cell",
        **setting("empty"),
    )
    group.add_argument(
        "--tone",
        type=float,
        metavar="S",
        help="share of the crops whose light is changed: gamma, contrast, haze, uneven "
        "illumination (default: 0)",
        **setting("tone"),
    )
    group.add_argument(
        "--crop", type=int, metavar="PX", help="side of the crops", **setting("crop")
    )


def _add_task(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--task",
        choices=("denoise", "deblur", "upsample"),
        help="what a restoration model mends (default: denoise)",
    )
    group.add_argument(
        "--loss",
        type=three_numbers,
        metavar="PER,SEG,REC",
        help="weights of the perceptual, segmentation and reconstruction losses of restoration "
        "(default: 1,1.5,0)",
    )
    group.add_argument(
        "--segmenter",
        metavar="MODEL",
        help="the segmentation model that judges restored images (default: generalist)",
    )
    group.add_argument(
        "--method",
        choices=METHODS,
        help="restoration without masks: from noisy images alone, or from noisy and clean ones",
    )
    group.add_argument(
        "--diameter",
        type=float,
        metavar="PX",
        help="with --method: of the cells in the images (default: 30)",
    )
    group.add_argument(
        "--degrade",
        choices=("denoise", "deblur", "upsample"),
        help="segmentation: degrade the images as for training this restoration",
    )


def _add_optimisation(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--epochs", type=int, metavar="N", **setting("epochs"))
    group.add_argument(
        "--images-per-epoch",
        type=int,
        metavar="N",
        help="crops in an epoch (default: one of each image)",
        **setting("images_per_epoch"),
    )
    group.add_argument("--optimizer", choices=("adamw", "muon", "sgd"), **setting("optimizer"))
    group.add_argument("--learning-rate", type=float, metavar="R", **setting("learning_rate"))
    group.add_argument("--schedule", choices=("cosine", "step"), **setting("schedule"))
    group.add_argument(
        "--average-decay",
        type=float,
        metavar="D",
        help="keep a moving average of the weights, such as 0.999 (default: 0, none)",
        **setting("average_decay"),
    )
    group.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after so many epochs without progress on the validation images",
        **setting("patience"),
    )
    group.add_argument(
        "--backbone",
        choices=get_args(BackboneName),
        help="kind of a network trained from scratch (default: unet)",
        **setting("backbone"),
    )
    group.add_argument(
        "--widths",
        type=whole_numbers,
        metavar="N,N...",
        help="channels of the levels of a network trained from scratch",
        **setting("widths"),
    )
    group.add_argument(
        "--widen",
        action="store_true",
        help="double the channels of the model started from",
        **setting("widen"),
    )


def three_numbers(text: str) -> tuple[float, ...]:
    """Read the weights of the three losses."""
    values = numbers(text)
    if len(values) != 3:
        raise ValueError("three weights are needed")
    return values


def run(args: argparse.Namespace) -> int:
    """Train one model."""
    if args.examples:
        vars(args).setdefault(f"{SETTING}name", "examples")  # no model is made
    settings = build_settings(TrainSettings, args)
    check_combination(args)
    if args.skip_existing and exists(settings.name):
        tell(args, {"event": "skipped", "name": settings.name})
        return 0
    if args.dry_run:
        tell(
            args,
            {"event": "planned", "epochs": settings.epochs, "images": count_images(args)},
        )
        return 0
    with TerminalReporter(settings.name) as report:
        train(args, settings, report)
    return 0


def check_combination(args: argparse.Namespace) -> None:
    """Refuse switches that do not belong to what is trained."""
    foreign = {
        "segmentation": ("task", "loss", "segmenter", "method", "diameter"),
        "restoration": ("degrade",),
        "size": ("task", "loss", "segmenter", "method", "diameter", "degrade", "tone", "examples"),
    }[args.kind]
    if args.kind == "restoration":
        foreign += ("loss", "segmenter") if args.method else ("diameter",)
    if args.method:
        foreign += ("tone",)
    if args.method in ("noise2void", "noise2self"):
        foreign += ("task",)
    for name in foreign:
        if getattr(args, name, None) or f"{SETTING}{name}" in args:
            what = f"{args.kind} --method {args.method}" if args.method else args.kind
            raise InputError(f"--{name} does not belong to training {what}.")


def count_images(args: argparse.Namespace) -> int:
    """Return how many images would be trained on."""
    from cellmend.io.noisy import noisy_clean_files, noisy_files
    from cellmend.io.pairs import training_pairs

    if args.method is None:
        return len(training_pairs(args.data))
    files = noisy_clean_files if args.method == "paired" else noisy_files
    return len(files(args.data))


def exists(name: str) -> bool:
    """Whether a model of this name is installed."""
    from cellmend.registry import list_models

    return any(entry.name == name for entry in list_models())


def train(args: argparse.Namespace, settings: TrainSettings, report: TerminalReporter) -> None:
    """Call the library with what was asked for."""
    if args.kind == "size":
        train_size(args, settings, report)
        return
    from cellmend.train.examples import write_examples
    from cellmend.train.job import Listeners
    from cellmend.train.job import train as train_model

    job = make_job(args, settings)
    if args.examples:
        write_examples(args.examples, job, report)
        tell(args, {"event": "examples", "picture": str(args.examples)})
        return
    train_model(job, Listeners(lambda event: tell(args, event), report, args.resume))


def make_job(args: argparse.Namespace, settings: TrainSettings) -> Job:
    """Prepare what was asked for."""
    from cellmend.train import jobs

    names = ("task", "loss", "segmenter", "diameter", "degrade")
    options = {name: getattr(args, name) for name in names if getattr(args, name)}
    options["validation"] = args.validation or None
    if args.kind == "segmentation":
        return jobs.segmentation(args.data, settings, **options)
    if args.method is None:
        return jobs.restoration(args.data, settings, **options)
    if args.method == "paired":
        return jobs.paired(args.data, settings, **options)
    return jobs.blind(args.data, settings, method=args.method, **options)


def train_size(args: argparse.Namespace, settings: TrainSettings, report: TerminalReporter) -> None:
    """Train a size model; of the settings it takes those that make sense for it."""
    from cellmend.train.size import EPOCHS, size

    entry = size(
        args.data,
        name=settings.name,
        start_from=settings.start_from or "generalist",
        epochs=settings.epochs if f"{SETTING}epochs" in args else EPOCHS,
        seed=settings.seed,
        device=settings.device,
        report=report,
    )
    tell(args, {"event": "done", "model": str(entry.path), "name": entry.name})


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
