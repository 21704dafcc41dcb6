"""What is measured of one restored image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.metrics import match, psnr

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """Counts of cells at each of `THRESHOLDS`, and how close the pixels are.

    Attributes
    ----------
    tp, fp, fn
        Cells found, invented and missed, per threshold.
    psnr, ssim
        Against the clean image, brightness fitted linearly; None where there is none.
    """

    tp: tuple[int, ...]
    fp: tuple[int, ...]
    fn: tuple[int, ...]
    psnr: float | None = None
    ssim: float | None = None

    @property
    def ap(self) -> NDArray[np.float64]:
        """TP / (TP + FP + FN) per threshold; 1 where there was nothing to find."""
        tp, fp, fn = (np.array(counts, float) for counts in (self.tp, self.fp, self.fn))
        total = tp + fp + fn
        return np.asarray(np.divide(tp, total, out=np.ones_like(tp), where=total > 0))

    @property
    def rates(self) -> tuple[float, float, float]:
        """TP, FP and FN at the first threshold per true cell."""
        true = self.tp[0] + self.fn[0] or float("nan")
        return self.tp[0] / true, self.fp[0] / true, self.fn[0] / true

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Score:
        """Return the score that `as_dict` gave."""
        counts = {name: tuple(values[name]) for name in ("tp", "fp", "fn")}
        return cls(**counts, psnr=values["psnr"], ssim=values["ssim"])


def score_masks(truth: NDArray[np.generic], masks: NDArray[np.generic]) -> Score:
    """Compare masks with true ones."""
    found = match(truth, masks, THRESHOLDS)
    tp, fp, fn = (tuple(map(int, counts)) for counts in (found.tp, found.fp, found.fn))
    return Score(tp, fp, fn)


def closeness(clean: Floats, image: Floats) -> tuple[float, float]:
    """Return PSNR in dB and SSIM of an image whose brightness is first fitted to the clean one.

    Parameters
    ----------
    clean
        (Y, X), 0 at the 1st and 1 at the 99th percentile; that range is the peak.
    image
        (Y, X) on any scale.
    """
    from skimage.metrics import structural_similarity

    fitted = fitted_to(clean, image)
    similarity = structural_similarity(clean, fitted, data_range=1.0)  # type: ignore[no-untyped-call]
    return psnr(clean, fitted, data_range=1.0), float(similarity)


def fitted_to(clean: Floats, image: Floats) -> Floats:
    """Return ``a * image + b`` that comes closest to `clean` (least squares)."""
    centred = image - image.mean()
    spread = float((centred**2).mean())
    slope = float((centred * (clean - clean.mean())).mean()) / spread if spread else 0.0
    return np.asarray(slope * centred + clean.mean(), np.float32)
