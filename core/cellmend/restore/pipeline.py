"""Restoring an image: normalise, bring the cells to the network's size, run, bring back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.device import pick_device
from cellmend.errors import ModelError
from cellmend.image import Image, as_image
from cellmend.io.dark_frame import dark_frame
from cellmend.net.runner import Runner
from cellmend.net.seamless import pixels_per_batch, predict_seamless
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings, RestoreSettings, make_settings
from cellmend.planes import check_usable, resize_plane, scaled_shape
from cellmend.progress import SILENT, Reporter, shares
from cellmend.provenance import Provenance
from cellmend.registry.files import Model, load_model
from cellmend.restore.result import Restoration


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
        chosen = make_settings(
            RestoreSettings,
            model=self.model.name,
            channels=channels,
            diameter=diameter,
            **settings,
        )
        source = as_image(image, axes)
        check_usable(source.data)
        wanted = {number - 1 for number in chosen.channels or range(1, source.n_channels + 1)}
        source.channel(max(wanted))  # refuses one that is not there
        how = self._normalization(chosen)
        restored = np.empty(source.data.shape, np.float32)
        for index, part in enumerate(shares(report, source.n_channels, "restoring")):
            place = tuple(index if a == "C" else slice(None) for a in source.axes)
            channel = normalize(source.channel(index), how, dark_frame=dark_frame(how))
            restored[place] = self._channel(channel, chosen, part) if index in wanted else channel
        made = Image(
            restored, source.axes, source.channel_names, source.pixel_size_um, source.source
        )
        return Restoration(made, self._provenance(chosen))

    def _normalization(self, settings: RestoreSettings) -> NormalizeSettings:
        """Return how channels are scaled: as the caller says, or as the model was trained."""
        return settings.normalize or self.model.card.normalize

    def _channel(
        self, data: NDArray[np.float32], settings: RestoreSettings, report: Reporter
    ) -> NDArray[np.float32]:
        """Restore a normalised channel (..., Y, X) in place; small planes share batches."""
        planes = data.reshape(-1, *data.shape[-2:])
        shape = scaled_shape(planes.shape, self.model.card.diam_mean / settings.diameter)
        together = max(1, pixels_per_batch(settings.tiles) // math.prod(shape))
        groups = range(0, len(planes), together)
        for begin, part in zip(groups, shares(report, len(groups)), strict=True):
            group = planes[begin : begin + together]
            seen = [resize_plane(plane, shape)[None] for plane in group]
            restored = predict_seamless(self._runner, seen, settings.tiles, part)
            for plane, pixels in zip(group, restored, strict=True):
                plane[...] = resize_plane(pixels[0], plane.shape)
        return planes.reshape(data.shape)

    def _provenance(self, settings: RestoreSettings) -> Provenance:
        used = settings.model_copy(update={"normalize": self._normalization(settings)})
        return Provenance(
            action=self.model.card.task,
            model=self.model.name,
            model_sha256=self.model.sha256,
            settings=used.model_dump(mode="json"),
            device=str(self.device),
        )
