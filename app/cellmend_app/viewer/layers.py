"""The layers that can be looked at, as sources of pixels, and how their channels are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cellmend.image import Image
from cellmend_app.document import Document
from cellmend_app.document.layers import plane_of
from cellmend_app.viewer.display import ChannelDisplay, default_display, picture
from cellmend_app.viewer.levels import Levels
from cellmend_app.viewer.render import Bytes, flow_picture, probability_picture, slope_picture
from cellmend_app.viewer.sources import PlaneSource

ViewName = Literal["image", "restored", "flows", "cellprob", "flows-z"]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)
Plane = NDArray[np.generic]


class Layers:
    """Image, restored image and results of a document.

    Contrast and colours are chosen when a layer is first shown, and from then on only
    when a person asks for it.

    Parameters
    ----------
    document
        What is open.
    like
        Channels of another image, whose colours are kept, and which are shown.
    """

    def __init__(self, document: Document, like: Sequence[ChannelDisplay] = ()) -> None:
        self._document = document
        self._like = like
        self._levels: dict[ViewName, tuple[object, int, list[Levels]]] = {}
        self.displays: dict[ViewName, list[ChannelDisplay]] = {}
        self.current: ViewName = "image"
        """The layer on show."""

    def available(self) -> list[ViewName]:
        """Return the layers that the document has."""
        document = self._document
        flows = document.flows
        have: dict[ViewName, bool] = {
            "image": True,
            "restored": document.restored is not None,
            "flows": flows is not None,
            "cellprob": document.cellprob is not None,
            "flows-z": flows is not None and flows.shape[0] == 3 and flows.ndim == 4,
        }
        return [name for name in VIEWS if have[name]]

    def forget(self, view: ViewName) -> None:
        """Drop what is known of a layer that is there no more, or is another one."""
        self.displays.pop(view, None)
        self._levels.pop(view, None)

    def image(self, view: ViewName) -> Image | None:
        """Return the raw or the restored image; None for other layers, and where there is none."""
        if view == "image":
            return self._document.image
        restored = self._document.restored
        return restored.image if view == "restored" and restored is not None else None

    def plane(self, view: ViewName) -> Plane | None:
        """Return the plane on show of the raw or the restored image, (C, Y, X)."""
        image = self.image(view)
        return None if image is None else plane_of(image, self._document.plane)

    def display(self, view: ViewName) -> list[ChannelDisplay]:
        """Return how the channels of a layer are shown; none for flows and cell probability."""
        image = self.image(view)
        if image is None:
            return []
        if view not in self.displays:
            at, count = self._document.plane, self._document.plane_count
            planes = [plane_of(image, index) for index in {at, count // 2}]
            like = self.displays.get("image", self._like) if view == "restored" else self._like
            self.displays[view] = default_display(*planes, like=like)
        return self.displays[view]

    def source(self, view: ViewName) -> PlaneSource | None:
        """Return what shows a layer; None where the document does not have it."""
        size = self._document.labels.array.shape
        if view in ("image", "restored"):
            display = [replace(channel) for channel in self.display(view)]
            plane = self.plane(view)
            if plane is None:
                return None
            return PlaneSource(
                self._of(view, self.image(view), plane), size, lambda b: picture(b, display)
            )
        array = self._document.cellprob if view == "cellprob" else self._document.flows
        if array is None or view not in self.available():
            return None
        result = self._plane_of_result(array)
        if view == "cellprob":
            return PlaneSource(self._of(view, array, result[None]), size, _paint_probability)
        if view == "flows-z":
            return PlaneSource(self._of(view, array, result[:1]), size, _paint_slope)
        return PlaneSource(self._of(view, array, result[-2:]), size, _paint_flows)

    def _of(self, view: ViewName, owner: object, plane: Plane) -> list[Levels]:
        """Return the channels of a plane with their smaller copies, kept while it is on show."""
        known = self._levels.get(view)
        if known is None or known[0] is not owner or known[1] != self._document.plane:
            known = (owner, self._document.plane, [Levels(channel) for channel in plane])
            self._levels[view] = known
        return known[2]

    def _plane_of_result(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the plane on show of an array (..., Y, X) or (2 or 3, ..., Y, X)."""
        planes = self._document.plane_count
        leading = array.shape[: array.ndim - 2]
        if planes == 1:
            return array.reshape(*leading[:1], *array.shape[-2:])
        components = int(np.prod(leading)) // planes
        flat = array.reshape(components, planes, *array.shape[-2:])[:, self._document.plane]
        return flat if components > 1 else flat[0]


def _paint_flows(blocks: Sequence[Plane]) -> Bytes:
    return flow_picture(np.stack([block.astype(np.float32) for block in blocks]))


def _paint_probability(blocks: Sequence[Plane]) -> Bytes:
    return probability_picture(blocks[0].astype(np.float32))


def _paint_slope(blocks: Sequence[Plane]) -> Bytes:
    return slope_picture(blocks[0].astype(np.float32))
