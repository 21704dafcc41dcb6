"""Segment many images of the folder, with a list that shows how far each is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cellmend.params import AnyStep, RestoreStep, SegmentSettings
from cellmend_app.controls import name
from cellmend_app.dialogs.parts import duration, kind_box
from cellmend_app.services.folder_run import FileStatus, FolderRequest, FolderRunService
from cellmend_app.services.models import RESTORATION, ModelService
from cellmend_app.services.segment import count_of_cells

PATH_ROLE = Qt.ItemDataRole.UserRole
OFFERED = ("tif", "rois", "csv")
"""Kinds of files that can be written beside the `_seg.npy`."""
NO, STEPS = "No", "Steps of the panel"
"""What is offered beside the models to restore with."""
PARTS = 100
"""Steps of the progress bar for each image."""
WIDTH, HEIGHT = 560, 520


class FolderRunDialog(QDialog):
    """Images with a tick and a state, and what is done to them.

    It does not block the window, and the run goes on when it is closed. Images that are
    done lose their tick, so that another press of Start runs those that failed or were
    stopped.

    Parameters
    ----------
    service
        What runs.
    models
        The restoration models to offer.
    """

    def __init__(
        self, service: FolderRunService, models: ModelService, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Segment folder")
        self.resize(WIDTH, HEIGHT)
        self._service = service
        self._models = models
        self._segment = SegmentSettings()
        self._restorations: list[tuple[AnyStep, ...]] = [()]
        self._items: dict[Path, QTreeWidgetItem] = {}
        self._planned = self._finished = self._done = 0
        self._spent, self._began = 0.0, 0.0
        self._build()
        self._arrange()
        self._connect()

    def prepare(
        self,
        images: list[Path],
        has_masks: Callable[[Path], bool],
        segment: SegmentSettings,
        steps: tuple[AnyStep, ...] = (),
    ) -> None:
        """List images, ticked where they have no saved masks, and say what will be done.

        `steps` are offered beside the models, as something to restore with.
        """
        if self._service.running:
            return
        self._segment = segment
        self._list_images(images, has_masks)
        self._list_restorations(steps)
        size = "an estimated diameter" if segment.diameter is None else f"{segment.diameter:g} px"
        self.summary.setText(
            f"Cells are found with “{segment.model}” at {size} and the other settings of the "
            "panel on the right. Masks are saved beside each image."
        )
        self.progress.setRange(0, 1)
        self.progress.setValue(0)
        self._planned = self._finished = 0
        self._update()

    def request(self) -> FolderRequest:
        """Return what the fields ask for."""
        return FolderRequest(
            segment=self._segment,
            restore=self._restorations[self.restore.currentIndex()],
            kinds=tuple(kind for kind, box in self.kinds.items() if box.isChecked()),
        )

    def chosen(self) -> list[Path]:
        """Return the images that are ticked, in the order of the list."""
        return [
            path
            for path, item in self._items.items()
            if item.checkState(0) == Qt.CheckState.Checked
        ]

    # -- building

    def _build(self) -> None:
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.images = QTreeWidget()
        self.images.setHeaderLabels(["Image", "State"])
        self.images.setRootIsDecorated(False)
        self.images.setUniformRowHeights(True)
        name(self.images, "Images", "Tick those to segment")
        header = self.images.header()
        if header is not None:
            header.setStretchLastSection(True)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(0, WIDTH // 2)
        self.all = QCheckBox("All images")
        self.all.setTristate(True)
        name(self.all, "All images", "Tick all images, those with saved masks too, or none")
        self.restore = QComboBox()
        name(self.restore, "Restore first", "The model or the steps that mend each image before")
        self.kinds = {kind: kind_box(kind) for kind in OFFERED}
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        name(self.progress, "Progress of the run")
        self.state = QLabel()
        self.state.setProperty("muted", True)
        self.state.setWordWrap(True)
        self.start = QPushButton("Start")
        self.start.setProperty("primary", True)
        name(self.start, "Start", "Segment the images that are ticked")
        self.pause = QPushButton("Pause")
        name(self.pause, "Pause", "Stop after the image that is worked on; go on later")
        self.stop = QPushButton("Stop")
        name(self.stop, "Stop", "Stop now; images that are done keep their masks")
        self.close_button = QPushButton("Close")
        name(self.close_button, "Close", "Close this window; a run goes on")
        for button in (self.pause, self.stop, self.close_button):
            button.setAutoDefault(False)

    def _arrange(self) -> None:
        options = QHBoxLayout()
        options.addWidget(QLabel("Restore first"))
        options.addWidget(self.restore, 1)
        also = QHBoxLayout()
        also.addWidget(QLabel("Write also"))
        for box in self.kinds.values():
            also.addWidget(box)
        also.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.state, 1)
        for button in (self.pause, self.stop, self.close_button, self.start):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.summary)
        layout.addWidget(self.images, 1)
        layout.addWidget(self.all)
        layout.addLayout(options)
        layout.addLayout(also)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        service = self._service
        self.start.clicked.connect(self._start)
        self.pause.clicked.connect(lambda: service.go_on() if service.paused else service.pause())
        self.stop.clicked.connect(service.cancel)
        self.close_button.clicked.connect(self.close)
        self.all.clicked.connect(self._tick_all)
        self.images.itemChanged.connect(lambda *_: self._update())
        service.began.connect(self._on_began)
        service.told.connect(self._on_told)
        service.progressed.connect(self._on_progress)
        service.changed.connect(self._update)

    def _list_images(self, images: list[Path], has_masks: Callable[[Path], bool]) -> None:
        self.images.blockSignals(True)
        self.images.clear()
        self._items = {}
        for path in images:
            masked = has_masks(path)
            item = QTreeWidgetItem([path.name, "has masks" if masked else ""])
            item.setToolTip(0, str(path))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Unchecked if masked else Qt.CheckState.Checked)
            self.images.addTopLevelItem(item)
            self._items[path] = item
        self.images.blockSignals(False)

    def _list_restorations(self, steps: tuple[AnyStep, ...]) -> None:
        wanted = self.restore.currentText()
        offers: list[tuple[str, tuple[AnyStep, ...]]] = [(NO, ())]
        offers += [
            (choice.name, (RestoreStep(model=choice.name),))
            for task in RESTORATION
            for choice in self._models.of_task(task)
            if choice.installed
        ]
        if steps:
            offers.append((STEPS, steps))
        self._restorations = [what for _, what in offers]
        self.restore.clear()
        self.restore.addItems([text for text, _ in offers])
        self.restore.setCurrentIndex(max(0, self.restore.findText(wanted)))

    # -- what the person does

    def _start(self) -> None:
        self._planned = 0
        self._service.start(self.chosen(), self.request())

    def _tick_all(self) -> None:
        wanted = (
            Qt.CheckState.Unchecked
            if len(self.chosen()) == len(self._items)
            else Qt.CheckState.Checked
        )
        self.images.blockSignals(True)
        for item in self._items.values():
            item.setCheckState(0, wanted)
        self.images.blockSignals(False)
        self._update()

    # -- what the run says

    def _on_began(self, images: int) -> None:
        self._planned, self._finished, self._done, self._spent = images, 0, 0, 0.0
        self.progress.setRange(0, PARTS * images)
        self.progress.setValue(0)
        self._began = time.monotonic()

    def _on_told(self, status: FileStatus) -> None:
        if status.state == "running":
            self._began = time.monotonic()
        elif status.state in ("done", "failed"):
            now = time.monotonic()
            self._finished += 1
            if status.state == "done":  # how long others take to fail tells nothing
                self._done += 1
                self._spent += now - self._began
            self._began = now
            self.progress.setValue(PARTS * self._finished)
        item = self._items.get(status.path)
        if item is not None:
            item.setText(1, _words(status))
            item.setToolTip(1, status.reason)
            if status.state == "done":
                item.setCheckState(0, Qt.CheckState.Unchecked)
            elif status.state == "running":
                self.images.scrollToItem(item)
        self._update()

    def _on_progress(self, done: int, total: int) -> None:
        share = int(PARTS * done / total) if total else 0
        self.progress.setValue(PARTS * self._finished + min(share, PARTS))

    # -- state

    def _update(self) -> None:
        running, chosen = self._service.running, self.chosen()
        for field in (self.all, self.restore, *self.kinds.values()):
            field.setDisabled(running)
        self.pause.setVisible(running)
        self.pause.setText("Go on" if self._service.paused else "Pause")
        self.stop.setVisible(running)
        self.start.setDisabled(running or not chosen or not self._segment.model)
        self.all.blockSignals(True)
        self.all.setCheckState(_tick(len(chosen), len(self._items)))
        self.all.blockSignals(False)
        self.state.setText(self._progress_text() if self._planned else self._choice_text())

    def _choice_text(self) -> str:
        return f"{len(self.chosen())} of {len(self._items)} images ticked."

    def _progress_text(self) -> str:
        text = f"{self._finished} of {self._planned} images"
        if not self._service.running:
            return f"{text}."
        if self._service.paused:
            return f"{text}, paused."
        if not self._done:
            return f"{text}…"
        left = self._spent / self._done * (self._planned - self._finished)
        return f"{text}, {duration(left)} left"


def _tick(chosen: int, of: int) -> Qt.CheckState:
    if not chosen:
        return Qt.CheckState.Unchecked
    return Qt.CheckState.Checked if chosen == of else Qt.CheckState.PartiallyChecked


def _words(status: FileStatus) -> str:
    if status.state == "done":
        return count_of_cells(status.cells)
    return f"failed: {status.reason}" if status.state == "failed" else status.state
