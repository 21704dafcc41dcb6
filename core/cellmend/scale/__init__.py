"""Images larger than the memory, and work shared by several processes or machines.

An image is cut into blocks that overlap (`blocks`), as a `plan` says. Every block is scaled by
the limits of the whole image (`scaling`), restored (`restore`) and segmented (`segment`) for
itself, by whichever worker is free (`workers`, `dask_workers`); what is made of it is kept on
the disk (`stage`), so that a run that was stopped goes on where it was. In the end the labels
of neighbouring blocks are joined where they are parts of one cell (`join`). The result does not
depend on who worked on which block, or when.
"""

from collections.abc import Sequence
from math import prod

LARGEST_PLANE = 1 << 26
LARGEST_WHOLE = 1 << 27
"""Values of an image, or a plane of it, from which it is done in blocks unless the person says
otherwise."""


def is_large(shape: Sequence[int]) -> bool:
    """Tell whether an image of this shape is done in blocks."""
    return prod(shape[-2:]) > LARGEST_PLANE or prod(shape) > LARGEST_WHOLE
