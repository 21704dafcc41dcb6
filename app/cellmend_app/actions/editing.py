"""The actions that correct masks: tools, and what is done to the selected cells."""

from __future__ import annotations

from cellmend.labels.stroke import Overlap
from cellmend_app.actions import handlers as do
from cellmend_app.actions.spec import Spec
from cellmend_app.actions.when import (
    has_cells,
    has_depth,
    has_image,
    has_planes,
    has_selection,
    has_several_selected,
)
from cellmend_app.actions.workbench import ToolName, Workbench
from cellmend_app.services.cells import Shaping


def _tool(name: ToolName, text: str, key: str, tip: str, icon: str = "") -> Spec:
    return Spec(
        id=name,
        text=text,
        run=lambda w: w.use_tool(name),
        keys=(key,),
        tip=tip,
        icon=icon or name,
        when=has_image,
        checked=lambda w: w.tool == name,
        group="tools",
    )


def _rule(rule: Overlap, text: str, tip: str) -> Spec:
    return Spec(
        id=f"overlap-{rule}",
        text=f"Overlap: {text}",
        run=lambda w: w.document.set_overlap(rule),
        tip=tip,
        checked=lambda w: w.document.overlap == rule,
        group="overlap",
    )


def _shape(how: Shaping, text: str, key: str, tip: str) -> Spec:
    return Spec(
        id=how,
        text=text,
        run=lambda w: w.services.cells.reshape(how),
        keys=(key,),
        tip=tip,
        icon=how,
        when=has_selection,
    )


def _nudge(name: str, key: str, dy: int, dx: int) -> Spec:
    def run(w: Workbench) -> None:
        w.services.cells.nudge(dy, dx)

    return Spec(
        f"move-{name}", f"Move selected cells {name}", run, (f"Shift+{key}",), when=has_selection
    )


TOOL_SPECS: tuple[Spec, ...] = (
    _tool(
        "pick",
        "Pick",
        "V",
        "Click selects, Ctrl+click deletes, Alt+click merges, Ctrl+Shift+click selects more; "
        "drag moves the image",
    ),
    _tool("rectangle", "Select in a rectangle", "Shift+L", "Drag to select cells; Shift adds"),
    _tool("lasso", "Select in a lasso", "L", "Draw round cells to select them; Shift adds"),
    _tool("brush", "Brush", "P", "Paint a cell; Shift begins a new one"),
    _tool("eraser", "Eraser", "E", "Erase pixels of masks; Shift: of one cell alone"),
    _tool(
        "outline",
        "Outline",
        "O",
        "Draw the border of a new cell: click and go round without holding, or drag",
    ),
    _tool("polygon", "Polygon", "U", "Click corners, drag them; Enter closes, Backspace undoes"),
    _tool("find", "Find a cell", "Q", "Click a cell that has no mask: it is found"),
    _tool(
        "segment-region",
        "Segment a part",
        "Shift+Q",
        "Drag a rectangle, or with Shift go round freehand: its cells are found anew",
    ),
    _tool("fill", "Fill", "H", "Click background that a cell encloses to fill it"),
    _tool("split-line", "Split by a line", "T", "Drag a line across cells to cut them"),
    _tool(
        "split-points",
        "Split by two points",
        "Shift+T",
        "Click the middles of two cells that were taken for one",
    ),
    _tool("merge", "Merge", "M", "Click a cell, then those to merge into it"),
    _tool("move", "Move", "J", "Drag cells; arrow keys move the selected ones"),
    _tool("delete", "Delete cells", "K", "Click cells to delete them", icon="delete-cells"),
)
TOOLS: tuple[str, ...] = tuple(spec.id for spec in TOOL_SPECS)
"""The ids of the actions that choose a tool, in their order on screen."""

RULES = (
    _rule("keep", "keep old cells", "What is drawn is cut where other cells are"),
    _rule("replace", "replace old cells", "What is drawn takes the pixels of other cells"),
    _rule("exclude", "exclude from both", "Pixels that two cells claim become background"),
)

PANEL = (
    ("merge-selected", "grow", "shrink", "smooth", "hull", "holes", "change-id"),
    ("filter", "copy-on", "interpolate", "done", "next-undone"),
)
"""The ids of the actions that the panel shows, in rows."""

