"""Where menus, buttons, panels and the image stand in the window."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenuBar,
    QSplitter,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.actions import (
    PANEL,
    PRIMARY,
    PROMINENT,
    TABLE,
    TOOL_BAR,
    TOOLS,
    VIEW_TOOLS,
    Actions,
    Panels,
)
from cellmend_app.controls import name
from cellmend_app.panels.edit import tool_palette
from cellmend_app.panels.navigator import NavigatorPanel
from cellmend_app.panels.objects import ObjectsPanel
from cellmend_app.panels.parts import ICON_SIZE, Section, scrolled
from cellmend_app.panels.planes import PlanesPanel
from cellmend_app.panels.restore import action_button
from cellmend_app.viewer import ImageView

LEFT_WIDTH, SIDE_WIDTH = 240, 296
LIST_HEIGHT, SECTIONS_HEIGHT = 175, 411
"""How the list of images and the panels under it share the height at first."""
HINT = "Drop microscope images here, or choose File → Open image"

DOCK_TIPS = {
    "close": "Hide the table of cells",
    "float": "Show the table of cells in a window of its own, or back in this one",
}


def fill_menus(bar: QMenuBar, actions: Actions) -> None:
    """Put every action into its menu."""
    for title, entries in TABLE.items():
        menu = bar.addMenu(f"&{title}")
        assert menu is not None
        menu.setToolTipsVisible(True)
        for spec in entries:
            if spec is None:
                menu.addSeparator()
            else:
                menu.addAction(actions[spec.id])


def tool_bar(actions: Actions) -> QToolBar:
    """Return the bar over everything, with what people do most."""
    bar = QToolBar("Tools")
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(ICON_SIZE)
    for entry in TOOL_BAR:
        if entry is None:
            bar.addSeparator()
            continue
        bar.addAction(actions[entry])
        button = bar.widgetForAction(actions[entry])
        if isinstance(button, QToolButton):
            button.setAccessibleName(actions[entry].text())
            if entry in PROMINENT or entry in (PRIMARY, "retrain"):
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setProperty("prominent", entry in PROMINENT)
            button.setProperty("primary", entry == PRIMARY)
    return bar


def add_panel_buttons(panels: Panels, actions: Actions) -> None:
    """Give the panels at the right the buttons of their actions."""
    one_click = [actions[i] for i in ("denoise", "deblur", "upsample")]
    panels.restore.add_buttons(one_click, actions["apply-filter"], actions["run-steps"])
    button = action_button(actions[PRIMARY])
    button.setProperty("primary", True)
    panels.segment.add_button(button)
    rows = [[actions[i] for i in ids] for ids in PANEL]
    panels.edit.add_actions(rows, actions["delete-selected"])


def explain(panels: Panels, actions: Actions) -> None:
    """Let the tooltips of controls name the keys that do the same."""
    actions.explain(panels.view.view, "previous-view", "next-view")
    actions.explain(panels.view.masks, "masks")
    actions.explain(panels.view.outlines, "outlines")
    actions.explain(panels.edit.brush, "brush-smaller", "brush-larger")
    actions.explain(panels.edit.rule, "overlap-next")


def side_by_side(left: QWidget, middle: QWidget, right: QWidget) -> QSplitter:
    """Return what fills the window: the middle takes the room."""
    splitter = QSplitter(Qt.Orientation.Horizontal)
    splitter.setHandleWidth(1)
    for index, widget in enumerate((left, middle, right)):
        splitter.addWidget(widget)
        splitter.setCollapsible(index, False)
    splitter.setStretchFactor(1, 1)
    splitter.setSizes([LEFT_WIDTH, 800, SIDE_WIDTH])
    return splitter


def left_side(navigator: NavigatorPanel, panels: Panels) -> QSplitter:
    """Return the list of images over the panels that say how the image is seen."""
    frame = QFrame()
    frame.setObjectName("side")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(0, 0, 0, 0)
    inside.addWidget(navigator)
    sections = (
        Section("View", panels.view),
        Section("Channels", panels.channels),
        Section("Mask layers", panels.layers, open_=False),
    )
    left = QSplitter(Qt.Orientation.Vertical)
    left.setHandleWidth(1)
    left.addWidget(frame)
    left.addWidget(scrolled(sections, LEFT_WIDTH))
    left.setStretchFactor(0, 1)
    left.setStretchFactor(1, 2)
    left.setSizes([LIST_HEIGHT, SECTIONS_HEIGHT])
    left.setCollapsible(1, False)
    return left


def center(view: ImageView, planes: PlanesPanel, actions: Actions, note: QLabel) -> QWidget:
    """Return the image beside its tools, with the sliders of a stack below."""
    middle = QWidget()
    across = QHBoxLayout(middle)
    across.setContentsMargins(0, 0, 0, 0)
    across.setSpacing(0)
    across.addWidget(tool_palette([actions[i] for i in (*TOOLS, *VIEW_TOOLS)]))
    seen = QVBoxLayout()
    seen.setSpacing(0)
    seen.addWidget(view, 1)
    seen.addWidget(planes)
    across.addLayout(seen, 1)
    QVBoxLayout(view.canvas).addWidget(note)
    view.setMinimumSize(240, 200)
    for control in (planes.sliders["Z"], planes.fields["Z"]):
        actions.explain(control, "step-back", "step-on")
    return middle


def hint() -> QLabel:
    """Return what is said in place of an image."""
    label = QLabel(HINT)
    label.setObjectName("hint")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    return label


def objects_dock(table: ObjectsPanel, actions: Actions) -> QDockWidget:
    """Return the table of cells with a title, and say what the buttons do that Qt gives it."""
    dock = QDockWidget("Cells")
    dock.setObjectName("cells")
    dock.setWidget(table)
    for button, tip in DOCK_TIPS.items():
        control = dock.findChild(QWidget, f"qt_dockwidget_{button}button")
        if control is not None:
            name(control, tip)
            if button == "close":
                actions.explain(control, "objects")
    return dock


def right_side(panels: Panels) -> QWidget:
    """Return the panels that restore, segment and correct."""
    sections = (
        Section("Restore", panels.restore, corner=panels.restore.corner),
        Section("Segment", panels.segment, corner=panels.segment.count),
        Section("Correct", panels.edit, corner=panels.edit.selected),
    )
    return scrolled(sections, SIDE_WIDTH)
