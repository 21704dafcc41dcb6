"""``cellmend convert``: write images or masks in another format."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import add_everywhere, add_inputs
from cellmend.cli.batch import Batch, Find
from cellmend.errors import CellmendError, InputError
from cellmend.io.folder import (
    MASKS_PNG,
    MASKS_TIF,
    MASKS_ZARR,
    SEG_NPY,
    FileList,
    is_masks,
    list_images,
    list_masks,
    output_path,
)
from cellmend.progress import Reporter

IMAGE_FORMATS = ("tif", "zarr", "png", "npy")
SEG = "seg"
MASK_SUFFIXES = {
    "tif": MASKS_TIF,
    "png": MASKS_PNG,
    "zarr": MASKS_ZARR,
    "npy": "_cp_masks.npy",
    SEG: SEG_NPY,
}
_ENDING = {SEG: ".npy"}
_FILE_ENDINGS = {"tif": (".tif", ".tiff")}
"""How the name of a single file of a format may end; else as `ending` says."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Write each image as <stem>.FORMAT, with its axes, channel names and pixel size as far"
        " as the format holds them. Masks (a _seg.npy, or a file named _masks) become masks,"
        " named <stem>_cp_masks.FORMAT or <stem>_seg.npy. Of a folder the images are taken, with"
        " --masks or --to seg the masks."
    )
    add_inputs(parser)
    parser.add_argument(
        "--to",
        required=True,
        choices=(*IMAGE_FORMATS, SEG),
        metavar="FORMAT",
        help="tif (OME-TIFF), zarr (OME-Zarr), png, npy (bare pixels), or of masks seg (_seg.npy)",
    )
    parser.add_argument(
        "--masks",
        action="store_true",
        help="take all inputs as masks, whatever their names; of folders those so named, if any",
    )
    add_everywhere(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert every input."""
    batch = Batch(args, {"to": args.to, "axes": args.axes})
    sources = batch.collect(args.input, finder(args))
    endings = _FILE_ENDINGS.get(args.to, (ending(args.to),))
    one_file = args.output is not None and args.output.suffix.lower() in endings
    if one_file and len(sources) > 1:
        raise InputError(
            f"{args.output} is one file, but there are {len(sources)} inputs.",
            hint="Name a folder.",
        )

    def plan(source: Path) -> list[Path]:
        return [args.output] if one_file else [planned(source, args)]

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        if takes_masks(source, args):
            return convert_masks(source, outputs[0], args.to)
        return convert_image(source, outputs[0], args.axes)

    batch.run(sources, plan, work)
    return batch.finish()


def ending(to: str) -> str:
    """Return how files of a format end."""
    return _ENDING.get(to, f".{to}")


def finder(args: argparse.Namespace) -> Find:
    """Return what finds the files of the inputs: images, or masks where those are asked for."""
    if args.masks:
        return _masks_or_else_images
    return list_masks if args.to == SEG else list_images


def _masks_or_else_images(inputs: Iterable[str]) -> FileList:
    named = list_masks(inputs)
    return named if named.files else list_images(inputs)


def takes_masks(source: Path, args: argparse.Namespace) -> bool:
    """Tell whether a file is to be read as masks."""
    return bool(args.masks or args.to == SEG or is_masks(source))


def planned(source: Path, args: argparse.Namespace) -> Path:
    """Return the file that is written for `source`."""
    if not takes_masks(source, args):
        return output_path(source, ending(args.to), args.output)
    stem = source.stem
    for end in ("_seg", "_cp_masks", "_masks"):
        stem = stem.removesuffix(end)
    return output_path(source.with_name(f"{stem}.tif"), MASK_SUFFIXES[args.to], args.output)


def convert_image(source: Path, target: Path, axes: str | None) -> Mapping[str, Any]:
    """Write an image in the format that the target's name says."""
    from cellmend.io import read, write

    image = read(source, axes)
    write(target, image, image_provenance(source))
    return {"axes": image.axes, "shape": list(image.data.shape)}


def image_provenance(source: Path) -> Mapping[str, Any] | None:
    """Return the provenance that Cellmend stored in a file, so that the copy keeps it."""
    from cellmend.io import ome_zarr, tiff

    if ome_zarr.is_zarr(source):
        return ome_zarr.read_provenance(source)
    is_tiff = source.suffix.lower() in (".tif", ".tiff")
    return tiff.read_provenance(source) if is_tiff else None


def convert_masks(source: Path, target: Path, to: str) -> Mapping[str, Any]:
    """Write masks in another format, with their axes and pixel size as far as it holds them."""
    import numpy as np

    from cellmend.io import seg_npy
    from cellmend.io.labels import read_labels, write_labels

    masks = read_labels(source)
    if to == SEG:
        seg_npy.write(target, seg_npy.SegFile(masks=masks, filename=_image_name(source)))
    else:
        write_labels(target, masks, **_about(source, masks.shape))
    return {"cells": int(np.count_nonzero(np.unique(masks)))}


def _about(source: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what `write_labels` is told of masks of this shape, if their file says it."""
    from cellmend.io.windows import ImageWindows

    try:
        about = ImageWindows(source).about
    except CellmendError:  # a _seg.npy, for one, is no image
        return {}
    space = about.axes.replace("C", "")
    if about.guessed_axes or shape != tuple(about.size(axis) for axis in space):
        return {}
    return {"axes": space, "pixel_size_um": about.pixel_size_um}


def _image_name(masks: Path) -> str:
    """Return the image that masks belong to, if it lies beside them."""
    from cellmend.io.folder import images_in

    stem = masks.stem.removesuffix("_masks").removesuffix("_cp")
    beside = [file for file in images_in(masks.parent) if file.stem in (stem, f"{stem}_img")]
    return str(beside[0]) if beside else ""
