"""Models: their cards, where they are kept, and loading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmend.registry.card import KNOWN_NAMES, RESTORATION_NAMES, SEGMENTATION_NAMES, ModelCard
from cellmend.registry.store import (
    ModelEntry,
    add,
    bundled_folder,
    check_addition,
    checked_name,
    export_weights,
    find,
    list_models,
    remove,
    rename,
    user_folder,
)

if TYPE_CHECKING:
    from cellmend.registry.files import Model, load_model

__all__ = [
    "KNOWN_NAMES",
    "RESTORATION_NAMES",
    "SEGMENTATION_NAMES",
    "Model",
    "ModelCard",
    "ModelEntry",
    "add",
    "bundled_folder",
    "check_addition",
    "checked_name",
    "export_weights",
    "find",
    "list_models",
    "load_model",
    "remove",
    "rename",
    "user_folder",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for."""
    if name in ("Model", "load_model"):
        from cellmend.registry import files

        return getattr(files, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
