"""Every action as data: its text, keys, icon, when it is possible, and what it does.

Menus, tool bar, panels' buttons and the sheet of shortcuts are all made from
this table. The keys are those of Cellpose where it has one.
"""

from __future__ import annotations

from collections.abc import Iterator

from cellmend_app.actions import handlers as do
from cellmend_app.actions.editing import CELLS, EDIT, TOOL_MENU
from cellmend_app.actions.spec import Spec, Test
from cellmend_app.actions.viewing import VIEW
from cellmend_app.actions.when import has_cells, has_image, has_siblings, has_steps
from cellmend_app.actions.workbench import Workbench
from cellmend_app.dialogs.keys import KeysDialog
from cellmend_app.dialogs.shortcuts import ShortcutSheet
from cellmend_app.settings import Keys


def can_segment(w: Workbench) -> bool:
    """Whether the chosen model can be run on an open image."""
    return has_image(w) and w.panels.segment.ready and not w.computing


def can_restore(task: str) -> Test:
    """Return whether the model of `task` can be run on an open image."""
    return lambda w: has_image(w) and w.panels.restore.ready(task) and not w.computing


def can_filter(w: Workbench) -> bool:
    """Whether an open image can be filtered."""
    return has_image(w) and not w.computing


def can_run_steps(w: Workbench) -> bool:
    """Whether the list of steps can be run on an open image."""
    return can_filter(w) and not w.panels.restore.steps.missing()


def has_record(w: Workbench) -> bool:
    """Whether it is known how the masks, or the restored image, were made."""
    return w.services.reproduce.record is not None


def no_record(w: Workbench) -> str:
    """Say why there is nothing to do again, if so."""
    return w.services.reproduce.missing


def _restore(task: str, tip: str) -> Spec:
    return Spec(
        id=task,
        text=task.capitalize(),
        run=lambda w: do.restore(w, task),
        tip=tip,
        icon=task,
        when=can_restore(task),
        why_not=lambda w: w.panels.restore.missing(task),
    )


