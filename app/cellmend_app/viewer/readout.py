"""What is under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend_app.document import Document


@dataclass(frozen=True)
class Readout:
    """What is under the pointer.

    Parameters
    ----------
    y, x
        The pixel of the raw image.
    z, t
        The plane, where there are several along these axes.
    label
        The id of the cell there, 0 for none.
    names, values
        Name and raw value of each channel.
    restored
        The restored value of each channel, if there is a restored layer.
    """

    y: int
    x: int
    label: int
    names: tuple[str, ...]
    values: tuple[float, ...]
    restored: tuple[float, ...] = ()
    z: int | None = None
    t: int | None = None

    def text(self) -> str:
        """Say it in a line."""
        planes = (("t", self.t), ("z", self.z))
        where = [f"{axis} {index}" for axis, index in planes if index is not None]
        where += [f"y {self.y}", f"x {self.x}"]
        if len(self.values) == 1:
            values = f"{self.values[0]:.6g}"
        else:
            pairs = zip(self.names, self.values, strict=True)
            values = "  ".join(f"{name} {value:.6g}" for name, value in pairs)
        parts = ["  ".join(where), values]
        if self.restored:
            parts.append("restored " + "  ".join(f"{value:.4g}" for value in self.restored))
        if self.label:
            parts.append(f"cell {self.label}")
        return "   ·   ".join(parts)


def read_at(
    document: Document, restored: NDArray[np.generic] | None, y: int, x: int
) -> Readout | None:
    """Return what a document has at a pixel of the plane on show; None outside the image."""
    image, plane = document.image, document.display
    if image is None or plane is None:
        return None
    if not (0 <= y < plane.shape[1] and 0 <= x < plane.shape[2]):
        return None
    beside: tuple[float, ...] = ()
    if restored is not None:
        row = y * restored.shape[1] // plane.shape[1]
        column = x * restored.shape[2] // plane.shape[2]
        beside = tuple(float(value) for value in restored[:, row, column])
    frame, depth = divmod(document.plane, image.size("Z"))
    return Readout(
        y,
        x,
        document.id_at(y, x),
        image.channel_names,
        tuple(float(value) for value in plane[:, y, x]),
        beside,
        depth if "Z" in image.axes else None,
        frame if "T" in image.axes else None,
    )
