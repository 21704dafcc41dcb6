"""The main window: places the viewer and the panels, and connects them."""

from __future__ import annotations

import gc
from pathlib import Path

from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QMainWindow

from cellmend.export.seg_npy import RunSettings
from cellmend.io.folder import SEG_NPY, is_masks
from cellmend.params import BlockwiseSettings
from cellmend_app import layout
from cellmend_app.actions import (
    ARRANGEMENT_ACTIONS,
    Actions,
    Panels,
    Services,
    Workbench,
    usual_keys,
)
from cellmend_app.actions.handlers import choose_model
from cellmend_app.dialogs.axes import AxesDialog
from cellmend_app.dialogs.recovery import RecoveryDialog
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.panels.channels import ChannelsPanel
from cellmend_app.panels.edit import EditPanel, OverlapNote
from cellmend_app.panels.layers import LayersPanel
from cellmend_app.panels.navigator import NavigatorPanel
from cellmend_app.panels.objects import ObjectsPanel
from cellmend_app.panels.planes import PlanesPanel
from cellmend_app.panels.restore import RestorePanel
from cellmend_app.panels.segment import SegmentPanel
from cellmend_app.panels.status import StatusBar
from cellmend_app.panels.view import ViewPanel
from cellmend_app.services.assist import AssistService
from cellmend_app.services.autosave import AutosaveService
from cellmend_app.services.cells import CellService
from cellmend_app.services.compare import CompareService, Comparison
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.device import DeviceService
from cellmend_app.services.exports import ExportService
from cellmend_app.services.folder_run import FolderRunService
from cellmend_app.services.history import HistoryService
from cellmend_app.services.layers import MaskLayerService
from cellmend_app.services.measure import MeasureService
from cellmend_app.services.models import ModelService
from cellmend_app.services.objects import ObjectsService
from cellmend_app.services.open_save import FileService
from cellmend_app.services.pipelines import Pipelines
from cellmend_app.services.preview import PreviewService
from cellmend_app.services.recovery import Leftover, RecoveryService
from cellmend_app.services.region import RegionService
from cellmend_app.services.reproduce import ReproduceService
from cellmend_app.services.restore import RestoreService
from cellmend_app.services.review import ReviewService
from cellmend_app.services.segment import SegmentService
from cellmend_app.services.settings_file import SettingsService
from cellmend_app.services.storage import AxesQuestion
from cellmend_app.services.train import TrainService
from cellmend_app.services.train_data import DataService
from cellmend_app.services.train_examples import ExamplesService
from cellmend_app.services.unfinished import UnfinishedFile
from cellmend_app.settings import Keys, Preferences
from cellmend_app.viewer import ImageView
from cellmend_app.workers import JobRunner

FIRST_SIZE = (1280, 820)


