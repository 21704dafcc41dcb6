"""A picture of what a network would see in training, made by a child process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QImage

from cellmend_app.services.child import Child
from cellmend_app.services.train_request import TrainRequest
from cellmend_app.workers import JobRunner


class ExamplesService(QObject):
    """Draws crops of a training that is not started.

    Signals
    -------
    drawn(QImage)
        The crops, each with what is to be found beside it.
    failed(reason)
        There is no picture.
    stopped()
        There is none because nobody wants it any more.
    """

    drawn = pyqtSignal(object)
    failed = pyqtSignal(str)
    stopped = pyqtSignal()

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._child = Child(self)
        self._child.said.connect(self._on_said)
        self._child.ended.connect(self._on_ended)
        self._folder: TemporaryDirectory[str] | None = None
        self._reason = ""
        self._stopping = False

    @property
    def running(self) -> bool:
        """Whether a picture is being made."""
        return self._folder is not None

    def draw(self, request: TrainRequest) -> None:
        """Make the picture; only one at a time."""
        if self.running:
            return
        self._reason, self._stopping = "", False
        self._folder = TemporaryDirectory(prefix="cellmend-examples-")
        self._child.start([*request.arguments(), "--examples", str(self._picture)])

    def stop(self) -> None:
        """Make no picture after all."""
        self._stopping = True
        self._child.stop()

    def shutdown(self) -> None:
        """End at once."""
        self._child.shutdown()
        self._tidy()

    @property
    def _picture(self) -> Path:
        return Path(self._folder.name if self._folder else "") / "examples.png"

    def _on_said(self, event: dict[str, Any]) -> None:
        if event.get("event") == "error":
            self._reason = str(event["message"])

    def _on_ended(self, code: int, complaint: str) -> None:
        if self._stopping:
            self._tidy()
            self.stopped.emit()
        elif code:
            self._tidy()
            self.failed.emit(self._reason or complaint)
        else:
            path = str(self._picture)
            job = self._runner.submit("io", lambda report: QImage(path))
            job.succeeded.connect(self._on_read)

    def _on_read(self, image: QImage) -> None:
        self._tidy()
        self.drawn.emit(image)

    def _tidy(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None