TABLE: dict[str, tuple[Spec | None, ...]] = {
    "File": (
        Spec("open", "Open image…", do.open_image, ("Ctrl+L",), icon="open"),
        Spec("open-folder", "Open folder…", do.open_folder, ("Ctrl+Shift+L",), icon="folder"),
        Spec("open-seg", "Open segmentation (_seg.npy)…", do.open_seg, ("Ctrl+P",)),
        Spec(
            "load-masks", "Load masks over this image…", do.load_masks, ("Ctrl+M",), when=has_image
        ),
        Spec("load-layer", "Load masks as a layer…", do.load_layer, when=has_image),
        None,
        Spec(
            "previous",
            "Previous image",
            lambda w: w.services.files.step(-1),
            ("Ctrl+Left",),
            icon="previous",
            when=has_siblings,
        ),
        Spec(
            "next",
            "Next image",
            lambda w: w.services.files.step(1),
            ("Ctrl+Right",),
            icon="next",
            when=has_siblings,
        ),
        Spec(
            "step-back",
            "Previous plane of a stack, or image",
            lambda w: do.step(w, -1),
            ("A", "Left"),
            when=has_steps,
        ),
        Spec(
            "step-on",
            "Next plane of a stack, or image",
            lambda w: do.step(w, 1),
            ("D", "Right"),
            when=has_steps,
        ),
        Spec(
            "done",
            "Done with this image",
            lambda w: w.services.review.toggle_done(),
            ("Ctrl+E",),
            tip="Mark this image as done, or as in progress again",
            icon="done",
            when=has_image,
            checked=lambda w: w.services.review.done,
        ),
        Spec(
            "next-undone",
            "Next image that is not done",
            lambda w: w.services.review.open_next(),
            ("N",),
            icon="next-undone",
            when=has_siblings,
        ),
        None,
        Spec(
            "save",
            "Save",
            lambda w: w.services.files.save(),
            ("Ctrl+S",),
            tip="Save the open project, or else _seg.npy, which Cellpose opens too",
            icon="save",
            when=has_image,
        ),
        Spec(
            "save-project",
            "Save project as…",
            do.save_project_as,
            ("Ctrl+Shift+S",),
            tip="Save masks, layers, settings and history in one .cellmend file",
            when=has_image,
        ),
        None,
        Spec(
            "export",
            "Export…",
            do.export,
            ("Ctrl+Shift+E",),
            tip="Write masks, ROIs, outlines, measurements and more into a folder",
            when=has_image,
        ),
        Spec(
            "save-tif",
            "Save masks as TIFF",
            lambda w: do.export_as(w, "tif"),
            ("Ctrl+N",),
            when=has_cells,
        ),
        Spec(
            "save-png",
            "Save masks as PNG",
            lambda w: do.export_as(w, "png"),
            ("Ctrl+Shift+N",),
            when=has_cells,
        ),
        Spec(
            "save-outlines",
            "Save outlines as text",
            lambda w: do.export_as(w, "txt"),
            ("Ctrl+O",),
            when=has_cells,
        ),
        Spec(
            "save-rois",
            "Save ROIs for ImageJ",
            lambda w: do.export_as(w, "rois"),
            ("Ctrl+R",),
            when=has_cells,
        ),
        Spec(
            "save-flows",
            "Save flows and cell probability",
            lambda w: do.export_as(w, "flows"),
            ("Ctrl+F",),
            when=lambda w: w.document.results is not None,
        ),
        Spec(
            "save-restored",
            "Save restored image",
            lambda w: do.export_as(w, "restored"),
            when=lambda w: w.document.restored is not None,
        ),
        Spec("save-view", "Save view as PNG…", do.save_view, when=has_image),
        None,
        Spec("quit", "Quit", do.close_window, ("Ctrl+Q",)),
    ),
    "Edit": EDIT,
    "Tools": TOOL_MENU,
    "Cells": CELLS,
    "View": VIEW,
    "Compute": (
        _restore("denoise", "Remove noise, so that cells are found"),
        _restore("deblur", "Sharpen what is out of focus"),
        _restore(
            "upsample", "Restore detail of cells that span few pixels; the image keeps its size"
        ),
        Spec(
            "apply-filter",
            "Apply filter",
            do.apply_filter,
            tip="Filter the image; the result is a layer of its own",
            when=can_filter,
        ),
        Spec(
            "run-steps",
            "Run steps",
            do.run_steps,
            tip="Run the steps of the list, each on the result of the one before",
            when=can_run_steps,
            why_not=lambda w: w.panels.restore.steps.missing(),
        ),
        Spec(
            "segment",
            "Segment",
            do.segment,
            ("Ctrl+Return",),
            tip="Find the cells",
            icon="segment",
            when=can_segment,
        ),
        Spec(
            "segment-visible",
            "Segment the visible part",
            do.segment_visible,
            ("Shift+Return",),
            tip="Find the cells of what is seen of this plane; all others stay",
            when=can_segment,
        ),
        Spec(
            "segment-folder",
            "Segment folder…",
            do.segment_folder,
            ("Ctrl+Shift+Return",),
            tip="Find the cells of many images, one after another",
            icon="segment-folder",
            when=lambda w: has_image(w) and w.panels.segment.ready,
        ),
        None,
        Spec(
            "copy-command",
            "Copy as command line",
            lambda w: w.services.reproduce.copy_command(),
            tip="Copy the command that does the last run again in a terminal",
            when=has_record,
            why_not=no_record,
        ),
        Spec(
            "copy-python",
            "Copy as Python",
            lambda w: w.services.reproduce.copy_python(),
            tip="Copy a Python script that does the last run again",
            when=has_record,
            why_not=no_record,
        ),
        Spec(
            "save-settings",
            "Save settings as YAML…",
            do.save_settings,
            tip="Save the settings of the next run: cellmend segment --config takes the file",
        ),
        Spec(
            "load-settings",
            "Load settings…",
            do.load_settings,
            tip="Fill the panel from a file of settings, as for cellmend segment --config",
        ),
        None,
        Spec(
            "device",
            "Device…",
            do.choose_device,
            tip="Choose and test what networks run on: the CPU or a graphics card",
        ),
    ),
    "Models": (
        Spec(
            "retrain",
            "Retrain",
            lambda w: do.train(w, restoring=False),
            ("Ctrl+T",),
            tip="Train a model on the corrected images of this folder",
            icon="retrain",
        ),
        Spec(
            "train-restoration",
            "Train a restoration model…",
            lambda w: do.train(w, restoring=True),
            ("Ctrl+Shift+T",),
            tip="Train a model that restores images like yours: from clean images with masks, "
            "from pairs, or from noisy images alone",
        ),
        None,
        Spec("add-model", "Add a model file…", do.add_model),
        Spec(
            "models",
            "Manage models…",
            do.manage_models,
            tip="See what models there are, rename and remove your own",
        ),
    ),
    "Help": (
        Spec("shortcuts", "Keyboard and mouse", lambda w: show_shortcuts(w), ("F1", "Ctrl+H")),
        Spec("about", "About Cellmend", lambda w: w.messages.about()),
    ),
}