class MainWindow(QMainWindow):
    """Cellmend's window.

    Parameters
    ----------
    preferences
        What is remembered between sessions.
    pipelines
        What computes; the library by default.
    messages
        What shows errors and asks questions; message boxes by default.
    """

    def __init__(
        self,
        preferences: Preferences | None = None,
        pipelines: Pipelines | None = None,
        messages: Messages | None = None,
    ) -> None:
        super().__init__()
        self._closing = self._asking = False
        self.preferences = preferences or Preferences()
        self.messages = messages or Messages(self)
        self.pipelines = pipelines or CorePipelines()
        self.document = Document(self)
        self.runner = JobRunner(self)
        self.services = self._make_services()
        self.view = ImageView(self.document)
        self.panels = self._make_panels()
        self.navigator = NavigatorPanel(self.services.files, self.document.review)
        self.workbench = Workbench(
            self,
            self.document,
            self.messages,
            self.preferences,
            self.runner,
            self.services,
            self.panels,
            self.view,
            Keys(self.preferences, usual_keys()),
        )
        self.actions_ = Actions(self.workbench, self)
        self.status = StatusBar(self.runner, self)
        self.status.insertPermanentWidget(1, OverlapNote(self.document))
        self.setStatusBar(self.status)
        self._build()
        self._set_theme()
        self._connect()
        self._show_title()
        self.setAcceptDrops(True)
        self.resize(*FIRST_SIZE)
        if self.preferences.geometry is not None:
            self.restoreGeometry(self.preferences.geometry)
        if self.preferences.arrangement is not None:
            self.restoreState(self.preferences.arrangement)
        self.view.setFocus()

    def open(self, *paths: Path) -> None:
        """Open images, a project, a ``_seg.npy`` or a folder."""
        self.services.files.open(*paths)

    def warm_up(self) -> None:
        """Have the compute lane import what it needs, quietly.

        What is there by then lives as long as the program. The garbage collector, which
        else stops the hand for 60 ms to look through all of it, is told to leave it alone.
        """
        job = self.runner.submit("compute", self.pipelines.warm_up)
        job.succeeded.connect(lambda _: gc.freeze())
        self.services.device.refresh()

    # -- building

    def _make_services(self) -> Services:
        document, runner, messages = self.document, self.runner, self.messages
        files = FileService(document, runner, messages, self.preferences)
        autosave = AutosaveService(document, files, runner, messages)
        cells = CellService(document, messages)
        return Services(
            files=files,
            exports=ExportService(document, files, runner, messages),
            objects=ObjectsService(document, runner, messages),
            autosave=autosave,
            recovery=RecoveryService(document, files, autosave, runner, messages),
            restore=RestoreService(document, runner, messages, self.pipelines),
            preview=PreviewService(document, runner, messages, self.pipelines),
            segment=SegmentService(document, runner, messages, self.pipelines),
            region=RegionService(document, runner, messages, self.pipelines),
            folder_run=FolderRunService(files, runner, messages, self.pipelines),
            models=ModelService(runner, messages),
            training=TrainService(runner, UnfinishedFile(), self),
            training_data=DataService(runner, self),
            training_examples=ExamplesService(runner, self),
            device=DeviceService(self.preferences, runner, messages, self.pipelines),
            cells=cells,
            history=HistoryService(document, runner, messages),
            assist=AssistService(cells, runner, messages, self.pipelines),
            review=ReviewService(document, files, self.preferences),
            measures=MeasureService(document, runner, messages),
            layers=MaskLayerService(document, runner, messages),
            comparing=CompareService(document, runner, messages),
            reproduce=ReproduceService(document, files, messages),
            settings=SettingsService(document, runner, messages),
        )

    def _make_panels(self) -> Panels:
        document, models, messages = self.document, self.services.models, self.messages
        return Panels(
            restore=RestorePanel(document, models, messages),
            segment=SegmentPanel(document, models, messages),
            edit=EditPanel(document),
            view=ViewPanel(document, self.view, self.services.measures),
            channels=ChannelsPanel(self.view),
            layers=LayersPanel(document, self.services.layers, self.services.comparing),
            objects=ObjectsPanel(document, self.services.objects),
        )

    def _build(self) -> None:
        actions, panels = self.actions_, self.panels
        bar = self.menuBar()
        assert bar is not None
        layout.fill_menus(bar, actions)
        self.addActions(actions.all())
        self.addToolBar(layout.tool_bar(actions))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.navigator.add_buttons(
            [actions[i] for i in ("previous", "next", "open-folder", "segment-folder")]
        )
        panels.view.add_actions([actions[i] for i in ARRANGEMENT_ACTIONS])
        layout.add_panel_buttons(panels, actions)
        layout.explain(panels, actions)
        self.hint = layout.hint()
        self.setCentralWidget(
            layout.side_by_side(
                layout.left_side(self.navigator, panels),
                layout.center(self.view, PlanesPanel(self.document), actions, self.hint),
                layout.right_side(panels),
            )
        )
        self._add_objects_dock()

    def _add_objects_dock(self) -> None:
        """Put the table of cells below the image, at first hidden."""
        dock = layout.objects_dock(self.panels.objects, self.actions_)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.hide()
        dock.visibilityChanged.connect(self._refresh_later)
        self.panels.objects.save.clicked.connect(self.actions_["save-table"].trigger)

    # -- connecting

    def _connect(self) -> None:
        document, services, panels, view = self.document, self.services, self.panels, self.view
        self.messages.noted.connect(self.status.say)
        document.status.connect(self.status.say)
        document.modified_changed.connect(self.setWindowModified)
        document.image_changed.connect(self._on_image)
        view.hovered.connect(self._show_readout)
        view.left.connect(self.status.readout.clear)
        services.segment.ran.connect(self._remember_run)
        services.settings.loaded.connect(self._show_settings)
        services.recovery.found.connect(self._offer_recovery)
        services.files.axes_asked.connect(self._ask_axes)
        services.models.changed.connect(self._recall_model)
        services.models.added.connect(lambda model: choose_model(self.workbench, model))
        services.files.opened.connect(lambda _: self._show_title())
        services.files.saved.connect(lambda _: self._show_title())
        panels.view.view_changed.connect(view.set_view)
        panels.layers.load_wanted.connect(self.actions_["load-layer"].trigger)
        services.comparing.compared.connect(self._show_difference)
        panels.restore.filters.changed.connect(services.preview.watch)
        view.canvas.moved.connect(lambda: services.preview.look_at(view.visible_box()))
        services.preview.changed.connect(view.preview.show)
        services.restore.restored.connect(panels.restore.filters.end_preview)
        panels.segment.scale_disk_toggled.connect(view.set_scale_disk_visible)
        panels.segment.thresholds_changed.connect(services.segment.recompute)
        panels.edit.brush_changed.connect(self.workbench.set_brush)
        self._refresh_soon = QTimer(self)
        self._refresh_soon.setSingleShot(True)
        self._refresh_soon.timeout.connect(self.actions_.refresh)
        for signal in (
            document.image_changed,
            document.layers_changed,
            document.labels_replaced,
            document.plane_edited,
            document.selection_changed,
            document.overlap_changed,
            document.review.changed,
            document.undo.indexChanged,
            services.files.folder_changed,
            services.folder_run.changed,
            services.objects.measured,
            services.models.changed,
            panels.restore.availability_changed,
            panels.segment.model_changed,
            view.contrast_changed,
            view.arrangement_changed,
            self.runner.started,
            self.runner.ended,
        ):
            signal.connect(self._refresh_later)

    def _refresh_later(self, *_: object) -> None:
        self._refresh_soon.start(0)

    def _on_image(self) -> None:
        self.hint.setVisible(self.document.image is None)
        self.status.say("")  # what it says, and what panels complain of, is the image before
        for panel in ("restore", "segment", "filter"):
            self.messages.refused.emit(panel, "")
        self._show_title()

    def _recall_model(self) -> None:
        """When the models are first known, choose that of the last time; remember others."""
        models, panel, model = self.services.models, self.panels.segment, self.preferences.model
        models.changed.disconnect(self._recall_model)
        if models.installed(model):
            panel.choose_model(model)
        panel.model_changed.connect(self._remember_model)

    def _remember_model(self) -> None:
        self.preferences.model = self.panels.segment.chosen_model

    def _ask_axes(self, question: AxesQuestion) -> None:
        AxesDialog(question, self.services.files, self).open()

    def _offer_recovery(self, leftovers: list[Leftover]) -> None:
        RecoveryDialog(leftovers, self.services.recovery, self).open()

    def _remember_run(self, settings: RunSettings) -> None:
        self.services.files.run_settings = settings

    def _show_settings(self, settings: BlockwiseSettings) -> None:
        self.panels.segment.show_settings(settings)
        self.services.settings.say_what_is_left_out(settings, self.panels.segment.request())

    def _show_difference(self, comparison: Comparison | None) -> None:
        if comparison is None:
            self.view.masks.end_difference()
        else:
            self.view.masks.show_difference(
                comparison.found, comparison.reference, comparison.missed
            )

    def _show_readout(self, y: int, x: int) -> None:
        found = self.view.readout(y, x)
        if found is None:
            self.status.readout.clear()
            return
        self.status.readout.setText(found.text())

    def _show_title(self) -> None:
        """Say which image is open, and in which project, if any: there Save writes to."""
        path, project = self.document.path, self.services.files.project
        inside = "" if project is None else f" — {project.name}"
        self.setWindowTitle("[*]Cellmend" if path is None else f"{path.name}[*]{inside} — Cellmend")

    def _set_theme(self) -> None:
        theme = self.workbench.theme
        self.actions_.set_theme(theme)
        self.navigator.set_theme(theme)
        self.panels.segment.set_theme(theme)

    # -- Qt's events

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow a change of the theme with icons and canvas."""
        super().changeEvent(event)
        restyled = event is not None and event.type() == QEvent.Type.StyleChange
        if restyled and hasattr(self, "actions_"):
            self._set_theme()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders."""
        mime = event.mimeData() if event is not None else None
        if event is not None and mime is not None and mime.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped; masks lie over the image that is open, and can be undone."""
        mime = event.mimeData() if event is not None else None
        if event is None or mime is None:
            return
        paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        event.acceptProposedAction()
        masks = [path for path in paths if is_masks(path) and not path.name.endswith(SEG_NPY)]
        if len(paths) == len(masks) == 1 and self.document.image is not None:
            self.services.files.load_masks(*masks)
        else:
            self.open(*paths)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Ask about unsaved edits, then stop all work and go."""
        if event is None:
            return
        self._asking = True
        if not self._closing:
            self.services.files.guard(self._close_now)
        self._asking = False
        if not self._closing:
            event.ignore()  # the person cancelled, or the masks are being saved first
            return
        self.preferences.geometry = self.saveGeometry()
        self.preferences.arrangement = self.saveState()
        self.hide()
        self.services.training.shutdown()
        self.services.training_examples.shutdown()
        self.view.shutdown()
        self.runner.shutdown()
        self.services.autosave.close()
        super().closeEvent(event)

    def _close_now(self) -> None:
        self._closing = True
        if not self._asking:
            self.close()
