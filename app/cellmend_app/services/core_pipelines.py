"""The library's pipelines behind the seam of `pipelines`."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import ModelError
from cellmend.image import Image
from cellmend.labels.confidence import Confidence
from cellmend.labels.paint import Shape
from cellmend.params import (
    BlockwiseSettings,
    MaskSettings,
    RestoreSettings,
    RestoreStep,
    SegmentSettings,
)
from cellmend.progress import Reporter
from cellmend.scale import is_large
from cellmend_app.services.pipelines import (
    ClickRequest,
    FilteredPart,
    PreviewRequest,
    RegionFound,
    RegionRequest,
    Remade,
    Restored,
    RestoreRequest,
    Segmented,
    SegmentRequest,
    Tried,
)

CHUNK = 4 << 20

if TYPE_CHECKING:
    from cellmend.dynamics import MaskMaker
    from cellmend.restore import Restorer
    from cellmend.restore.region import RegionFilter
    from cellmend.segment import Segmenter

FileState = tuple[Path, int, int]
"""Path of a file, when it was modified in ns, and its size in bytes."""
Loaded = TypeVar("Loaded")


class CorePipelines:
    """Runs the library; keeps the models that were used loaded until their files change.

    Only to be called in the compute lane, which also makes its caches safe; where networks
    run, `device`, may be chosen anywhere, and is so of all that begins afterwards.
    """

    def __init__(self) -> None:
        self.device = "auto"
        self._restorers: dict[tuple[str, str], tuple[FileState, Restorer]] = {}
        self._segmenters: dict[tuple[str, str], tuple[FileState, Segmenter]] = {}
        self._maker: tuple[NDArray[np.float32], MaskMaker] | None = None
        self._region: RegionFilter | None = None

    def warm_up(self, report: Reporter) -> None:
        """Import torch and what else the pipelines need, and load the compiled kernels."""
        read_ahead("torch", report)
        import cellmend.restore
        import cellmend.segment  # noqa: F401
        from cellmend.dynamics import warm as dynamics
        from cellmend.net import warm as net

        dynamics.compile_kernels()
        net.compile_kernels()

    def devices(self) -> Mapping[str, str]:
        """Return what there is to run networks on, and what each is called."""
        from cellmend.device import list_devices

        return list_devices()

    def try_device(self, device: str) -> Tried:
        """Run a small network on a device."""
        from cellmend.net.trial import try_device

        done = try_device(device)
        return Tried(done.device, done.seconds)

    def restore(self, image: Image, request: RestoreRequest, report: Reporter) -> Restored:
        """Restore `image`, step by step."""
        from cellmend.chain import (
            check_steps,
            last_of,
            make_restorers,
            restore_at_estimate,
            restore_in_turn,
        )

        check_steps(request.steps)
        if is_large(image.data.shape):
            return self._restored_in_blocks(image, request, report)
        restorers = make_restorers(request.steps, self._restorer)
        models = any(isinstance(step, RestoreStep) for step in request.steps)
        if models and request.diameter is None:
            segmenter = self._segmenter(SegmentSettings().model)
            steps = restore_at_estimate(image, restorers, segmenter, report)
        else:
            diameter = request.diameter or RestoreSettings().diameter
            steps = restore_in_turn(image, restorers, diameter, report)
        made = last_of(steps)
        return Restored(image, None) if made is None else Restored(made.image, made.provenance)

    def preview(self, image: Image, request: PreviewRequest, report: Reporter) -> FilteredPart:
        """Filter a part of a plane of `image`; what was measured of the image is kept."""
        from cellmend.restore.region import RegionFilter

        if self._region is None or self._region.image is not image:
            self._region = RegionFilter(image)
        pixels = self._region.run(request.plane, request.settings, request.box, report)
        return FilteredPart(pixels, request.box)

    def segment(self, image: Image, request: SegmentRequest, report: Reporter) -> Segmented:
        """Find the cells of `image`."""
        settings = request.settings
        if is_large(image.data.shape):
            return self._segmented_in_blocks(image, request, report)
        chosen = {name: getattr(settings, name) for name in type(settings).model_fields}
        del chosen["model"]
        segmenter = self._segmenter(settings.model, request.device)
        result = segmenter.run(image, previous=request.previous, report=report, **chosen)
        return Segmented(
            masks=result.masks,
            flows=result.flows,
            cellprob=result.cellprob,
            diameter=result.diameter,
            provenance=result.provenance,
            niter=result.niter,
            confidence=result.confidence,
        )

    def segment_region(self, image: Image, request: RegionRequest, report: Reporter) -> RegionFound:
        """Find the cells in and around a part of a plane of `image`."""
        from cellmend.segment.region import segment_region

        whole = request.segment
        found = segment_region(
            self._segmenter(whole.settings.model, whole.device),
            image,
            request.box,
            whole.settings,
            plane=request.plane,
            previous=whole.previous,
            report=report,
        )
        return RegionFound(found.masks, found.window, found.diameter)

    def _restored_in_blocks(
        self, image: Image, request: RestoreRequest, report: Reporter
    ) -> Restored:
        from cellmend.scale.open_image import restore_open_image

        settings = BlockwiseSettings(restore=request.steps, diameter=request.diameter)
        return Restored(*restore_open_image(image, settings, self.device, report))

    def _segmented_in_blocks(
        self, image: Image, request: SegmentRequest, report: Reporter
    ) -> Segmented:
        from cellmend.scale.open_image import segment_open_image

        chosen = {name: getattr(request.settings, name) for name in SegmentSettings.model_fields}
        device = self.device if request.device == "auto" else request.device
        masks, record = segment_open_image(image, BlockwiseSettings(**chosen), device, report)
        return Segmented(
            masks=masks,
            flows=None,
            cellprob=None,
            diameter=float(record.settings["diameter"]),
            provenance=replace(record, previous=request.previous),
        )

    def masks(
        self,
        flows: NDArray[np.float32],
        cellprob: NDArray[np.float32],
        settings: MaskSettings,
        report: Reporter,
    ) -> Remade:
        """Make masks from the output of an earlier run.

        What the last call computed from the same output is used again.
        """
        from cellmend.dynamics import MaskMaker

        if self._maker is None or self._maker[0] is not flows:
            self._maker = (flows, MaskMaker(flows, cellprob))
        made = self._maker[1].make(settings, report)
        confidence = Confidence.of(made.masks, made.flow_errors, made.cellprobs)
        return Remade(made.masks, confidence)

    def cell_at(self, request: ClickRequest, report: Reporter) -> Shape | None:
        """Find the cell at a place by the flows there are, by the network, or by the image."""
        from cellmend.segment.click import cell_from_flows, cell_from_image, cell_from_network

        at, diameter = request.at, request.diameter
        found = None
        if request.flows is not None and request.cellprob is not None:
            found = cell_from_flows(request.flows, request.cellprob, at, diameter, report)
        else:
            with contextlib.suppress(ModelError):  # not every installation has the model
                segmenter = self._segmenter(SegmentSettings().model)
                found = cell_from_network(segmenter, request.plane, at, diameter, report)
        if found is None:
            found = cell_from_image(request.plane.astype(np.float32), at, diameter)
        return found

    def _restorer(self, model: str) -> Restorer:
        from cellmend.restore import Restorer

        return _loaded(self._restorers, Restorer, model, self.device)

    def _segmenter(self, model: str, device: str = "auto") -> Segmenter:
        from cellmend.segment import Segmenter

        where = self.device if device == "auto" else device
        return _loaded(self._segmenters, Segmenter, model, where)


def _loaded(
    kept: dict[tuple[str, str], tuple[FileState, Loaded]],
    load: Callable[[str, str], Loaded],
    model: str,
    device: str,
) -> Loaded:
    """Return a model that is kept, loaded anew if another file bears its name by now.

    Raises
    ------
    ModelError
        If the model is not installed, or not any more.
    """
    key, state = (model, device), _file_state(model)
    if key in kept and kept[key][0] != state:
        del kept[key]  # first, so that memory need not hold both
    if key not in kept:
        kept[key] = (state, load(model, device))
    return kept[key][1]


def _file_state(model: str) -> FileState:
    from cellmend import registry

    path = registry.find(model).path
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size


def read_ahead(package: str, report: Reporter) -> None:
    """Read the shared libraries of `package` into the system's file cache.

    Python holds its lock while it loads a library, so that the window would
    stand still for as long as a slow disk takes; reading does not hold it.
    """
    found = importlib.util.find_spec(package)
    buffer = bytearray(CHUNK)
    for folder in (found.submodule_search_locations or []) if found is not None else []:
        for library in sorted(Path(folder).glob("lib/*")):
            if not library.is_file():
                continue
            with library.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    report.check()
