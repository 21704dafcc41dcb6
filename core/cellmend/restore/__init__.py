"""Mending images: the restoration networks, and the degradations they are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmend.restore.degrade import Degradation, degrade
from cellmend.restore.scale import SCALES, Scale, to_scale

if TYPE_CHECKING:
    from cellmend.restore.pipeline import Restoration, Restorer

__all__ = ["SCALES", "Degradation", "Restoration", "Restorer", "Scale", "degrade", "to_scale"]


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for."""
    if name in ("Restoration", "Restorer"):
        from cellmend.restore import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
