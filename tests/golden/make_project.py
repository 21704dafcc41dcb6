"""Write the project file of the present version of the format; run once per version.

Files of earlier versions are never written again: they show that they are still read.
"""

from pathlib import Path

import numpy as np

from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.io.project import (
    ImageLayer,
    ImageReference,
    MaskLayer,
    PackedMasks,
    Project,
    Review,
    Step,
)
from cellmend.io.project.manifest import VERSION
from cellmend.labels.confidence import Confidence


def main() -> None:
    """Write ``project_v<version>.cellmend`` beside this script."""
    pixels = np.arange(192, dtype=np.uint16).reshape(12, 16)
    image = Image(pixels, "YX", ("DAPI",), {"Y": 0.5, "X": 0.5})
    masks = np.zeros(pixels.shape, np.uint32)
    masks[2:6, 3:9] = 1
    masks[7:11, 2:14] = 70_000
    project = Project(
        image=ImageReference.of(image, Path("/data/cells.tif"), embed=True),
        masks=(
            MaskLayer(
                "masks",
                PackedMasks.of(masks),
                frozenset({70_000}),
                (9, 8, 7),
                {"model": "generalist"},
                Confidence(
                    frames=np.zeros(2, np.int64),
                    labels=np.array([1, 70_000], np.uint32),
                    flow_errors=np.array([0.25, np.nan]),
                    cellprobs=np.array([3.5, -0.5]),
                ).after_editing([(0, 7)]),
            ),
            MaskLayer("before", PackedMasks.of(np.minimum(masks, 1))),
        ),
        layers=(ImageLayer("denoise", Image(pixels / np.float32(4)), {"model": "denoise"}),),
        settings={"diameter": 12.5},
        history=(Step("Segment", "2026-01-02T03:04:05+00:00"),),
        review=Review("done", "µ"),
    )
    projects.write(Path(__file__).with_name(f"project_v{VERSION}.cellmend"), project)


if __name__ == "__main__":
    main()
