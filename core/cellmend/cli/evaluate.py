"""``cellmend evaluate``: compare masks with true masks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from cellmend.cli.arguments import add_everywhere, numbers, setting
from cellmend.cli.batch import Batch, FileResult
from cellmend.cli.config import build_settings
from cellmend.errors import CellmendError, InputError
from cellmend.io.ome_zarr import is_zarr
from cellmend.params import Settings
from cellmend.progress import Reporter

ENDINGS = ("_seg", "_masks", "_cp", "_restored", "_degraded", "_img")
SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".npy")

IoU = Annotated[float, Field(gt=0, le=1)]


class EvaluateSettings(Settings):
    """The overlaps at which a cell counts as found."""

    thresholds: Annotated[tuple[IoU, ...], Field(min_length=1)] = (0.5, 0.75, 0.9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Average precision TP / (TP + FP + FN) per file and its mean over files. "
        "Files of two folders belong together when their names agree without endings such as "
        "_img, _masks and _cp_masks."
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="true masks: file or folder")
    parser.add_argument("prediction", type=Path, metavar="PREDICTION", help="masks: file or folder")
    parser.add_argument(
        "--thresholds",
        type=numbers,
        metavar="T,...",
        help="overlaps (IoU) at which a cell counts as found (default: 0.5,0.75,0.9)",
        **setting("thresholds"),
    )
    add_everywhere(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate every pair and the mean over them."""
    settings = build_settings(EvaluateSettings, args)
    for path in (args.truth, args.prediction):
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder.")
    batch = Batch(args, settings.model_dump())
    pairs = find_pairs(args.truth, args.prediction, batch)
    scores: list[dict[str, Any]] = []

    def work(truth: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        scores.append(compare(truth, pairs[truth], settings.thresholds))
        return {"prediction": str(pairs[truth]), **scores[-1]}

    batch.run(list(pairs), lambda truth: [], work)
    totals = summarize(scores, settings.thresholds)
    if scores and not args.json:
        print_totals(totals)
    return batch.finish(**totals)


def name_key(path: Path) -> str:
    """Return what the names of an image, its true masks and its found masks share."""
    key = path.stem
    while ending := next((one for one in ENDINGS if key.endswith(one)), ""):
        key = key.removesuffix(ending)
    return key


def mask_files(path: Path, prefer_found: bool) -> dict[str, Path]:
    """Return the mask files of a folder, or one file, by the key of their names.

    Parameters
    ----------
    path
        File or folder; a folder without mask names is taken to hold only masks.
    prefer_found
        Whether ``_cp_masks`` stands before ``_masks`` where a folder holds both.
    """
    if _is_one(path):
        return {name_key(path): path}
    every = sorted(
        file for file in path.iterdir() if file.suffix.lower() in SUFFIXES or is_zarr(file)
    )
    named = [file for file in every if file.stem.endswith(("_masks", "_seg"))]
    by_preference = sorted(
        named or every, key=lambda file: file.stem.endswith("_cp_masks") == prefer_found
    )
    return {name_key(file): file for file in by_preference}


def _is_one(path: Path) -> bool:
    """Tell whether a path is one image of masks: a file, or the folder that an OME-Zarr is."""
    return path.is_file() or is_zarr(path)


def find_pairs(truth: Path, prediction: Path, batch: Batch) -> dict[Path, Path]:
    """Return the prediction that belongs to each truth; what is left alone is a failure."""
    truths, predictions = mask_files(truth, False), mask_files(prediction, True)
    if _is_one(truth) and _is_one(prediction):
        return {truth: prediction}
    for key in sorted(truths.keys() - predictions.keys()):
        batch.add(
            FileResult(str(truths[key]), "failed", reason=f"nothing in {prediction} fits it.")
        )
    if not _is_one(truth):
        for key in sorted(predictions.keys() - truths.keys()):
            reason = f"no true masks in {truth} fit it."
            batch.add(FileResult(str(predictions[key]), "failed", reason=reason))
    if not truths:
        batch.add(FileResult(str(truth), "failed", reason="there are no masks here."))
    return {truths[key]: predictions[key] for key in truths if key in predictions}


def compare(truth: Path, prediction: Path, thresholds: tuple[float, ...]) -> dict[str, Any]:
    """Return the agreement of two mask files."""
    from cellmend.io.labels import read_labels
    from cellmend.metrics import match

    true, found = read_labels(truth), read_labels(prediction)
    if true.shape != found.shape:
        raise CellmendError(f"its shape is {true.shape}, that of {prediction} is {found.shape}.")
    matching = match(true, found, thresholds)
    counts = {name: np.asarray(getattr(matching, name)) for name in ("tp", "fp", "fn")}
    return {
        "average_precision": np.asarray(matching.average_precision, float).round(6).tolist(),
        **{name: count.astype(int).tolist() for name, count in counts.items()},
        "cells_true": int((counts["tp"] + counts["fn"])[0]),
        "cells_found": int((counts["tp"] + counts["fp"])[0]),
    }


def summarize(scores: list[dict[str, Any]], thresholds: tuple[float, ...]) -> dict[str, Any]:
    """Return the mean average precision over images, and rates per true mask."""
    if not scores:
        return {"images": 0, "thresholds": list(thresholds)}
    cells = max(sum(score["cells_true"] for score in scores), 1)
    precision = np.mean([score["average_precision"] for score in scores], axis=0)
    counts = {
        name: np.sum([score[name] for score in scores], axis=0) for name in ("tp", "fp", "fn")
    }
    return {
        "images": len(scores),
        "thresholds": list(thresholds),
        "mean_average_precision": precision.round(6).tolist(),
        **{name: count.tolist() for name, count in counts.items()},
        **{f"{name}_rate": (count / cells).round(6).tolist() for name, count in counts.items()},
    }


def print_totals(totals: Mapping[str, Any]) -> None:
    """Print one line per threshold."""
    print(f"\n{totals['images']} images")
    print(f"{'IoU':>6} {'mean AP':>8} {'TP':>7} {'FP':>7} {'FN':>7}")
    names = ("thresholds", "mean_average_precision", "tp", "fp", "fn")
    for threshold, precision, tp, fp, fn in zip(*(totals[name] for name in names), strict=True):
        print(f"{threshold:6.2f} {precision:8.4f} {tp:7d} {fp:7d} {fn:7d}")
