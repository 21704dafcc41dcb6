"""What a model learns, and from which images: a page for finding cells, one for restoring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.dialogs.files import choose_folder
from cellmend_app.dialogs.train_parts import choice, form, listing
from cellmend_app.services.models import RESTORATION
from cellmend_app.services.train_data import DataService, TrainingData
from cellmend_app.services.train_request import FindCells, Restore, Way

PATH_ROLE = Qt.ItemDataRole.UserRole
UNDOES = {"denoise": "noise", "deblur": "blur", "upsample": "too few pixels"}
METHODS = {"noise2void": "Noise2Void", "noise2self": "Noise2Self"}
FEWEST_CROPS = 64
"""Of an epoch of restoring: images without masks are often few and large."""
EXPLAINED: dict[Way, str] = {
    "masks": "Beside each a.tif lies a_masks.tif, a_masks.png or a_seg.npy. The images are spoilt"
    " by chance, and a segmentation model judges what is restored.",
    "pairs": "Beside each a_noisy.tif lies a_clean.tif: the same field at the same size, as it is"
    " and as it should be.",
    "noisy": "All images of the folders teach, without clean ones. Their noise must differ from"
    " pixel to pixel.",
}


class CellsPage(QWidget):
    """Corrected images with a tick.

    Signals
    -------
    changed()
        Something else is chosen.
    """

    changed = pyqtSignal()
    explained = "The images of this folder whose masks you corrected and saved."
    has_masks = True

    def __init__(self) -> None:
        super().__init__()
        self.images = listing()
        name(self.images, "Corrected images", "Images with saved masks; untick those to leave out")
        self.partial = QCheckBox("Some cells have no mask")
        name(
            self.partial,
            "Some cells have no mask",
            "Tick it where you have not corrected all cells: the model then learns from those\n"
            "with a mask and what is close around them, and nothing from the rest of the image.",
        )
        self.empty = QCheckBox("Images without cells count")
        name(
            self.empty,
            "Images without cells count",
            "Tick it where an image without masks was saved because it shows no cell: the model\n"
            "then learns what is no cell. Otherwise such images are left out.",
        )
        self.degrade = choice()
        self.degrade.addItem("Nothing", "")
        for task, text in UNDOES.items():
            self.degrade.addItem(f"{text[0].upper()}{text[1:]}", task)
        name(
            self.degrade,
            "Spoilt by",
            "The images are spoilt by chance, so that the model finds cells in such images\n"
            "without their being restored",
        )
        rows = form()
        rows.addRow("Spoilt by", self.degrade)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.images, 1)
        layout.addWidget(self.partial)
        layout.addWidget(self.empty)
        layout.addLayout(rows)
        self.images.itemChanged.connect(self.changed)

    def list_images(self, images: Sequence[Path]) -> None:
        """List images, all ticked."""
        self.images.clear()
        for path in images:
            item = QListWidgetItem(path.name)
            item.setData(PATH_ROLE, path)
            item.setToolTip(str(path))
            item.setCheckState(Qt.CheckState.Checked)
            self.images.addItem(item)

    def data(self) -> tuple[Path, ...]:
        """Return the images that are ticked."""
        items = (self.images.item(i) for i in range(self.images.count()))
        return tuple(
            item.data(PATH_ROLE)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        )

    def aim(self) -> FindCells:
        """Return what is learnt."""
        return FindCells(
            self.partial.isChecked(), self.empty.isChecked(), str(self.degrade.currentData())
        )

    def found(self) -> TrainingData:
        """Return what there is to learn from."""
        chosen, listed = len(self.data()), self.images.count()
        if not listed:
            return TrainingData(
                text="No image of this folder has saved masks: correct some and save."
            )
        return TrainingData(chosen, f"{chosen} of {listed} images chosen.")


class RestorePage(QWidget):
    """Folders of images, and what restoring means.

    Signals
    -------
    changed()
        Something else is chosen, or it was found out what the folders hold.
    task_changed()
        Something else is to be undone.
    """

    changed = pyqtSignal()
    task_changed = pyqtSignal()

    def __init__(self, looking: DataService) -> None:
        super().__init__()
        self._looking = looking
        self.way: Way = "masks"
        self._start_folder = Path.home()
        self._found = TrainingData()
        self._build()
        self._arrange()
        self.add.clicked.connect(self._ask_folder)
        self.remove.clicked.connect(self._remove_folder)
        self.task.currentIndexChanged.connect(lambda _: self.task_changed.emit())
        looking.looked.connect(self._on_found)
        self.set_way("masks")

    @property
    def explained(self) -> str:
        """What the folders must hold, and how files are named."""
        return EXPLAINED[self.way]

    @property
    def has_masks(self) -> bool:
        """Whether masks are learnt from."""
        return self.way == "masks"

    def prepare(self, folder: Path, diameter: float | None, segmenters: Sequence[str]) -> None:
        """Take over where folders are looked for, the diameter of cells, and models that judge."""
        self._start_folder = folder
        if diameter is not None:
            self.diameter.setValue(diameter)
        judge = self.segmenter.currentText() or Restore.segmenter
        self.segmenter.clear()
        self.segmenter.addItems(list(segmenters))
        self.segmenter.setCurrentIndex(max(0, self.segmenter.findText(judge)))

    def set_way(self, way: Way) -> None:
        """Show the fields of this way to learn."""
        self.way = way
        self._rows.setRowVisible(self.task, way != "noisy")
        self._rows.setRowVisible(self.segmenter, way == "masks")
        self._rows.setRowVisible(self.method, way == "noisy")
        self._rows.setRowVisible(self.diameter, way != "masks")
        self._look()

    def add_folder(self, folder: Path) -> None:
        """Learn from one more folder."""
        if folder not in self.data():
            item = QListWidgetItem(str(folder))
            item.setToolTip(str(folder))
            self.folders.addItem(item)
            self.folders.setCurrentRow(self.folders.count() - 1)
            self._look()

    def data(self) -> tuple[Path, ...]:
        """Return the folders."""
        items = (self.folders.item(i) for i in range(self.folders.count()))
        return tuple(Path(item.text()) for item in items if item is not None)

    def aim(self) -> Restore:
        """Return what is learnt."""
        return Restore(
            way=self.way,
            task="denoise" if self.way == "noisy" else str(self.task.currentData()),
            segmenter=self.segmenter.currentText(),
            method=str(self.method.currentData()),
            diameter=self.diameter.value(),
        )

    def found(self) -> TrainingData:
        """Return what there is to learn from."""
        return self._found

    # -- building

    def _build(self) -> None:
        self.folders = listing()
        name(self.folders, "Folders", "Folders of images to learn from")
        self.add = QPushButton("Add folder…")
        name(self.add, "Add folder", "Learn from the images of one more folder")
        self.remove = QPushButton("Remove")
        name(self.remove, "Remove", "Leave the marked folder out; its files stay")
        for button in (self.add, self.remove):
            button.setAutoDefault(False)
        self.task = choice()
        for task in RESTORATION:
            self.task.addItem(f"{UNDOES[task]} ({task})", task)
        name(self.task, "Undoes", "What the model mends; the button of this name will run it")
        self.segmenter = choice()
        name(
            self.segmenter,
            "Judged by",
            "The model that finds cells in the restored images: the better it does, the better\n"
            "they are restored",
        )
        self.method = choice()
        for method, text in METHODS.items():
            self.method.addItem(text, method)
        name(self.method, "Method", "Which pixels are hidden from the network to be foretold")
        self.diameter = QDoubleSpinBox()
        self.diameter.setRange(1, 1000)
        self.diameter.setDecimals(1)
        self.diameter.setValue(Restore.diameter)
        self.diameter.setSuffix(" px")
        name(self.diameter, "Diameter", "Of the cells in these images")

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.add)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        self._rows = form()
        for text, field in (
            ("Undoes", self.task),
            ("Judged by", self.segmenter),
            ("Method", self.method),
            ("Diameter", self.diameter),
        ):
            self._rows.addRow(QLabel(text), field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.folders, 1)
        layout.addLayout(buttons)
        layout.addLayout(self._rows)

    # -- the folders

    def _ask_folder(self) -> None:
        folder = choose_folder(self, "A folder to learn from", self._start_folder)
        if folder is not None:
            self._start_folder = folder.parent
            self.add_folder(folder)

    def _remove_folder(self) -> None:
        self.folders.takeItem(self.folders.currentRow())
        self._look()

    def _look(self) -> None:
        self.remove.setEnabled(self.folders.count() > 0)
        if self.data():
            self._found = TrainingData(text="Looking at the files…")
            self._looking.look(self.way, self.data())
        else:
            self._found = TrainingData(text="Add a folder to learn from.")
        self.changed.emit()

    def _on_found(self, found: TrainingData) -> None:
        if self.data():
            self._found = found
            self.changed.emit()
