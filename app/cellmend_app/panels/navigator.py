"""The panel that lists the images of the folder."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QWidget

from cellmend.io import scenes
from cellmend_app.controls import name
from cellmend_app.document import Review
from cellmend_app.panels.edit import tool_button
from cellmend_app.panels.parts import column, muted, row
from cellmend_app.resources import Theme, icon
from cellmend_app.services.open_save import FileService

PATH_ROLE = Qt.ItemDataRole.UserRole
LEAST_HEIGHT = 82
"""Three images are seen at least."""


class NavigatorPanel(QWidget):
    """A list of the folder's images; a mark says how far each was looked through.

    A tick stands for done, a mask for saved masks, a picture for neither. Each image of a
    file that holds several is listed by itself.
    """

    def __init__(self, files: FileService, review: Review) -> None:
        super().__init__()
        self._files = files
        self._review = review
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
        self.list.setMinimumHeight(LEAST_HEIGHT)
        name(self.list, "Images of the folder", "Click an image to open it")
        self._layout = column(self)
        self._layout.setContentsMargins(10, 8, 10, 4)
        for widget in (self.folder, self.summary, self.list):
            self._layout.addWidget(widget)
        self.list.itemClicked.connect(self._on_clicked)
        files.folder_changed.connect(self._show)
        files.saved.connect(lambda _: self._mark())
        review.changed.connect(self._mark)

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
                item = QListWidgetItem()
                item.setData(PATH_ROLE, path)
                self.list.addItem(item)
        self._show_current()
        self.folder.setText(current.parent.name if current is not None else "No folder")
        self._mark()

    def _mark(self) -> None:
        done = icon("done", self._theme, color="accent")
        masked = icon("corrected", self._theme, color="accent")
        plain = icon("image", self._theme, color="muted")
        for i in range(self.list.count()):
            item, path = self.list.item(i), self._path(i)
            if item is not None:
                state, has_masks = self._review.state(path), self._files.has_masks(path)
                item.setText("  ".join(filter(None, (path.name, self._files.name_inside(path)))))
                item.setIcon(done if state == "done" else masked if has_masks else plain)
                masks = "saved masks" if has_masks else "no saved masks"
                item.setToolTip(f"{path}\n{_place_in_file(path)}{state}, {masks}")
        folder = self._files.folder
        marked = sum(self._files.has_masks(path) for path in folder)
        finished = sum(self._review.state(path) == "done" for path in folder)
        images = "1 image" if len(folder) == 1 else f"{len(folder)} images"
        self.summary.setText(f"{images}, {marked} with masks, {finished} done")

    def _path(self, index: int) -> Path:
        item = self.list.item(index)
        assert item is not None
        path: Path = item.data(PATH_ROLE)
        return path

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self._files.open(item.data(PATH_ROLE))
        self._show_current()  # until it is open, and if it cannot be

    def _show_current(self) -> None:
        """Highlight the image that is open."""
        paths, current = self._files.folder, self._files.current
        if current in paths:
            self.list.setCurrentRow(paths.index(current))


def _place_in_file(path: Path) -> str:
    file, number = scenes.split(path)
    return "" if number is None else f"image {number} of {file.name}, "
