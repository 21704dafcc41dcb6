"""When actions are possible."""

from __future__ import annotations

from cellmend_app.actions.workbench import Workbench


def has_image(w: Workbench) -> bool:
    """Whether an image is open."""
    return w.document.image is not None


def has_cells(w: Workbench) -> bool:
    """Whether there are masks."""
    return has_image(w) and w.document.labels.count > 0


def has_selection(w: Workbench) -> bool:
    """Whether a cell is selected."""
    return w.document.selected > 0


def has_several_selected(w: Workbench) -> bool:
    """Whether several cells are selected."""
    return len(w.document.selection) > 1


def has_planes(w: Workbench) -> bool:
    """Whether there are cells in an image of several planes."""
    return has_cells(w) and w.document.plane_count > 1


def has_depth(w: Workbench) -> bool:
    """Whether there are cells in a volume."""
    return has_cells(w) and len(w.document.frame) > 1


def has_siblings(w: Workbench) -> bool:
    """Whether there are other images in the folder."""
    return len(w.services.files.folder) > 1


def has_channels(w: Workbench) -> bool:
    """Whether there are several channels to show or hide."""
    return len(w.view.channels) > 1


def has_steps(w: Workbench) -> bool:
    """Whether there are other planes, or other images in the folder."""
    return w.document.plane_count > 1 or has_siblings(w)
