"""What is compared in the restoration study: filters, our models, and trained baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.restore.degrade import interpolate_kept
from cellmend.restore.filters import filter_image
from cellmend.study.cases import NETWORK_DIAMETER
from cellmend.study.strength import Degraded

if TYPE_CHECKING:
    from cellmend.restore import Restorer
    from cellmend.segment import Segmenter

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Method:
    """One way to deal with a degraded image.

    Attributes
    ----------
    name
        Of the method; those that differ in a setting only share it, and the best is shown.
    setting
        The setting that tells it from its likes.
    task
        The task it is for.
    key
        All that its result depends on besides the image.
    restore
        Returns the restored (Y, X) image.
    segmenter
        Finds the cells in place of the study's own network; None for that one.
    """

    name: str
    setting: str
    task: str
    key: str
    restore: Callable[[Degraded], Floats]
    segmenter: Segmenter | None = None


Grid = tuple[Mapping[str, float], ...]

FILTER_GRIDS: dict[str, dict[str, Grid]] = {
    "denoise": {
        "gaussian": ({"radius": 0.75}, {"radius": 1.5}, {"radius": 3.0}),
        "median": ({"radius": 1.0}, {"radius": 2.0}, {"radius": 3.0}),
        "nl-means": ({"strength": 0.8}, {"strength": 1.6}, {"strength": 3.0}),
    },
    "deblur": {
        "richardson-lucy": ({"iterations": 5}, {"iterations": 15}, {"iterations": 40}),
        "sharpen": ({"radius": 3.0, "strength": 1.0}, {"radius": 6.0, "strength": 2.0}),
    },
    "upsample": {
        "richardson-lucy": ({"iterations": 5}, {"iterations": 15}, {"iterations": 40}),
    },
}
"""Settings that are tried. Radii are for cells of 30 pixels and grow with the cells; that
of Richardson-Lucy is the true one of the blur, which in practice is not known."""


def filter_methods(task: str, names: Iterable[str]) -> list[Method]:
    """Return the classical methods of a task among `names`."""
    wanted = set(names)
    methods = [
        _filter_method(task, name, options)
        for name, grid in FILTER_GRIDS[task].items()
        if name in wanted
        for options in grid
    ]
    if task == "upsample" and "bicubic" in wanted:
        methods.append(Method("bicubic", "", task, "bicubic", _bicubic))
    return methods


def model_methods(task: str, restorers: Iterable[Restorer], batch_size: int) -> list[Method]:
    """Return one method per restoration network that is for `task`."""
    return [
        model_method(restorer.model.name, "", restorer, batch_size)
        for restorer in restorers
        if restorer.model.card.task == task
    ]


def model_method(name: str, setting: str, restorer: Restorer, batch_size: int) -> Method:
    """Return the method of one restoration network, for the task on its card."""
    return Method(
        name,
        setting,
        restorer.model.card.task,
        restorer.model.sha256,
        partial(_by_network, restorer, batch_size),
    )


def _filter_method(task: str, name: str, options: Mapping[str, float]) -> Method:
    setting = ", ".join(f"{key} {value:g}" for key, value in options.items())
    return Method(name, setting, task, f"{name} {setting}", partial(_by_filter, name, options))


def _by_filter(name: str, options: Mapping[str, float], seen: Degraded) -> Floats:
    chosen: dict[str, Any] = dict(options)
    if "radius" in chosen:
        chosen["radius"] *= seen.diameter / NETWORK_DIAMETER
    if name == "richardson-lucy":
        chosen["radius"] = max(seen.how.blur, 0.3)
    return np.asarray(filter_image(seen.image, name, **chosen).image.data)


def _by_network(restorer: Restorer, batch_size: int, seen: Degraded) -> Floats:
    restored = restorer.run(seen.image, diameter=seen.diameter, batch_size=batch_size)
    return np.asarray(restored.image.data)


def _bicubic(seen: Degraded) -> Floats:
    """Interpolate the pixels that were kept."""
    return interpolate_kept(seen.kept, seen.how.downsample, seen.image.shape, cubic=True)
