"""Choose what to export, where to, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cellmend.errors import CellmendError
from cellmend.export.kinds import DEFAULT_PATTERN, KINDS
from cellmend.params import SCALES, Scale
from cellmend_app.controls import name
from cellmend_app.dialogs.files import choose_folder
from cellmend_app.dialogs.parts import kind_box
from cellmend_app.services.storage import RESTORED, ExportRequest

FIRST_KINDS = ("tif",)
PATTERN_TIP = "{name}: the image's name, {folder}: that of its folder, {date}: today's date"
SCALE_WORDS: Mapping[Scale, str] = {
    "raw": "raw: as in the original",
    "unit": "unit: 0 to 1",
    "uint8": "uint8: 0 to 255",
    "uint16": "uint16: 0 to 65,535",
}


class ExportDialog(QDialog):
    """Asks for kinds, folder and name pattern; shows the files that they give.

    Of a restored image it also asks for the scale of the values.

    Parameters
    ----------
    image
        The image that is open.
    possible
        Of each kind, whether there is what it needs.

    Signals
    -------
    chosen(ExportRequest)
        What to export.
    """

    chosen = pyqtSignal(object)

    def __init__(
        self, image: Path, possible: Mapping[str, bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export")
        self._image = image
        self.kinds = {kind: self._box(kind, possible[kind]) for kind in KINDS}
        self.folder = QLineEdit(str(image.parent))
        name(self.folder, "Folder of the exported files", "Where to write; made if it is not there")
        self.pattern = QLineEdit(DEFAULT_PATTERN)
        name(self.pattern, "Name pattern of the exported files", PATTERN_TIP)
        self.scale = QComboBox()
        for scale in SCALES:
            self.scale.addItem(SCALE_WORDS[scale], scale)
        self.scale.setCurrentIndex(SCALES.index(ExportRequest.scale))
        name(self.scale, "Values of the restored image", "The numbers that its file holds")
        self.scale.setEnabled(False)
        self.kinds[RESTORED].toggled.connect(self.scale.setEnabled)
        self.preview = QLabel()
        self.preview.setProperty("muted", True)
        self.preview.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export = QPushButton("Export")
        self.export.setProperty("primary", True)
        name(self.export, "Export", "Write the files; asks before one is replaced")
        self.buttons.addButton(self.export, QDialogButtonBox.ButtonRole.AcceptRole)
        self._arrange()
        self.folder.textChanged.connect(self._show_files)
        self.pattern.textChanged.connect(self._show_files)
        self.buttons.accepted.connect(self._choose)
        self.buttons.rejected.connect(self.reject)
        self._show_files()

    def request(self) -> ExportRequest:
        """Return what the fields ask for."""
        return ExportRequest(
            kinds=tuple(kind for kind, box in self.kinds.items() if box.isChecked()),
            folder=Path(self.folder.text()).expanduser() if self.folder.text().strip() else None,
            pattern=self.pattern.text(),
            scale=self.scale.currentData(),
        )

    def _box(self, kind: str, possible: bool) -> QCheckBox:
        box = kind_box(kind)
        box.setEnabled(possible)
        box.setChecked(possible and kind in FIRST_KINDS)
        if not possible:
            box.setToolTip("This image has nothing to export as that")
        box.toggled.connect(self._show_files)
        return box

    def _arrange(self) -> None:
        what = QGroupBox("What")
        inside = QVBoxLayout(what)
        for box in self.kinds.values():
            inside.addWidget(box)
        choose = QPushButton("Choose…")
        name(choose, "Choose the folder")
        choose.clicked.connect(self._choose_folder)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(choose)
        form = QFormLayout()
        form.addRow("Folder", place)
        form.addRow("Names begin with", self.pattern)
        form.addRow("Restored image's values", self.scale)
        layout = QVBoxLayout(self)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addWidget(self.preview)
        layout.addWidget(self.buttons)
        self.resize(460, self.sizeHint().height())

    def _show_files(self) -> None:
        request = self.request()
        try:
            files = request.files(self._image)
        except CellmendError as error:
            self.preview.setText(str(error))
            self.export.setEnabled(False)
            return
        named = ", ".join(path.name for path in files)
        self.preview.setText(f"Files: {named}" if files else "Tick what to export.")
        self.export.setEnabled(bool(files))

    def _choose_folder(self) -> None:
        folder = choose_folder(self, "Export to", Path(self.folder.text()))
        if folder is not None:
            self.folder.setText(str(folder))

    def _choose(self) -> None:
        self.chosen.emit(self.request())
        self.accept()
