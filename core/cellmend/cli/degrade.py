"""``cellmend degrade``: make clean images worse in a known way."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from cellmend.cli.arguments import add_everywhere, add_inputs, setting
from cellmend.cli.batch import Batch
from cellmend.cli.config import build_settings
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.io.folder import output_path
from cellmend.params import Settings
from cellmend.planes import check_finite
from cellmend.progress import Reporter

DEGRADED_TIF = "_degraded.tif"


MOST_PHOTONS = 1e6
"""At which the noise is a thousandth of the signal."""


class DegradeSettings(Settings):
    """How an image is made worse; 0, and a factor of 1, leave a step out."""

    poisson: Annotated[float, Field(ge=0, le=MOST_PHOTONS)] = 0.0
    blur: Annotated[float, Field(ge=0)] | None = None
    downsample: Annotated[int, Field(ge=1)] = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Blur, then drop pixels, then add Poisson noise; images are scaled to 0 at "
        "their 1st and 1 at their 99th percentile before and after. With --output the results "
        "keep the names of the inputs."
    )
    add_inputs(parser)
    parser.add_argument(
        "--poisson",
        type=float,
        metavar="S",
        help="photons at the 99th percentile",
        **setting("poisson"),
    )
    parser.add_argument(
        "--blur",
        type=float,
        metavar="STD",
        help="standard deviation of a Gaussian, in pixels (default: K/2 with --downsample K)",
        **setting("blur"),
    )
    parser.add_argument(
        "--downsample",
        type=int,
        metavar="K",
        help="keep every K-th pixel, then interpolate back",
        **setting("downsample"),
    )
    add_everywhere(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Degrade every input."""
    settings = build_settings(DegradeSettings, args)
    blur = settings.blur
    if blur is None:
        blur = settings.downsample / 2 if settings.downsample > 1 else 0.0
    if not (settings.poisson or blur or settings.downsample > 1):
        raise InputError("Nothing to do.", hint="Give --poisson, --blur or --downsample.")
    settings = settings.model_copy(update={"blur": blur})
    seed = args.seed or 0

    def plan(source: Path) -> list[Path]:
        return [output_path(source, ".tif" if args.output else DEGRADED_TIF, args.output)]

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        from cellmend.io import read
        from cellmend.io.tiff import write_image

        write_image(
            outputs[0],
            degrade_image(read(source, args.axes), settings, file_seed(source, seed), report),
        )
        return {}

    batch = Batch(args, {**settings.model_dump(), "seed": seed})
    batch.run(batch.collect(args.input), plan, work)
    return batch.finish()


def file_seed(source: Path, seed: int) -> np.random.Generator:
    """Return the generator of one file: the same alone as among others."""
    return np.random.default_rng([seed, zlib.crc32(source.name.encode())])


def degrade_image(
    image: Image, settings: DegradeSettings, rng: np.random.Generator, report: Reporter
) -> Image:
    """Return a degraded float32 copy, every plane of every channel by itself.

    Raises
    ------
    InputError
        If a value is NaN or infinite.
    """
    from cellmend.restore.degrade import Degradation, degrade

    check_finite(image.data)
    how = Degradation(settings.blur or 0.0, settings.downsample, settings.poisson)
    planes = image.data.reshape(-1, *image.data.shape[-2:])
    result = np.empty(planes.shape, np.float32)
    for index, plane in enumerate(planes):
        report.check()
        result[index] = degrade(plane, how, rng)
        report.step(index + 1, len(planes), "degrade")
    return replace(image, data=result.reshape(image.data.shape))