TOOL_BAR: tuple[str | None, ...] = (
    "open",
    "save",
    None,
    "denoise",
    "deblur",
    "upsample",
    "segment",
    None,
    "undo",
    "redo",
    None,
    "retrain",
    "fit",
    "theme",
)
PROMINENT = {"denoise", "deblur", "upsample"}
PRIMARY = "segment"
MOUSE = (
    ("Wheel", "Zoom"),
    ("Left drag", "Move the image; on the line of the split view, move the line"),
    ("Double click, or Space", "Fit image to window"),
    ("C held", "Compare the restored with the raw image"),
    ("Left click", "Select a cell"),
    ("Ctrl+left click", "Delete a cell"),
    ("Alt+left click", "Merge a cell into the selected ones"),
    ("Ctrl+Shift+left click", "Add a cell to the selection, or take it out"),
    ("Right click, or Shift+left click", "Start an outline; again, or back at its start, ends it"),
    ("Esc", "Drop what is being drawn or moved"),
    (
        "Enter",
        "Close the outline or polygon being drawn; with none, draw the selected cells of a "
        "volume in the planes between",
    ),
    ("Backspace", "Take back the last corner of the polygon being drawn"),
    ("Arrows, with the Move tool", "Move the selected cells by a pixel; with Shift by ten"),
)


def shortcut_rows(keys: Keys) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what every key and gesture does, by menu."""
    listed = {
        menu: [(", ".join(keys.of(name)), text) for name, text in entries if keys.of(name)]
        for menu, entries in nameable().items()
    }
    return [("Mouse", list(MOUSE)), *((menu, rows) for menu, rows in listed.items() if rows)]


def nameable() -> dict[str, list[tuple[str, str]]]:
    """Return the id and the text of every action, by menu."""
    return {
        menu: [(spec.id, spec.text.rstrip("…")) for spec in entries if spec is not None]
        for menu, entries in TABLE.items()
    }


def usual_keys() -> dict[str, tuple[str, ...]]:
    """Return the keys of every action as they are unless a person changes them, by its id."""
    return {spec.id: spec.keys for spec in specs()}


def show_shortcuts(w: Workbench) -> None:
    """Open the sheet of shortcuts."""
    sheet = ShortcutSheet(shortcut_rows(w.keys), w.window)
    sheet.change.clicked.connect(lambda: change_keys(w))
    sheet.change.clicked.connect(sheet.close)
    sheet.open()


def change_keys(w: Workbench) -> None:
    """Open the dialog in which actions are given other keys."""
    KeysDialog(w.keys, nameable(), w.window).open()


def specs() -> Iterator[Spec]:
    """Yield every action of the table."""
    for entries in TABLE.values():
        yield from (spec for spec in entries if spec is not None)
