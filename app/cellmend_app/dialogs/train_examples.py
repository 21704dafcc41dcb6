"""What a network would see in training, and what it would have to find: asked for and shown."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QRect, QSize, Qt
from PyQt6.QtGui import QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from cellmend_app.controls import name
from cellmend_app.services.train_examples import ExamplesService
from cellmend_app.services.train_request import FindCells, TrainRequest

ASK, STOP = "Show examples", "Stop reading"
CELLS = (
    "Left, what the network sees; right, where it has to find cells: each has all colours around"
    " its middle. Grey: nothing is learnt there."
)
RESTORED = "Left, what the network sees; right, what it has to make of it."


class ExamplesButton(QPushButton):
    """Asks for examples of what is set up, and shows them in a window of their own.

    Parameters
    ----------
    service
        Makes the picture.
    request
        Returns what is set up.
    tell
        Takes a sentence for the person.
    """

    def __init__(
        self,
        service: ExamplesService,
        request: Callable[[], TrainRequest],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(ASK)
        self._service = service
        self._request = request
        self._tell = tell
        self._explained = ""
        self.shown: ExamplesDialog | None = None
        self.setAutoDefault(False)
        name(self, ASK, "See some crops as the network would see them, before anything is trained")
        self.clicked.connect(self._on_clicked)
        service.drawn.connect(self._show)
        service.failed.connect(self._on_failed)
        service.stopped.connect(lambda: self._rest(""))

    def _on_clicked(self) -> None:
        if self._service.running:
            self._service.stop()
            return
        request = self._request()
        self._explained = CELLS if isinstance(request.aim, FindCells) else RESTORED
        self.setText(STOP)
        self._tell("Reading the images…")
        self._service.draw(request)

    def _show(self, picture: QImage) -> None:
        self._rest("")
        if self.shown is None:
            self.shown = ExamplesDialog(self)
        self.shown.set_picture(picture, self._explained)
        self.shown.show()
        self.shown.raise_()

    def _on_failed(self, reason: str) -> None:
        self._rest(f"There are no examples. {reason}")

    def _rest(self, text: str) -> None:
        self.setText(ASK)
        self._tell(text)


class ExamplesDialog(QDialog):
    """A picture as large as the window allows, explained below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Examples")
        self._picture = Picture()
        self._text = QLabel()
        self._text.setProperty("muted", True)
        self._text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self._picture, 1)
        layout.addWidget(self._text)
        self.resize(940, 440)

    def set_picture(self, picture: QImage, text: str) -> None:
        """Show another picture."""
        self._picture.set_image(picture)
        self._text.setText(text)


class Picture(QWidget):
    """An image that keeps its shape."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self.setMinimumSize(320, 120)
        name(self, "Examples", "Crops of the images, and beside each what is to be found")

    def set_image(self, image: QImage) -> None:
        """Show another image."""
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the image as large as it fits."""
        if self._image.isNull():
            return
        size: QSize = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(self.rect().center())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
