"""Undoable steps: push one on `Document.undo`.

A step is told apart by what it holds: a patch, a whole label array, a layer, or a size.
"""

from cellmend_app.commands.edit import EditLabels, ReplaceLabels, ReplaceRegion
from cellmend_app.commands.image import SetPixelSize
from cellmend_app.commands.layers import AddRestored, ChangeMaskLayers

__all__ = [
    "AddRestored",
    "ChangeMaskLayers",
    "EditLabels",
    "ReplaceLabels",
    "ReplaceRegion",
    "SetPixelSize",
]
