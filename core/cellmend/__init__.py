"""Cellmend: mend microscope images and find the cells in them.

Names are imported when they are first used, so that ``import cellmend`` is
quick and does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cellmend.provenance import cellmend_version

if TYPE_CHECKING:
    from cellmend import dynamics, errors, measure, metrics, train
    from cellmend.image import Image
    from cellmend.io import read
    from cellmend.registry import load_model
    from cellmend.restore import Restoration, Restorer
    from cellmend.segment import Segmentation, Segmenter

__version__ = cellmend_version()

_HOME = {
    "Image": "cellmend.image",
    "read": "cellmend.io",
    "load_model": "cellmend.registry",
    "Restoration": "cellmend.restore",
    "Restorer": "cellmend.restore",
    "Segmentation": "cellmend.segment",
    "Segmenter": "cellmend.segment",
}
_MODULES = ("dynamics", "errors", "measure", "metrics", "train")

__all__ = [
    "Image",
    "Restoration",
    "Restorer",
    "Segmentation",
    "Segmenter",
    "dynamics",
    "errors",
    "load_model",
    "measure",
    "metrics",
    "read",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"cellmend.{name}")
    else:
        raise AttributeError(f"module 'cellmend' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
