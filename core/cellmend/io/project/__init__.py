"""The project file (``.cellmend``): an image, masks in layers, and how they came about.

`model` is what a project is, `manifest` and `packing` how it is written, `archive` the
file itself. The format is told byte by byte in ``docs/project-file.md``.
"""

from cellmend.io.project.archive import ENDING, read, write
from cellmend.io.project.image import checksum, find_image, load_image
from cellmend.io.project.model import (
    ImageLayer,
    ImageReference,
    MaskLayer,
    Project,
    Review,
    Step,
)
from cellmend.io.project.packing import PackedMasks

__all__ = [
    "ENDING",
    "ImageLayer",
    "ImageReference",
    "MaskLayer",
    "PackedMasks",
    "Project",
    "Review",
    "Step",
    "checksum",
    "find_image",
    "load_image",
    "read",
    "write",
]
