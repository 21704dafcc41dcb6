"""The restoration protocol on one image: degrade it, mend it in every way, count the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import CellmendError
from cellmend.io.labels import narrowest
from cellmend.normalize import normalize
from cellmend.progress import SILENT, Reporter
from cellmend.restore.degrade import Degradation
from cellmend.study.cache import Cache, Kept
from cellmend.study.cases import Case, LowHigh
from cellmend.study.methods import Method
from cellmend.study.score import Score, closeness, score_masks
from cellmend.study.strength import (
    RANGES,
    Chosen,
    Degraded,
    degraded_image,
    halve,
    noise_source,
)

if TYPE_CHECKING:
    from cellmend.segment import Segmenter

Floats = NDArray[np.float32]

DEGRADED, CLEAN = "degraded", "clean"
REAL = "real"
MOST_DB = 99.0
"""PSNR of an image that equals the clean one; infinity is no number in JSON."""
VERSION = 2
"""Counts up when the protocol changes, so that results of the old one are not used."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What a page shows of a result: (Y, X) uint8 image and masks."""

    image: NDArray[np.uint8]
    masks: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Record:
    """What one method made of one image.

    Attributes
    ----------
    task
        The degradation, or `REAL` for images taken with little and much light.
    strength
        Its value (see `cellmend.study.strength.RANGES`); nan for real images.
    method, setting
        The method; `DEGRADED` and `CLEAN` are the image before and as it should be.
    """

    group: str
    image: str
    task: str
    strength: float
    method: str
    setting: str
    score: Score
    picture: Picture | None = None


class Comparison:
    """Runs every method on images and keeps each result.

    Parameters
    ----------
    segmenter
        The network that judges.
    methods
        Per task.
    cache
        Where results are kept.
    seed
        Of the noise.
    batch_size
        Tiles that the network takes at once.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        methods: Mapping[str, Sequence[Method]],
        cache: Cache,
        *,
        seed: int = 0,
        batch_size: int = 8,
    ) -> None:
        self._segmenter = segmenter
        self._methods = methods
        self._cache = cache
        self._seed = seed
        self._batch_size = batch_size
        self.failures: list[str] = []

    def of_case(
        self, case: Case, task: str, *, pictures: bool = False, report: Reporter = SILENT
    ) -> list[Record]:
        """Return the records of one image and task: degraded, every method, clean.

        Raises
        ------
        CellmendError
            If no cell is found in the clean image, so that nothing can be halved.
        """
        reference = normalize(case.image)
        base = (VERSION, case.key, self._segmenter.model.sha256)
        scored = _Scored(case.masks, reference)
        clean = self._cache.get(
            (*base, CLEAN), lambda: scored(reference, self._masks(reference, case.diameter))
        )
        ap = float(Score.from_dict(clean.values).ap[0])
        if ap == 0:
            raise CellmendError("no cell is found in the clean image, so that nothing can be lost.")
        chosen = self._strength(case, task, ap, base)
        seen = degraded_image(
            case.image, task, chosen.value, case.diameter, noise_source(self._seed, case.name)
        )
        key = (*base, task, chosen.value, self._seed)
        found = self._results(case.name, seen, scored, key, report)
        return [
            Record(case.group, case.name, task, chosen.value, *how, *_unpacked(kept, pictures))
            for how, kept in (*found, ((CLEAN, ""), clean))
        ]

    def of_low_high(
        self, pair: LowHigh, *, pictures: bool = False, report: Reporter = SILENT
    ) -> list[Record]:
        """Return the records of two real images; the masks of the clean one count as true.

        Raises
        ------
        CellmendError
            If no cell is found in the clean image.
        """
        base = (VERSION, pair.key, self._segmenter.model.sha256)
        truth = self._cache.get((*base, "reference"), lambda: self._reference(pair.clean))
        masks, diameter = truth.arrays["masks"], float(truth.values["diameter"])
        if not masks.any():
            raise CellmendError("no cell is found in the clean image, so there is no reference.")
        scored = _Scored(masks, normalize(pair.clean))
        noisy = normalize(pair.noisy)
        seen = Degraded(noisy, "denoise", Degradation(), diameter, noisy)
        found = self._results(pair.name, seen, scored, (*base, REAL, self._seed), report)
        clean = scored(scored.clean, masks)
        return [
            Record(pair.group, pair.name, REAL, float("nan"), *how, *_unpacked(kept, pictures))
            for how, kept in (*found, ((CLEAN, ""), clean))
        ]

    def _strength(self, case: Case, task: str, clean: float, base: tuple[object, ...]) -> Chosen:
        def score(value: float) -> float:
            rng = noise_source(self._seed, case.name)
            seen = degraded_image(case.image, task, value, case.diameter, rng)
            return float(score_masks(case.masks, self._masks(seen.image, case.diameter)).ap[0])

        def search() -> Kept:
            chosen = halve(score, clean, RANGES[task])
            return Kept({"value": chosen.value, "score": chosen.score}, {})

        kept = self._cache.get((*base, task, self._seed, "strength"), search)
        return Chosen(**kept.values)

    def _results(
        self,
        name: str,
        seen: Degraded,
        scored: _Scored,
        key: tuple[object, ...],
        report: Reporter,
    ) -> list[tuple[tuple[str, str], Kept]]:
        """Return what each method made of an image; one that fails is named and left out."""
        untouched = Method(DEGRADED, "", seen.task, DEGRADED, lambda one: one.image)
        methods = [untouched, *self._methods.get(seen.task, ())]
        found = []
        for index, method in enumerate(methods):
            report.check()
            try:
                kept = self._cache.get(
                    (*key, method.key), partial(self._result, method, seen, scored)
                )
            except CellmendError as error:
                self.failures.append(f"{name}, {method.name}: {error}")
                continue
            found.append(((method.name, method.setting), kept))
            report.step(index + 1, len(methods), method.name)
        return found

    def _result(self, method: Method, seen: Degraded, scored: _Scored) -> Kept:
        restored = method.restore(seen)
        return scored(restored, self._masks(restored, seen.diameter, method.segmenter))

    def _masks(
        self, image: Floats, diameter: float, segmenter: Segmenter | None = None
    ) -> NDArray[np.uint32]:
        network = segmenter or self._segmenter
        return network.run(image, diameter=diameter, batch_size=self._batch_size).masks

    def _reference(self, clean: Floats) -> Kept:
        diameter = self._segmenter.estimate_diameter(clean, batch_size=self._batch_size)
        return Kept({"diameter": diameter}, {"masks": self._masks(clean, diameter)})


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scores results of one image against what is true of it."""

    masks: NDArray[np.integer]
    clean: Floats

    def __call__(self, restored: Floats, masks: NDArray[np.integer]) -> Kept:
        psnr, ssim = closeness(self.clean, restored)
        score = replace(score_masks(self.masks, masks), psnr=min(psnr, MOST_DB), ssim=ssim)
        shown = np.rint(np.clip(normalize(restored), 0, 1) * 255).astype(np.uint8)
        return Kept(score.as_dict(), {"image": shown, "masks": narrowest(masks)})


def _unpacked(kept: Kept, pictures: bool) -> tuple[Score, Picture | None]:
    score = Score.from_dict(kept.values)
    return score, Picture(kept.arrays["image"], kept.arrays["masks"]) if pictures else None
