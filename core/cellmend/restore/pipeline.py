"""Restoring an image: normalise, bring the cells to the network's size, run, bring back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.device import pick_device
from cellmend.errors import ModelError
from cellmend.image import Image, as_image
from cellmend.io.dark_frame import dark_frame
from cellmend.net.runner import Runner
from cellmend.net.scaled import scaled_shape
from cellmend.net.seamless import predict_seamless
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings, RestoreSettings, make_settings
from cellmend.planes import TOGETHER, check_usable, filled, resize_plane
from cellmend.progress import SILENT, Reporter, shares
from cellmend.provenance import Provenance
from cellmend.registry.files import Model, load_model
from cellmend.restore.result import Restoration

Floats = NDArray[np.float32]


class Restorer:
    """A restoration network that is ready to run.

    Parameters
    ----------
    task_or_model
        ``denoise``, ``deblur``, ``upsample``, another model's name, or a weight file.
    device
        ``auto``, ``cpu``, ``cuda[:N]`` or ``mps``.

    Raises
    ------
    ModelError
        If the model is not installed or does not restore; never another one in its place.
    """

    def __init__(self, task_or_model: str | Path = "denoise", device: str = "auto") -> None:
        self.device = pick_device(device)
        self.model: Model = load_model(task_or_model)
        if not self.model.card.restores:
            raise ModelError(
                f"The model {self.model.name!r} segments images, it does not restore them."
            )
        self._runner = Runner(self.model.net.to(self.device), self.device)

    def run(
        self,
        image: Image | NDArray[np.generic],
        *,
        axes: str | None = None,
        channels: Sequence[int] | None = None,
        diameter: float = 30.0,
        report: Reporter = SILENT,
        **settings: Any,
    ) -> Restoration:
        """Restore every plane of an image, in every channel or in those named.

        Parameters
        ----------
        image
            The image, or an array: 2D is ``YX``, any other needs `axes`.
        axes
            Axes of an array, such as ``"CYX"``.
        channels
            The channels to restore, counted from 1; others are only normalised. All if
            left out.
        diameter
            Diameter of the cells in pixels of the image.
        report
            Hears of progress and may cancel.
        **settings
            Further options of `RestoreSettings` and its groups, such as ``batch_size``.

        Raises
        ------
        InputError
            If the image is constant, holds values that are not numbers, or lacks a channel.
        Cancelled
            If `report` says so.
        """
        source = as_image(image, axes)
        options = {"channels": channels, "diameter": diameter, **settings}
        return self.run_all([source], report=report, **options)[0]

    def run_all(
        self, images: Sequence[Image], *, report: Reporter = SILENT, **settings: Any
    ) -> list[Restoration]:
        """Restore several images alike; small planes share batches, whichever image they are of.

        The images are those that `run` would give, one by one. Its parameters and errors are
        those of `run`; an image that is in error keeps all of them from being restored.
        """
        chosen = make_settings(RestoreSettings, model=self.model.name, **settings)
        made = [self._normalized(image, chosen) for image in images]
        planes: list[Floats] = []
        for image, data in zip(images, made, strict=True):
            planes += _planes(data, image, _wanted(image, chosen.channels))
        self._restore(planes, chosen, report)
        return [
            Restoration(replace(image, data=data), self._provenance(chosen))
            for image, data in zip(images, made, strict=True)
        ]

    def _normalization(self, settings: RestoreSettings) -> NormalizeSettings:
        """Return how channels are scaled: as the caller says, or as the model was trained."""
        return settings.normalize or self.model.card.normalize

    def _normalized(self, image: Image, settings: RestoreSettings) -> Floats:
        """Return a copy of an image's data with every channel normalised."""
        check_usable(image.data)
        image.channel(max(_wanted(image, settings.channels)))  # refuses one that is not there
        how = self._normalization(settings)
        data = np.empty(image.data.shape, np.float32)
        for index in range(image.n_channels):
            channel = normalize(image.channel(index), how, dark_frame=dark_frame(how))
            data[_place(image, index)] = channel
        return data

    def _restore(
        self, planes: Sequence[Floats], settings: RestoreSettings, report: Reporter
    ) -> None:
        """Restore normalised (Y, X) planes in place, as many at a time as fill some batches."""
        factor = self.model.card.diam_mean / settings.diameter
        shapes = [scaled_shape(plane.shape, factor) for plane in planes]
        groups = list(filled(map(math.prod, shapes), TOGETHER * settings.tiles.batch_pixels))
        for group, part in zip(groups, shares(report, len(groups), "restoring"), strict=True):
            seen = [resize_plane(planes[i], shapes[i])[None] for i in group]
            restored = predict_seamless(self._runner, seen, settings.tiles, part)
            for i, pixels in zip(group, restored, strict=True):
                planes[i][...] = resize_plane(pixels[0], planes[i].shape)

    def _provenance(self, settings: RestoreSettings) -> Provenance:
        used = settings.model_copy(update={"normalize": self._normalization(settings)})
        return Provenance(
            action=self.model.card.task,
            model=self.model.name,
            model_sha256=self.model.sha256,
            settings=used.model_dump(mode="json"),
            device=str(self.device),
        )


def _wanted(image: Image, channels: Sequence[int] | None) -> list[int]:
    """Return the channels to restore, counted from 0."""
    if channels is None:
        return list(range(image.n_channels))
    return sorted({number - 1 for number in channels})


def _planes(data: Floats, image: Image, channels: Sequence[int]) -> Iterator[Floats]:
    """Yield every (Y, X) plane of some channels, as a view of data with the image's axes."""
    for index in channels:
        channel = data[_place(image, index)]
        for place in np.ndindex(channel.shape[:-2]):
            yield channel[place]


def _place(image: Image, channel: int) -> tuple[int | slice, ...]:
    """Return where a channel lies in the data of an image."""
    return tuple(channel if axis == "C" else slice(None) for axis in image.axes)
