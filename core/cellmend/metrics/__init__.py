"""How good masks and restored images are."""

from cellmend.metrics.matching import Matching, average_precision, match, matched_ids
from cellmend.metrics.quality import psnr

__all__ = ["Matching", "average_precision", "match", "matched_ids", "psnr"]
