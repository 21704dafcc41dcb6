"""Synthetic cells with true masks, to widen scarce training data.

Shapes are drawn first (`shapes`, `colonies`), then given a look (`looks`), then seen
through a microscope and a camera (`optics`).
"""

from cellmend.train.synthetic.generate import (
    KINDS,
    SyntheticImage,
    SyntheticSettings,
    synthetic_image,
    training_files,
    write_training_folder,
)

__all__ = [
    "KINDS",
    "SyntheticImage",
    "SyntheticSettings",
    "synthetic_image",
    "training_files",
    "write_training_folder",
]
