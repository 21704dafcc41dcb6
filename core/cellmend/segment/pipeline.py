"""Finding cells: normalise, bring them to the network's size, follow the flows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.device import pick_device
from cellmend.dynamics import MaskResult, masks_from_flows
from cellmend.dynamics.stitch import link_results
from cellmend.errors import InputError, ModelError
from cellmend.image import Image, as_image
from cellmend.io.dark_frame import dark_frame
from cellmend.net.runner import Runner
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings, SegmentSettings, make_settings
from cellmend.planes import check_usable
from cellmend.progress import SILENT, Reporter, Share, shares
from cellmend.provenance import Provenance
from cellmend.registry.files import Model, load_model
from cellmend.segment.diameter import estimate_diameter
from cellmend.segment.network import Network
from cellmend.segment.volume import segment_volume
from cellmend.size import SizeModel, size_model_of

Floats = NDArray[np.float32]

ESTIMATE_SHARE = 0.6
"""Part of the progress that estimating the diameter takes."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The cells of an image and how they were found.

    Attributes
    ----------
    masks
        uint32 labels, the image's axes without C; 0 is background.
    flows
        float32, 5 x unit flow: (2, [T,] [Z,] Y, X), or (3, [T,] Z, Y, X) after a 3D run.
    cellprob
        float32 logits, shaped as `masks`.
    diameter
        Diameter in pixels that was used.
    niter
        Steps the flows were followed for; with `flows` and `cellprob` it lets
        `cellmend.dynamics.masks_from_flows` make masks anew at other thresholds.
    provenance
        What ran.
    flow_errors, cellprobs
        Per cell, in the order of the labels; of planes that are not linked, one after the
        other. See `cellmend.dynamics.MaskResult`.
    removed
        How many cells each filter removed.
    """

    masks: NDArray[np.uint32]
    flows: Floats
    cellprob: Floats
    diameter: float
    niter: int
    provenance: Provenance
    flow_errors: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    cellprobs: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    removed: dict[str, int] = field(default_factory=dict)


class Segmenter:
    """A segmentation network that is ready to run.

    Parameters
    ----------
    model
        A model's name, or a Cellmend or Cellpose 1-3 weight file.
    device
        ``auto``, ``cpu``, ``cuda[:N]`` or ``mps``.

    Raises
    ------
    ModelError
        If there is no such model, or it does not segment.
    """

    def __init__(self, model: str | Path = "generalist", device: str = "auto") -> None:
        self.device = pick_device(device)
        self.model: Model = load_model(model)
        if self.model.card.restores:
            raise ModelError(
                f"The model {self.model.name!r} restores images, it does not segment them."
            )
        self._runner = Runner(self.model.net.to(self.device), self.device)

    def run(
        self,
        image: Image | NDArray[np.generic],
        *,
        axes: str | None = None,
        channels: tuple[int, int] | None = None,
        diameter: float | None = None,
        previous: tuple[Provenance, ...] = (),
        report: Reporter = SILENT,
        **options: Any,
    ) -> Segmentation:
        """Find the cells of an image; stacks plane by plane unless `do_3d` is given.

        Parameters
        ----------
        image
            The image, or an array: 2D is ``YX``, any other needs `axes`.
        axes
            Axes of an array, such as ``"CYX"``.
        channels
            The channel to segment (0: the mean of all) and the nuclear channel (0:
            none), counted from 1. If left out, the first channel; of a colour
            picture, the mean.
        diameter
            Of the cells in pixels; estimated if left out.
        previous
            What was done to the image before, kept in the provenance.
        report
            Hears of progress and may cancel.
        **options
            Further options of `SegmentSettings` and its groups, such as
            ``flow_threshold``, ``stitch_threshold`` or ``batch_size``.

        Raises
        ------
        InputError
            If the image is constant, holds values that are not numbers, lacks a
            channel, or an option is out of bounds.
        Cancelled
            If `report` says so.
        """
        settings = make_settings(
            SegmentSettings,
            model=self.model.name,
            channels=channels,
            diameter=diameter,
            **options,
        )
        source = as_image(image, axes)
        data = self._channels(source, settings)
        network = Network(self._runner, settings.tiles)
        size, begin = settings.diameter, 0.0
        if size is None:
            begin = ESTIMATE_SHARE
            part = Share(report, 0, begin, "estimating the diameter")
            size = estimate_diameter(network, _middle(data), self._size_model, part)
        frames = data if "T" in source.axes else data[:, None]
        rest = shares(Share(report, begin, 1, "finding cells"), frames.shape[1])
        parts = [
            self._frame(network, frames[:, t], size, settings, part) for t, part in enumerate(rest)
        ]
        whole = parts[0] if "T" not in source.axes else _joined(parts)
        return Segmentation(
            masks=whole.result.masks,
            flows=whole.flows,
            cellprob=whole.cellprob,
            diameter=size,
            niter=settings.masks.niter or network.steps(size),
            provenance=self._provenance(settings, size, previous),
            flow_errors=whole.result.flow_errors,
            cellprobs=whole.result.cellprobs,
            removed=whole.result.removed,
        )

    def estimate_diameter(
        self,
        image: Image | NDArray[np.generic],
        *,
        axes: str | None = None,
        channels: tuple[int, int] | None = None,
        report: Reporter = SILENT,
        **options: Any,
    ) -> float:
        """Estimate the median diameter of the cells in pixels; the parameters are those of `run`.

        Raises
        ------
        InputError
            As `run`.
        """
        settings = make_settings(
            SegmentSettings, model=self.model.name, channels=channels, **options
        )
        data = self._channels(as_image(image, axes), settings)
        network = Network(self._runner, settings.tiles)
        return estimate_diameter(network, _middle(data), self._size_model, report)

    @cached_property
    def _size_model(self) -> SizeModel | None:
        """The size model that goes with this model, if there is one."""
        found = size_model_of(self.model.name)
        return found if found and len(found.weights) == self.model.net.widths[-1] else None

    def _normalization(self, settings: SegmentSettings) -> NormalizeSettings:
        """Return how channels are scaled: as the caller says, or as the model was trained."""
        return settings.normalize or self.model.card.normalize

    def _channels(self, image: Image, settings: SegmentSettings) -> Floats:
        """Return the normalised channels the network takes: (2, [T,] [Z,] Y, X)."""
        main, nuclear = settings.channels or image.usual_channels
        shown = image.channel(main - 1) if main else _mean_channel(image)
        check_usable(shown)
        how = self._normalization(settings)
        dark = dark_frame(how)
        first = normalize(shown, how, dark_frame=dark)
        second = np.zeros_like(first)
        if nuclear:
            second = normalize(image.channel(nuclear - 1), how, dark_frame=dark)
        return np.stack([first, second])[: self.model.net.nchan]

    def _frame(
        self,
        network: Network,
        data: Floats,
        diameter: float,
        settings: SegmentSettings,
        report: Reporter,
    ) -> _Part:
        """Segment one time point, (nchan, Y, X) or (nchan, Z, Y, X)."""
        steps = network.steps(diameter)
        if settings.do_3d:
            if data.ndim != 4:
                raise InputError("A 3D run needs an image with a Z axis.")
            flows, cellprob = segment_volume(
                network, data, diameter, settings.anisotropy, settings.flow_smoothing, report
            )
            result = masks_from_flows(
                flows, cellprob, settings.masks, default_niter=steps, report=report
            )
            return _Part(result, flows, cellprob)
        planes = data if data.ndim == 4 else data[:, None]
        linked = data.ndim == 4 and settings.stitch_threshold > 0
        # Only after linking it is known how large a cell is.
        masks = settings.masks.model_copy(update={"min_size": -1}) if linked else settings.masks
        parts = []
        together = network.planes_per_batch(planes.shape, diameter)
        groups = range(0, planes.shape[1], together)
        for begin, part in zip(groups, shares(report, len(groups)), strict=True):
            group = list(planes[:, begin : begin + together].swapaxes(0, 1))
            for flows, cellprob in network.flows_of(group, diameter, part):
                result = masks_from_flows(flows, cellprob, masks, default_niter=steps, report=part)
                parts.append(_Part(result, flows, cellprob))
        if data.ndim == 3:
            return parts[0]
        whole = _joined(parts)
        if not linked:
            return whole
        results = [part.result for part in parts]
        result = link_results(results, settings.stitch_threshold, settings.masks.min_size)
        return replace(whole, result=result)

    def _provenance(
        self, settings: SegmentSettings, diameter: float, previous: tuple[Provenance, ...]
    ) -> Provenance:
        seen = {"diameter": diameter, "normalize": self._normalization(settings)}
        used = settings.model_copy(update=seen).model_dump(mode="json")
        return Provenance(
            action="segment",
            model=self.model.name,
            model_sha256=self.model.sha256,
            settings=used,
            device=str(self.device),
            previous=previous,
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """Masks, flows and cell probability of a plane, a volume or a series."""

    result: MaskResult
    flows: Floats
    cellprob: Floats


def _joined(parts: list[_Part]) -> _Part:
    """Stack planes or time points along a new leading axis."""
    results = [part.result for part in parts]
    names = results[0].removed
    return _Part(
        MaskResult(
            masks=np.stack([r.masks for r in results]),
            flow_errors=np.concatenate([r.flow_errors for r in results]),
            cellprobs=np.concatenate([r.cellprobs for r in results]),
            removed={name: sum(r.removed[name] for r in results) for name in names},
        ),
        np.stack([part.flows for part in parts], axis=1),
        np.stack([part.cellprob for part in parts]),
    )


def _mean_channel(image: Image) -> Floats:
    """Average the channels, in float32."""
    if "C" not in image.axes:
        return image.data.astype(np.float32)
    return np.asarray(image.data.mean(axis=image.axes.index("C"), dtype=np.float32))


def _middle(data: Floats) -> Floats:
    """Return the middle plane (nchan, Y, X) of a stack or series."""
    planes = data.reshape(len(data), -1, *data.shape[-2:])
    return planes[:, planes.shape[1] // 2]
