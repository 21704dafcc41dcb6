"""Layers beside the raw image, and how an image is cut into the planes on show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.params import NormalizeSettings
from cellmend.provenance import Provenance

PLANE_AXES = "TZ"


@dataclass(frozen=True, eq=False)
class RestoredLayer:
    """A restored image; it may be larger than the raw one, labels stay in raw pixels.

    Parameters
    ----------
    name
        What made it, for instance ``denoise``.
    image
        The restored pixels, with the axes of the raw image.
    provenance
        The record of the run, if known.
    """

    name: str
    image: Image
    provenance: Provenance | None = None

    @property
    def normalize(self) -> NormalizeSettings:
        """How the image was scaled before it was restored; as usual where that is not known."""
        said = self.provenance.settings.get("normalize") if self.provenance else None
        return NormalizeSettings.model_validate(said or {})

    def sized_as(self, raw: Image) -> RestoredLayer:
        """Return it with the pixel size of the raw image, smaller where its pixels are more."""
        image = self.image
        size = {
            axis: um * raw.size(axis) / image.size(axis)
            for axis, um in (raw.pixel_size_um or {}).items()
        }
        return replace(self, image=replace(image, pixel_size_um=size or None))


@dataclass(frozen=True, eq=False)
class FlowLayer:
    """What the network said in the last run.

    Parameters
    ----------
    flows
        float32 (2, Y, X) or (3, Z, Y, X), 5 times the unit flow; (2, Z, Y, X) where
        planes were run one by one.
    cellprob
        float32 (Y, X) or (Z, Y, X), logits.
    niter
        Steps the flows were followed for; None where that is not known.
    provenance
        The record of the run that made the masks of it; None where there is none, or
        where other masks are shown.
    """

    flows: NDArray[np.float32]
    cellprob: NDArray[np.float32]
    niter: int | None = None
    provenance: Provenance | None = None

    @property
    def without_record(self) -> FlowLayer:
        """The same for masks that the run did not make."""
        return self if self.provenance is None else replace(self, provenance=None)


@dataclass(frozen=True, eq=False)
class MaskLayer:
    """Masks beside those being edited, to look at and to compare with.

    Parameters
    ----------
    name
        What they are, for instance the name of a file or of a model.
    labels
        uint32 (..., Y, X), of the shape of the document's labels; never written to.
    colour
        Red, green, blue of its outlines.
    visible
        Whether it is shown.
    fill
        Opacity of the inside of its cells, 0 to 1.
    """

    name: str
    labels: NDArray[np.uint32]
    colour: tuple[int, int, int]
    visible: bool = True
    fill: float = 0.0

    def plane(self, index: int) -> NDArray[np.uint32]:
        """Return one plane, (Y, X), a view."""
        plane: NDArray[np.uint32] = self.labels.reshape(-1, *self.labels.shape[-2:])[index]
        return plane


def plane_shape(image: Image) -> tuple[int, ...]:
    """Return the lengths of the image's T and Z axes, those that it has."""
    return tuple(image.size(axis) for axis in PLANE_AXES if axis in image.axes)


def labels_shape(image: Image) -> tuple[int, ...]:
    """Return the shape that labels of the image have: (Y, X), or that behind its T and Z axes."""
    return (*plane_shape(image), image.size("Y"), image.size("X"))


def plane_count(image: Image) -> int:
    """Return the number of Y × X planes, channels not counted."""
    return int(np.prod(plane_shape(image), dtype=np.int64))


def plane_of(image: Image, index: int) -> NDArray[np.generic]:
    """Return plane `index` as (C, Y, X), a view.

    Planes are counted along T, then Z.
    """
    data, axes = image.data, image.axes
    position = np.unravel_index(index, plane_shape(image)) if plane_shape(image) else ()
    for axis, at in zip((a for a in PLANE_AXES if a in image.axes), position, strict=True):
        data = data[(slice(None),) * axes.index(axis) + (int(at),)]
        axes = axes.replace(axis, "")
    return data if "C" in axes else data[np.newaxis]
