"""An image that is open already, but too large for what the networks make of it at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.io.windows import ImageWindows
from cellmend.params import BlockwiseSettings
from cellmend.progress import SILENT, Reporter
from cellmend.provenance import Provenance
from cellmend.scale.plan import Plan
from cellmend.scale.run import restore_image, run


def segment_open_image(
    image: Image, settings: BlockwiseSettings, device: str = "auto", report: Reporter = SILENT
) -> tuple[NDArray[np.uint32], Provenance]:
    """Find the cells of an image block by block; return its masks and the record of the run.

    Of what is made on the way, the memory holds no more than a block; a temporary folder takes
    the rest. Errors are those of `cellmend.scale.run.run`.
    """
    with tempfile.TemporaryDirectory(prefix="cellmend-") as workplace:
        plan = Plan(ImageWindows.of(image), settings, device)
        result = run(plan, Path(workplace), report=report)
        return np.asarray(result.labels[...], np.uint32), result.provenance


def restore_open_image(
    image: Image, settings: BlockwiseSettings, device: str = "auto", report: Reporter = SILENT
) -> tuple[Image, Provenance]:
    """Restore an image block by block; return the restored one and the record of the run.

    As `segment_open_image`; of the settings, only the diameter and how to restore are used.
    """
    with tempfile.TemporaryDirectory(prefix="cellmend-") as workplace:
        plan = Plan(ImageWindows.of(image), settings, device)
        restored = restore_image(plan, Path(workplace), report=report)
        return restored.image.read({}), restored.provenance
