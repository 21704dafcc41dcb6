"""The panel that lists the images of the folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QWidget

from cellmend.io import scenes
from cellmend_app.controls import name
from cellmend_app.document import Review, ReviewState
from cellmend_app.panels.edit import tool_button
from cellmend_app.panels.parts import column, muted, row
from cellmend_app.resources import Theme, icon
from cellmend_app.services.open_save import FileService

PATH_ROLE = Qt.ItemDataRole.UserRole
LEAST_HEIGHT = 82
"""Three images are seen at least."""


class _Marks(NamedTuple):
    """What the list says of an image: its state, whether it has masks, its name in its file."""

    state: ReviewState
    masks: bool
    inside: str


class NavigatorPanel(QWidget):
    """A list of the folder's images; a mark says how far each was looked through.

    A tick stands for done, a mask for saved masks, a picture for neither. Each image of a
    file that holds several is listed by itself.
    """

    def __init__(self, files: FileService, review: Review) -> None:
        super().__init__()
        self._files = files
        self._review = review
        self._paths: list[Path] = []
        self._said: list[_Marks | None] = []
        self.folder = QLabel("No folder")
        self.folder.setProperty("heading", True)
        self.summary = muted("Open an image to see its folder.")
        self.list = QListWidget()
        self.list.setIconSize(QSize(16, 16))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)  # no row cut off
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMinimumHeight(LEAST_HEIGHT)
        name(self.list, "Images of the folder", "Click an image to open it")
        self._layout = column(self)
        self._layout.setContentsMargins(10, 8, 10, 4)
        for widget in (self.folder, self.summary, self.list):
            self._layout.addWidget(widget)
        self.set_theme("dark")
        self.list.itemClicked.connect(self._on_clicked)
        files.folder_changed.connect(self._show)
        files.saved.connect(lambda _: self._mark())
        review.changed.connect(self._mark)

    def add_buttons(self, actions: list[QAction]) -> None:
        """Put buttons for `actions` at the bottom."""
        self._layout.addLayout(row(*[tool_button(action) for action in actions]))

    def set_theme(self, theme: Theme) -> None:
        """Draw the marks in the colours of `theme`."""
        self._done = icon("done", theme, color="accent")
        self._masked = icon("corrected", theme, color="accent")
        self._plain = icon("image", theme, color="muted")
        self._said = [None] * len(self._paths)
        self._mark()

    def _show(self) -> None:
        paths, current = self._files.folder, self._files.current
        if self._paths != paths:
            self._paths, self._said = list(paths), [None] * len(paths)
            self.list.clear()
            for path in paths:
                item = QListWidgetItem()
                item.setData(PATH_ROLE, path)
                self.list.addItem(item)
        self.folder.setText(current.parent.name if current is not None else "No folder")
        self._mark()
        self._show_current()  # rows have their height by now

    def _mark(self) -> None:
        """Let every image say how far it is; of thousands, most say so already."""
        files, review = self._files, self._review
        for place, path in enumerate(self._paths):
            now = _Marks(review.state(path), files.has_masks(path), files.name_inside(path))
            item = self.list.item(place)
            if item is not None and now != self._said[place]:
                self._said[place] = now
                item.setText("  ".join(filter(None, (path.name, now.inside))))
                marked = self._masked if now.masks else self._plain
                item.setIcon(self._done if now.state == "done" else marked)
                masks = "saved masks" if now.masks else "no saved masks"
                item.setToolTip(f"{path}\n{_place_in_file(path)}{now.state}, {masks}")
        said = [marks for marks in self._said if marks is not None]
        with_masks = sum(marks.masks for marks in said)
        finished = sum(marks.state == "done" for marks in said)
        images = "1 image" if len(said) == 1 else f"{len(said):,} images"
        self.summary.setText(f"{images}, {with_masks:,} with masks, {finished:,} done")

    def _on_clicked(self, item: QListWidgetItem) -> None:
        path = item.data(PATH_ROLE)
        if path != self._files.current or self._files.reading:  # else it would lose its layers
            self._files.open(path)
        self._show_current()  # until it is open, and if it cannot be

    def _show_current(self) -> None:
        """Highlight the image that is open."""
        paths, current = self._files.folder, self._files.current
        if current in paths:
            self.list.setCurrentRow(paths.index(current))


def _place_in_file(path: Path) -> str:
    file, number = scenes.split(path)
    return "" if number is None else f"image {number} of {file.name}, "
