"""Undoable steps: push one on `Document.undo`.

A step is told apart by what it holds: a patch, a whole label array, or a layer.
"""

from cellmend_app.commands.edit import EditLabels, ReplaceLabels, ReplaceRegion
from cellmend_app.commands.layers import AddRestored, ChangeMaskLayers

__all__ = ["AddRestored", "ChangeMaskLayers", "EditLabels", "ReplaceLabels", "ReplaceRegion"]
