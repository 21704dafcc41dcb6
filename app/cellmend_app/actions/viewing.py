"""The actions that change how the image is seen, and nothing of the document."""

from __future__ import annotations

from cellmend_app.actions import handlers as do
from cellmend_app.actions.spec import Spec
from cellmend_app.actions.when import has_cells, has_channels, has_image, has_selection
from cellmend_app.actions.workbench import ToolName
from cellmend_app.viewer import Arrangement

VIEW_TOOLS: tuple[ToolName, ...] = ("ruler", "zoom-box")
ARRANGEMENT_ACTIONS = ("view-single", "view-split", "view-two", "view-four", "view-ortho")


def _channel(index: int, key: str, which: str) -> Spec:
    return Spec(
        id=f"channel-{index + 1}",
        text=f"Show the {which} channel",
        run=lambda w: do.toggle_channel(w, index),
        keys=(key,),
        when=lambda w: len(w.view.channels) > max(1, index),
        checked=lambda w: index < len(w.view.channels) and w.view.channels[index].visible,
    )


def _arrange(arrangement: Arrangement, text: str, key: str, tip: str) -> Spec:
    return Spec(
        id=f"view-{arrangement}",
        text=text,
        run=lambda w: w.view.arrange(arrangement),
        keys=(key,),
        tip=tip,
        icon=f"view-{arrangement}",
        when=lambda w: has_image(w) and w.view.can_arrange(arrangement),
        checked=lambda w: w.view.arrangement == arrangement,
        group="arrangement",
    )


def _tool(name: ToolName, text: str, key: str, tip: str) -> Spec:
    return Spec(
        id=name,
        text=text,
        run=lambda w: w.use_tool(name),
        keys=(key,),
        tip=tip,
        icon=name,
        when=has_image,
        checked=lambda w: w.tool == name,
        group="tools",
    )


VIEW: tuple[Spec | None, ...] = (
    Spec("zoom-in", "Zoom in", lambda w: w.view.zoom(1.25), ("=", "+"), when=has_image),
    Spec("zoom-out", "Zoom out", lambda w: w.view.zoom(0.8), ("-",), when=has_image),
    Spec(
        "fit",
        "Fit image to window",
        lambda w: w.view.fit(),
        ("F",),
        icon="fit",
        when=has_image,
    ),
    Spec(
        "actual-size",
        "One image pixel per screen pixel",
        lambda w: w.view.actual_size(),
        ("Ctrl+1",),
        when=has_image,
    ),
    Spec(
        "zoom-selection",
        "Zoom to the selected cells",
        lambda w: w.view.zoom_to_selection(),
        ("Ctrl+2",),
        when=has_selection,
    ),
    _tool("zoom-box", "Zoom into a box", "Ctrl+3", "Drag a box to zoom into it"),
    _tool("ruler", "Ruler", "Ctrl+4", "Drag to measure a length"),
    None,
    Spec(
        "masks",
        "Masks",
        lambda w: w.panels.view.masks.toggle(),
        ("X",),
        icon="masks",
        checked=lambda w: w.panels.view.masks.isChecked(),
    ),
    Spec(
        "outlines",
        "Outlines",
        lambda w: w.panels.view.outlines.toggle(),
        ("Z",),
        checked=lambda w: w.panels.view.outlines.isChecked(),
    ),
    Spec(
        "objects",
        "Table of cells",
        do.toggle_objects,
        ("Ctrl+Shift+M",),
        tip="Measurements of every cell; a row selects its cell",
        checked=lambda w: w.panels.objects.isVisible(),
    ),
    Spec(
        "save-table",
        "Save table of cells…",
        do.save_table,
        tip="Measure all cells and write the table as CSV, Excel workbook or Parquet",
        when=has_cells,
    ),
    Spec(
        "previous-view",
        "Previous layer",
        lambda w: w.panels.view.step_view(-1),
        ("PgUp",),
        when=has_image,
    ),
    Spec(
        "next-view",
        "Next layer",
        lambda w: w.panels.view.step_view(1),
        ("PgDown",),
        when=has_image,
    ),
    None,
    _arrange("single", "One picture", "Ctrl+5", "Show one layer"),
    _arrange("split", "Split", "Ctrl+6", "Raw image left of a line, the layer right of it"),
    _arrange("two", "Side by side", "Ctrl+7", "Two linked pictures: before, and with masks"),
    _arrange("four", "Four pictures", "Ctrl+8", "Up to four linked pictures, one per layer"),
    _arrange("ortho", "Orthogonal views", "Ctrl+9", "Slices along Z through the pointer"),
    None,
    _channel(0, "R", "first"),
    _channel(1, "G", "second"),
    _channel(2, "B", "third"),
    Spec(
        "previous-channels",
        "Previous channel alone, or all",
        lambda w: do.step_channels(w, -1),
        ("W", "Up"),
        when=has_channels,
    ),
    Spec(
        "next-channels",
        "Next channel alone, or all",
        lambda w: do.step_channels(w, 1),
        ("S", "Down"),
        when=has_channels,
    ),
    Spec(
        "auto-contrast",
        "Auto contrast, once",
        lambda w: w.view.auto_contrast(),
        ("Ctrl+U",),
        tip="Fit the contrast of all channels once: 1st to 99th percentile",
        when=lambda w: bool(w.view.channels),
    ),
    None,
    Spec("theme", "Light or dark", do.switch_theme, ("Ctrl+D",), icon="theme"),
)
