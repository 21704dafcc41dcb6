"""Finding the cells of a part of a plane as a run on the whole image would.

The network sees some surroundings of the part, scaled by the percentiles of the whole image.
What it finds there, `cellmend.labels.region.merge` puts into the labels of the plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend.io.dark_frame import dark_frame
from cellmend.labels.places import grown
from cellmend.labels.runs import Box
from cellmend.normalize import SAMPLE, limits, normalize
from cellmend.params import AS_IT_IS, NormalizeSettings, SegmentSettings
from cellmend.planes import check_usable
from cellmend.progress import SILENT, Reporter, Share
from cellmend.provenance import Provenance
from cellmend.segment.pipeline import ESTIMATE_SHARE, Segmenter

Floats = NDArray[np.float32]

SIGHT = 3.0
"""How far around the part the network looks, in diameters: with it, a part of a single cell is
as large as a tile."""
MIDDLE = 4096
"""Side in pixels of the middle of a plane where the diameter is estimated, at most."""
ACTION = "segment region"
"""What the record calls it: it is no run on the whole image."""


@dataclass(frozen=True, eq=False)
class RegionCells:
    """The cells in and around a part of a plane.

    Attributes
    ----------
    masks
        uint32 (h, w) labels of the window.
    window
        ``(y0, x0, y1, x1)``: the part with the surroundings that were looked at.
    diameter
        Diameter in pixels that was used.
    provenance
        What ran.
    """

    masks: NDArray[np.uint32]
    window: Box
    diameter: float
    provenance: Provenance


def segment_region(
    segmenter: Segmenter,
    image: Image,
    box: Box,
    settings: SegmentSettings,
    *,
    plane: int = 0,
    previous: tuple[Provenance, ...] = (),
    report: Reporter = SILENT,
) -> RegionCells:
    """Find the cells in and around a part of a plane.

    Parameters
    ----------
    segmenter
        The network.
    image
        The whole image.
    box
        The part: ``(y0, x0, y1, x1)``, ends exclusive, inside the plane.
    settings
        Of a run on the whole image, so that the largest cell is measured by the whole plane. The
        plane is segmented by itself, whatever they say of volumes. Cells on its edge stay, for
        `cellmend.labels.region.merge` to decide on. A diameter that is not given is estimated
        from this plane.
    plane
        Which plane of a stack or series, counted along T, then Z.
    previous
        What was done to the image before, kept in the provenance.
    report
        Hears of progress and may cancel.

    Raises
    ------
    InputError
        If the image is constant, holds values that are not numbers, or lacks a channel.
    Cancelled
        If `report` says so.
    """
    view = _View(image, plane, settings, segmenter)
    begin = 0.0 if settings.diameter else ESTIMATE_SHARE
    diameter = settings.diameter or _estimate(
        segmenter, view, settings, Share(report, 0, begin, "estimating the diameter")
    )
    window = grown(box, math.ceil(SIGHT * diameter), view.shape)
    data = view.pixels(window)
    masks = np.zeros(data.shape[1:], np.uint32)
    if data[0].min() < data[0].max():
        share = settings.masks.max_size_fraction * math.prod(view.shape) / masks.size
        found = segmenter.run(
            Image(data, "CYX"),
            channels=_channels(data),
            diameter=diameter,
            normalize=AS_IT_IS,
            tiles=settings.tiles,
            masks=settings.masks.model_copy(
                update={"max_size_fraction": min(1.0, share), "exclude_on_edges": False}
            ),
            report=Share(report, begin, 1, "finding cells"),
        )
        masks = found.masks
    used = settings.model_copy(
        update={"diameter": diameter, "normalize": view.how, "stitch_threshold": 0, "do_3d": False}
    )
    record = Provenance(
        action=ACTION,
        model=segmenter.model.name,
        model_sha256=segmenter.model.sha256,
        settings={**used.model_dump(mode="json"), "box": list(box), "plane": plane},
        device=str(segmenter.device),
        previous=previous,
    )
    return RegionCells(masks, window, diameter, record)


class _View:
    """A plane of an image as the network sees it in a run on the whole image."""

    def __init__(
        self, image: Image, plane: int, settings: SegmentSettings, segmenter: Segmenter
    ) -> None:
        self.how = settings.normalize or segmenter.model.card.normalize
        self.shape = image.size("Y"), image.size("X")
        main, nuclear = settings.channels or image.usual_channels
        wanted = [main, nuclear][: segmenter.model.net.nchan] if nuclear else [main]
        self._channels = [_Channel(image, number, plane, self.how) for number in wanted]

    def pixels(self, box: Box) -> Floats:
        """Return the scaled channels of a part: (channels, h, w)."""
        return np.stack([channel.pixels(box) for channel in self._channels])


class _Channel:
    """A plane of a channel, counted from 1, or of the mean of all, scaled by what is around it."""

    def __init__(self, image: Image, number: int, plane: int, how: NormalizeSettings) -> None:
        self._image, self._number, self._plane, self._how = image, number, plane, how
        self._whole: Floats | None = None
        self._limits = how
        seen = _pixels(_thinned(_of_plane(image, plane) if how.per_plane else image), number)
        check_usable(seen)
        if how.tile_size or how.sharpen_radius or how.smooth_radius or how.dark_frame:
            scaled = normalize(_pixels(image, number), how, dark_frame=dark_frame(how))
            self._whole = scaled.reshape(-1, *scaled.shape[-2:])[plane]
        elif how.enabled and how.lowhigh is None:
            low, high = limits(seen.astype(np.float32) - how.background, how.percentiles)
            self._limits = how.model_copy(update={"lowhigh": (low, high)})

    def pixels(self, box: Box) -> Floats:
        """Return the scaled pixels of a part."""
        y0, x0, y1, x1 = box
        if self._whole is not None:
            return self._whole[y0:y1, x0:x1]
        part = _pixels(_of_plane(self._image, self._plane, box), self._number)
        return normalize(part, self._limits)


def _estimate(
    segmenter: Segmenter, view: _View, settings: SegmentSettings, report: Reporter
) -> float:
    """Estimate the diameter as a run on the plane would, which looks at its middle."""
    spans = [(max(0, side - MIDDLE) // 2, min(side, MIDDLE)) for side in view.shape]
    (y0, height), (x0, width) = spans
    data = view.pixels((y0, x0, y0 + height, x0 + width))
    return segmenter.estimate_diameter(
        Image(data, "CYX"),
        channels=_channels(data),
        normalize=AS_IT_IS,
        tiles=settings.tiles,
        report=report,
    )


def _channels(data: Floats) -> tuple[int, int]:
    return 1, 2 if len(data) > 1 else 0


def _of_plane(image: Image, plane: int, box: Box | None = None) -> Image:
    """Return a plane of an image, or a part of it, with its channels."""
    stacked = [axis for axis in "TZ" if axis in image.axes]
    place = np.unravel_index(plane, [image.size(axis) for axis in stacked]) if stacked else ()
    at: dict[str, int | slice] = {a: int(i) for a, i in zip(stacked, place, strict=True)}
    if box is not None:
        at |= {"Y": slice(box[0], box[2]), "X": slice(box[1], box[3])}
    data = image.data[tuple(at.get(axis, slice(None)) for axis in image.axes)]
    return Image(data, "CYX" if "C" in image.axes else "YX", image.channel_names)


def _thinned(image: Image) -> Image:
    """Return pixels spread evenly over an image, all of them where there are few."""
    step = max(1, math.ceil(math.sqrt(image.data.size / image.n_channels / SAMPLE)))
    return Image(image.data[..., ::step, ::step], image.axes, image.channel_names)


def _pixels(image: Image, number: int) -> NDArray[np.generic]:
    """Return a channel, counted from 1, or the mean of all where it is 0."""
    if number:
        return image.channel(number - 1)
    if "C" not in image.axes:
        return image.data
    return np.asarray(image.data.mean(axis=image.axes.index("C"), dtype=np.float32))
