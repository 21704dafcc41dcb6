"""Mending images: networks and classical filters, and the degradations networks learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmend.params import SCALES, Scale
from cellmend.restore.degrade import Degradation, degrade
from cellmend.restore.filters import FILTERS, filter_image
from cellmend.restore.result import Restoration
from cellmend.restore.scale import to_scale

if TYPE_CHECKING:
    from cellmend.restore.pipeline import Restorer

__all__ = [
    "FILTERS",
    "SCALES",
    "Degradation",
    "Restoration",
    "Restorer",
    "Scale",
    "degrade",
    "filter_image",
    "to_scale",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for."""
    if name == "Restorer":
        from cellmend.restore.pipeline import Restorer

        return Restorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
