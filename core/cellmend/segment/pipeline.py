"""Finding cells: normalise, bring them to the network's size, follow the flows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.device import pick_device
from cellmend.dynamics import masks_from_flows
from cellmend.errors import InputError, ModelError
from cellmend.image import Image, as_image
from cellmend.io.dark_frame import dark_frame
from cellmend.labels.confidence import Confidence
from cellmend.net.runner import Runner
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings, SegmentSettings, make_settings
from cellmend.planes import TOGETHER, check_usable, filled
from cellmend.progress import SILENT, Reporter, Share, shares
from cellmend.provenance import Provenance
from cellmend.registry.files import Model, load_model
from cellmend.segment.diameter import estimate_diameter
from cellmend.segment.network import Network
from cellmend.segment.scene import Part, Scene
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
    confidence
        The same values by frame and label, for `cellmend.measure.table`.
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
    confidence: Confidence | None = None


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
        options |= {"channels": channels, "diameter": diameter}
        source = as_image(image, axes)
        return self.run_all([source], previous=[previous], report=report, **options)[0]

    def run_all(
        self,
        images: Sequence[Image],
        *,
        previous: Sequence[tuple[Provenance, ...]] | None = None,
        report: Reporter = SILENT,
        **options: Any,
    ) -> list[Segmentation]:
        """Find the cells of several images; small ones share the network's batches.

        The results are those that `run` would give, one by one. Its parameters and errors are
        those of `run`; `previous` is for each image. An image that is in error keeps all of
        them from being segmented.
        """
        settings = make_settings(SegmentSettings, model=self.model.name, **options)
        network = Network(self._runner, settings.tiles)
        begin = 0.0 if settings.diameter else ESTIMATE_SHARE
        looks = shares(Share(report, 0, begin, "estimating the diameter"), len(images))
        scenes = [
            self._scene(image, network, settings, look)
            for image, look in zip(images, looks, strict=True)
        ]
        find = _find_in_volumes if settings.do_3d else _find_in_planes
        found = find(network, scenes, settings, Share(report, begin, 1, "finding cells"))
        histories = previous or [()] * len(images)
        return [
            Segmentation(
                masks=whole.result.masks,
                flows=whole.flows,
                cellprob=whole.cellprob,
                diameter=scene.diameter,
                niter=settings.masks.niter or network.steps(scene.diameter),
                provenance=self._provenance(settings, scene.diameter, history),
                flow_errors=whole.result.flow_errors,
                cellprobs=whole.result.cellprobs,
                removed=whole.result.removed,
                confidence=_confidence(whole, scene),
            )
            for whole, scene, history in zip(found, scenes, histories, strict=True)
        ]

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

    def _scene(
        self, image: Image, network: Network, settings: SegmentSettings, report: Reporter
    ) -> Scene:
        """Normalise an image and estimate the diameter of its cells where none is given."""
        data = self._channels(image, settings)
        size = settings.diameter
        if size is None:
            size = estimate_diameter(network, _middle(data), self._size_model, report)
        return Scene.of(data, image.axes.replace("C", ""), size)

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


def _find_in_planes(
    network: Network, scenes: Sequence[Scene], settings: SegmentSettings, report: Reporter
) -> list[Part]:
    """Segment plane by plane, as many planes of all images at a time as fill some batches."""
    jobs = [(scene, plane) for scene in scenes for plane in scene.planes]
    tiles = [network.count_tiles(plane, scene.diameter) for scene, plane in jobs]
    groups = list(filled(tiles, TOGETHER * settings.tiles.batch_size))
    parts = []
    for group, share in zip(groups, shares(report, len(groups)), strict=True):
        chosen = [jobs[i] for i in group]
        found = network.flows_of([(plane, scene.diameter) for scene, plane in chosen], share)
        for (scene, _), (flows, cellprob) in zip(chosen, found, strict=True):
            result = masks_from_flows(
                flows,
                cellprob,
                scene.mask_settings(settings),
                default_niter=network.steps(scene.diameter),
                report=share,
            )
            parts.append(Part(result, flows, cellprob))
    rest = iter(parts)
    return [
        scene.of_planes(list(itertools.islice(rest, len(scene.planes))), settings)
        for scene in scenes
    ]


def _find_in_volumes(
    network: Network, scenes: Sequence[Scene], settings: SegmentSettings, report: Reporter
) -> list[Part]:
    """Segment volumes, one after the other, in three directions."""
    if any("Z" not in scene.axes for scene in scenes):
        raise InputError("A 3D run needs an image with a Z axis.")
    parts = shares(report, sum(len(scene.frames) for scene in scenes))
    return [
        scene.of_frames(
            [
                _find_in_volume(network, frame, scene.diameter, settings, next(parts))
                for frame in scene.frames
            ]
        )
        for scene in scenes
    ]


def _find_in_volume(
    network: Network, data: Floats, diameter: float, settings: SegmentSettings, report: Reporter
) -> Part:
    flows, cellprob = segment_volume(
        network, data, diameter, settings.anisotropy, settings.flow_smoothing, report
    )
    result = masks_from_flows(
        flows, cellprob, settings.masks, default_niter=network.steps(diameter), report=report
    )
    return Part(result, flows, cellprob)


def _confidence(whole: Part, scene: Scene) -> Confidence:
    found, series = whole.result, "T" in scene.axes
    return Confidence.of(found.masks, found.flow_errors, found.cellprobs, series=series)


def _mean_channel(image: Image) -> Floats:
    """Average the channels, in float32."""
    if "C" not in image.axes:
        return image.data.astype(np.float32)
    return np.asarray(image.data.mean(axis=image.axes.index("C"), dtype=np.float32))


def _middle(data: Floats) -> Floats:
    """Return the middle plane (nchan, Y, X) of a stack or series."""
    planes = data.reshape(len(data), -1, *data.shape[-2:])
    return planes[:, planes.shape[1] // 2]