EDIT: tuple[Spec | None, ...] = (
    Spec(
        "undo",
        "Undo",
        lambda w: w.services.history.undo(),
        ("Ctrl+Z",),
        icon="undo",
        when=lambda w: w.document.undo.canUndo(),
    ),
    Spec(
        "redo",
        "Redo",
        lambda w: w.services.history.redo(),
        ("Ctrl+Y", "Ctrl+Shift+Z"),
        icon="redo",
        when=lambda w: w.document.undo.canRedo(),
    ),
    None,
    Spec(
        "select-all",
        "Select all cells",
        lambda w: w.document.select(*w.document.labels.index.ids()),
        ("Ctrl+A",),
        when=has_cells,
    ),
    Spec(
        "select-none",
        "Select no cell",
        lambda w: w.document.select(),
        ("Ctrl+Shift+A",),
        when=has_selection,
    ),
    Spec(
        "filter",
        "Select by size or measurement…",
        do.filter_cells,
        ("Shift+F",),
        tip="Select cells by size, border or any measurement, and delete them",
        icon="filter",
        when=has_cells,
    ),
    None,
    Spec(
        "delete-selected",
        "Delete selected cells",
        lambda w: w.services.cells.delete(w.document.selection),
        ("Del", "Backspace"),
        icon="delete",
        when=has_selection,
    ),
    Spec(
        "delete-here",
        "Delete selected cells in this plane",
        lambda w: w.services.cells.delete(w.document.selection, here=True),
        ("Shift+Del",),
        when=lambda w: has_planes(w) and has_selection(w),
    ),
    Spec(
        "clear",
        "Clear all masks…",
        lambda w: w.services.cells.clear(),
        ("Ctrl+0",),
        when=has_cells,
    ),
    None,
    Spec(
        "pixel-size",
        "Pixel size…",
        do.choose_pixel_size,
        tip="Say how large a pixel is in µm, where the file does not tell it or is wrong",
        when=has_image,
    ),
)

TOOL_MENU: tuple[Spec | None, ...] = (
    *TOOL_SPECS,
    None,
    Spec("brush-smaller", "Smaller brush", lambda w: w.panels.edit.step_brush(-1), (",",)),
    Spec("brush-larger", "Larger brush", lambda w: w.panels.edit.step_brush(1), (".",)),
    None,
    *RULES,
    Spec("overlap-next", "Next overlap rule", do.next_overlap, ("I",)),
)

CELLS: tuple[Spec | None, ...] = (
    Spec(
        "merge-selected",
        "Merge selected cells",
        lambda w: w.services.cells.merge(w.document.selection),
        ("Shift+M",),
        tip="Make the selected cells one",
        icon="merge",
        when=has_several_selected,
    ),
    Spec(
        "change-id",
        "Change id…",
        do.change_id,
        ("Ctrl+I",),
        tip="Give the selected cell another id",
        icon="change-id",
        when=has_selection,
    ),
    None,
    _shape("grow", "Grow", "]", "Grow the selected cells by a pixel"),
    _shape("shrink", "Shrink", "[", "Shrink the selected cells by a pixel"),
    _shape("smooth", "Smooth", "Shift+O", "Smooth the borders of the selected cells"),
    _shape("hull", "Convex hull", "Shift+U", "Grow the selected cells into their convex hulls"),
    _shape("holes", "Fill holes", "Shift+H", "Fill the holes of the selected cells"),
    None,
    _nudge("up", "Up", -1, 0),
    _nudge("down", "Down", 1, 0),
    _nudge("left", "Left", 0, -1),
    _nudge("right", "Right", 0, 1),
    None,
    Spec(
        "copy-on",
        "Copy to the next plane or frame",
        lambda w: w.services.cells.copy_on(),
        ("Shift+N",),
        tip="Copy the selected cells, or all, to the next plane or frame",
        icon="copy-on",
        when=has_planes,
    ),
    Spec(
        "interpolate",
        "Interpolate between planes",
        lambda w: w.services.cells.interpolate(),
        ("Shift+I",),
        tip="Draw the selected cells, or all, in the planes between those that hold them",
        icon="interpolate",
        when=has_depth,
    ),
)
