"""The panel that lists the images of the folder."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QWidget

from cellmend_app.panels.edit import tool_button
from cellmend_app.panels.parts import column, muted, name, row
from cellmend_app.resources import Theme, icon
from cellmend_app.services.open_save import FileService

PATH_ROLE = Qt.ItemDataRole.UserRole


class NavigatorPanel(QWidget):
    """A list of the folder's images; those with saved masks carry a mark."""

    def __init__(self, files: FileService) -> None:
        super().__init__()
        self._files = files
        self._theme: Theme = "dark"
        self.folder = QLabel("No folder")
        self.folder.setProperty("heading", True)
        self.summary = muted("Open an image to see its folder.")
        self.list = QListWidget()
        self.list.setIconSize(QSize(16, 16))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        name(self.list, "Images of the folder", "Click an image to open it")
        self._layout = column(self)
        self._layout.setContentsMargins(10, 10, 10, 10)
        for widget in (self.folder, self.summary, self.list):
            self._layout.addWidget(widget)
        self.list.itemClicked.connect(self._on_clicked)
        files.folder_changed.connect(self._show)
        files.saved.connect(lambda _: self._mark())

    def add_buttons(self, actions: list[QAction]) -> None:
        """Put buttons for `actions` at the bottom."""
        self._layout.addLayout(row(*[tool_button(action) for action in actions]))

    def set_theme(self, theme: Theme) -> None:
        """Draw the marks in the colours of `theme`."""
        self._theme = theme
        self._mark()

    def _show(self) -> None:
        paths, current = self._files.folder, self._files.current
        if [self._path(i) for i in range(self.list.count())] != paths:
            self.list.clear()
            for path in paths:
                item = QListWidgetItem(path.name)
                item.setData(PATH_ROLE, path)
                item.setToolTip(str(path))
                self.list.addItem(item)
        if current in paths:
            self.list.setCurrentRow(paths.index(current))
        self.folder.setText(current.parent.name if current is not None else "No folder")
        self._mark()

    def _mark(self) -> None:
        done = icon("corrected", self._theme, color="accent")
        plain = icon("image", self._theme, color="muted")
        for i in range(self.list.count()):
            item = self.list.item(i)
            if item is not None:
                item.setIcon(done if self._files.has_masks(self._path(i)) else plain)
        marked = sum(self._files.has_masks(path) for path in self._files.folder)
        count = len(self._files.folder)
        images = "1 image" if count == 1 else f"{count} images"
        self.summary.setText(f"{images}, {marked} with masks")

    def _path(self, index: int) -> Path:
        item = self.list.item(index)
        assert item is not None
        path: Path = item.data(PATH_ROLE)
        return path

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self._files.open(item.data(PATH_ROLE))
