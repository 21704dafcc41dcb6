"""The computing that the services ask of the library.

torch is imported with the library's pipelines, and only in the compute lane:
every import of them is inside a function that runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.labels.confidence import Confidence
from cellmend.labels.paint import Shape
from cellmend.params import AnyStep, FilterSettings, MaskSettings, SegmentSettings
from cellmend.progress import Reporter
from cellmend.provenance import Provenance
from cellmend_app.document import FlowLayer

Box = tuple[int, int, int, int]
"""Rows and columns: (y0, x0, y1, x1), ends exclusive."""


@dataclass(frozen=True)
class RestoreRequest:
    """One restoration.

    Parameters
    ----------
    steps
        Models and filters, each of which works on the result of the one before.
    diameter
        Of cells in the image, for models; None means estimate it.
    """

    steps: tuple[AnyStep, ...]
    diameter: float | None = None

    @property
    def title(self) -> str:
        """The names of the steps in their order."""
        return " + ".join(step.name for step in self.steps)


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """A part of the image to be seen filtered.

    Parameters
    ----------
    plane
        The plane of the image, (C, Y, X).
    settings
        The filter.
    box
        The part.
    """

    plane: NDArray[np.generic]
    settings: FilterSettings
    box: Box


@dataclass(frozen=True, eq=False)
class FilteredPart:
    """A part of a plane after a filter: float32 (C, Y, X) in the image's intensities."""

    pixels: NDArray[np.float32]
    box: Box


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image and the record of how it was made."""

    image: Image
    provenance: Provenance | None


@dataclass(frozen=True, eq=False)
class Segmented:
    """Masks, what they were made from, and the record of how.

    Parameters
    ----------
    masks
        uint32 (..., Y, X), in the pixels of the image that was given.
    flows, cellprob
        The network's output, float32 (2|3, ..., Y, X) and (..., Y, X); None where the image is
        too large to keep it.
    diameter
        The diameter used, in pixels of the image that was given.
    provenance
        The record of the run.
    niter
        Steps the flows were followed for.
    confidence
        How sure the run was of each cell.
    """

    masks: NDArray[np.uint32]
    flows: NDArray[np.float32] | None
    cellprob: NDArray[np.float32] | None
    diameter: float
    provenance: Provenance | None
    niter: int | None = None
    confidence: Confidence | None = None

    @property
    def layer(self) -> FlowLayer | None:
        """The output for the views and for new thresholds, if it was kept."""
        if self.flows is None or self.cellprob is None:
            return None
        return FlowLayer(self.flows, self.cellprob, self.niter, self.provenance)


@dataclass(frozen=True, eq=False)
class Remade:
    """Masks made anew from the output of an earlier run, and how sure that was of each cell."""

    masks: NDArray[np.uint32]
    confidence: Confidence | None = None


@dataclass(frozen=True)
class SegmentRequest:
    """One segmentation.

    Parameters
    ----------
    settings
        Its settings; the diameter is that of cells in the image that is given.
    on_restored
        Whether the restored layer is to be segmented, not the raw image.
    device
        Where to compute; ``auto``: where the pipelines do.
    previous
        The records of what was done to the image before.
    """

    settings: SegmentSettings
    on_restored: bool = False
    device: str = "auto"
    previous: tuple[Provenance, ...] = ()


@dataclass(frozen=True)
class RegionRequest:
    """A part of a plane whose cells are to be found.

    Parameters
    ----------
    segment
        As for the whole image.
    box
        The part, in pixels of the image that is given.
    plane
        Which plane, counted along T, then Z.
    """

    segment: SegmentRequest
    box: Box
    plane: int


@dataclass(frozen=True, eq=False)
class RegionFound:
    """Cells in and around a part of a plane.

    Parameters
    ----------
    masks
        uint32 (h, w) labels of the window.
    window
        Where in the plane it is.
    diameter
        The diameter used, in pixels of the image that was given.
    """

    masks: NDArray[np.uint32]
    window: Box
    diameter: float


@dataclass(frozen=True)
class ClickRequest:
    """One cell to be found at a place.

    Parameters
    ----------
    plane
        The image (Y, X).
    at
        The pixel (y, x).
    diameter
        Of cells, in pixels.
    flows, cellprob
        (2, Y, X) and (Y, X) of an earlier run, if there was one.
    """

    plane: NDArray[np.generic]
    at: tuple[int, int]
    diameter: float
    flows: NDArray[np.float32] | None = None
    cellprob: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Tried:
    """A device that works: its name, and the seconds that a small network took on it."""

    device: str
    seconds: float


class Pipelines(Protocol):
    """What the services need computed; tests may pass their own.

    Parameters
    ----------
    device
        Where networks run unless a request says it: ``auto``, ``cpu``, ``cuda[:N]`` or ``mps``.
    """

    device: str

    def warm_up(self, report: Reporter) -> None:
        """Import what computing needs, so that the first click does not wait for it."""

    def devices(self) -> Mapping[str, str]:
        """Return what there is to run networks on, and what each is called."""

    def try_device(self, device: str) -> Tried:
        """Run a small network on a device."""

    def restore(self, image: Image, request: RestoreRequest, report: Reporter) -> Restored:
        """Restore `image`, step by step."""

    def preview(self, image: Image, request: PreviewRequest, report: Reporter) -> FilteredPart:
        """Filter a part of a plane of `image`."""

    def segment(self, image: Image, request: SegmentRequest, report: Reporter) -> Segmented:
        """Find the cells of `image`."""

    def segment_region(self, image: Image, request: RegionRequest, report: Reporter) -> RegionFound:
        """Find the cells in and around a part of a plane of `image`."""

    def masks(
        self,
        flows: NDArray[np.float32],
        cellprob: NDArray[np.float32],
        settings: MaskSettings,
        report: Reporter,
    ) -> Remade:
        """Make masks from the output of an earlier run."""

    def cell_at(self, request: ClickRequest, report: Reporter) -> Shape | None:
        """Find the cell at a place: its box and mask, None if nothing is found."""
