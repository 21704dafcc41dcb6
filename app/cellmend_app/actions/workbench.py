"""Everything an action may act on, in one place; made and owned by the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PyQt6.QtWidgets import QWidget

from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.panels.channels import ChannelsPanel
from cellmend_app.panels.edit import EditPanel
from cellmend_app.panels.layers import LayersPanel
from cellmend_app.panels.objects import ObjectsPanel
from cellmend_app.panels.restore import RestorePanel
from cellmend_app.panels.segment import SegmentPanel
from cellmend_app.panels.view import ViewPanel
from cellmend_app.resources import Theme, theme_named
from cellmend_app.services.assist import AssistService
from cellmend_app.services.autosave import AutosaveService
from cellmend_app.services.cells import CellService
from cellmend_app.services.compare import CompareService
from cellmend_app.services.device import DeviceService
from cellmend_app.services.exports import ExportService
from cellmend_app.services.folder_run import FolderRunService
from cellmend_app.services.history import HistoryService
from cellmend_app.services.layers import MaskLayerService
from cellmend_app.services.measure import MeasureService
from cellmend_app.services.models import ModelService
from cellmend_app.services.objects import ObjectsService
from cellmend_app.services.open_save import FileService
from cellmend_app.services.preview import PreviewService
from cellmend_app.services.recovery import RecoveryService
from cellmend_app.services.region import RegionService
from cellmend_app.services.reproduce import ReproduceService
from cellmend_app.services.restore import RestoreService
from cellmend_app.services.review import ReviewService
from cellmend_app.services.segment import SegmentService
from cellmend_app.services.settings_file import SettingsService
from cellmend_app.services.train import TrainService
from cellmend_app.services.train_data import DataService
from cellmend_app.services.train_examples import ExamplesService
from cellmend_app.settings import Keys, Preferences
from cellmend_app.tools import (
    Brush,
    Delete,
    Eraser,
    Fill,
    Find,
    Lasso,
    Merge,
    Move,
    Outline,
    Pick,
    Polygon,
    Rectangle,
    RegionTool,
    SplitLine,
    SplitPoints,
    Tool,
)
from cellmend_app.viewer import ImageView
from cellmend_app.viewer.hand_tools import Ruler, ZoomBox
from cellmend_app.workers import JobRunner

if TYPE_CHECKING:
    from cellmend_app.dialogs.folder_run import FolderRunDialog
    from cellmend_app.dialogs.train import TrainDialog

ToolName = Literal[
    "pick",
    "rectangle",
    "lasso",
    "brush",
    "eraser",
    "outline",
    "polygon",
    "find",
    "segment-region",
    "fill",
    "split-line",
    "split-points",
    "merge",
    "move",
    "delete",
    "ruler",
    "zoom-box",
]


@dataclass(frozen=True)
class Services:
    """One service per intention."""

    files: FileService
    exports: ExportService
    objects: ObjectsService
    autosave: AutosaveService
    recovery: RecoveryService
    restore: RestoreService
    preview: PreviewService
    segment: SegmentService
    region: RegionService
    folder_run: FolderRunService
    models: ModelService
    training: TrainService
    training_data: DataService
    training_examples: ExamplesService
    device: DeviceService
    cells: CellService
    history: HistoryService
    assist: AssistService
    measures: MeasureService
    layers: MaskLayerService
    comparing: CompareService
    review: ReviewService
    reproduce: ReproduceService
    settings: SettingsService


@dataclass(frozen=True)
class Panels:
    """The side panels that actions read settings from."""

    restore: RestorePanel
    segment: SegmentPanel
    edit: EditPanel
    view: ViewPanel
    channels: ChannelsPanel
    layers: LayersPanel
    objects: ObjectsPanel


class Workbench:
    """What is open, what can be done with it, and where it is shown."""

    def __init__(
        self,
        window: QWidget,
        document: Document,
        messages: Messages,
        preferences: Preferences,
        runner: JobRunner,
        services: Services,
        panels: Panels,
        view: ImageView,
        keys: Keys,
    ) -> None:
        self.window = window
        self.document = document
        self.messages = messages
        self.preferences = preferences
        self.runner = runner
        self.services = services
        self.panels = panels
        self.view = view
        self.tools: dict[ToolName, Tool] = make_tools(document, services.cells, services.assist)
        self.tools |= make_view_tools(document, view)
        self.tools["segment-region"] = make_region_tool(document, services.region, panels.segment)
        self.tool: ToolName = "pick"
        self.train: TrainDialog | None = None
        self.folder_run: FolderRunDialog | None = None
        self.keys = keys
        self.use_tool("pick")

    @property
    def theme(self) -> Theme:
        """The theme that the person chose."""
        return theme_named(light=self.preferences.light)

    @property
    def computing(self) -> bool:
        """Whether a computation that the person asked for is queued or running."""
        return any(job.title for job in self.runner.jobs("compute"))

    def use_tool(self, name: ToolName) -> None:
        """Hand the pointer to a tool."""
        self.tool = name
        self.view.set_tool(self.tools[name])

    def set_brush(self, diameter: int) -> None:
        """Set the size of brush and eraser, in image pixels."""
        for tool in self.tools.values():
            if isinstance(tool, Brush | Eraser):
                tool.radius = diameter / 2


def make_view_tools(document: Document, view: ImageView) -> dict[ToolName, Tool]:
    """Return the tools that only look, owned by the document."""
    box = ZoomBox(document, document)
    box.chosen.connect(view.canvas.show_box)
    return {"ruler": Ruler(document, document), "zoom-box": box}


def make_region_tool(document: Document, service: RegionService, panel: SegmentPanel) -> RegionTool:
    """Return the tool that finds cells in a part, with the settings of the panel."""
    tool = RegionTool(document, document)
    tool.chosen.connect(lambda region: service.run(panel.request(), region))
    return tool


def make_tools(
    document: Document, cells: CellService, assist: AssistService
) -> dict[ToolName, Tool]:
    """Return one tool of each kind, owned by the document."""
    return {
        "pick": Pick(cells, document),
        "rectangle": Rectangle(document, document),
        "lasso": Lasso(document, document),
        "brush": Brush(document, parent=document),
        "eraser": Eraser(document, parent=document),
        "outline": Outline(cells, document, left_starts=True),
        "polygon": Polygon(cells, document),
        "find": Find(assist, document, document),
        "fill": Fill(cells, document),
        "split-line": SplitLine(cells, document),
        "split-points": SplitPoints(cells, document),
        "merge": Merge(cells, document),
        "move": Move(cells, document),
        "delete": Delete(cells, document),
    }
