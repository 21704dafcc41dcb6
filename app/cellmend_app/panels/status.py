"""The status bar: what was done, what is under the pointer, what is being computed."""

from __future__ import annotations

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QStatusBar, QWidget

from cellmend_app.controls import name
from cellmend_app.workers import JobHandle, JobRunner

SHOW_AFTER_MS = 250
"""Work that ends sooner shows no progress: a flicker would only disturb."""


class StatusBar(QStatusBar):
    """Shows the latest message, a hover readout, and progress with a way to cancel."""

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.message = QLabel()
        # A long message is cut, its tooltip tells it all: it must not widen the window.
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.readout = QLabel()
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.work = QLabel()
        self.progress = QProgressBar()
        self.progress.setFixedWidth(150)
        self.progress.setTextVisible(False)
        name(self.progress, "Progress of the work")
        self.cancel = QPushButton("Cancel")
        name(self.cancel, "Cancel the work", "Stop what is being computed")
        self.addWidget(self.message, 1)
        for widget in (self.readout, self.work, self.progress, self.cancel):
            self.addPermanentWidget(widget)
        self._jobs: list[JobHandle] = []
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(SHOW_AFTER_MS)
        self._delay.timeout.connect(self._show_work)
        self.cancel.clicked.connect(self._cancel)
        runner.started.connect(self._on_started)
        runner.ended.connect(self._on_ended)
        self._hide_work()

    def say(self, text: str) -> None:
        """Show a message."""
        self.message.setText(text)
        self.message.setToolTip(text)

    def _on_started(self, job: JobHandle) -> None:
        self._jobs.append(job)
        job.progressed.connect(lambda *step: self._on_progress(job, *step))
        job.cancelled.connect(lambda: self.say(f"{job.title} was cancelled."))
        if len(self._jobs) == 1:
            self._delay.start()

    def _on_ended(self, job: JobHandle) -> None:
        self._jobs.remove(job)
        if self._jobs:
            self._show_work()
        else:
            self._hide_work()

    def _on_progress(self, job: JobHandle, done: int, total: int, text: str) -> None:
        if self._jobs and job is self._jobs[0]:
            self.progress.setRange(0, total)
            self.progress.setValue(done)
            if text:
                self.work.setToolTip(text)

    def _show_work(self) -> None:
        if not self._jobs:
            return
        self.progress.setRange(0, 0)
        self.work.setText(f"{self._jobs[0].title}…")
        self.cancel.setEnabled(True)
        for widget in (self.work, self.progress, self.cancel):
            widget.show()

    def _hide_work(self) -> None:
        self._delay.stop()
        for widget in (self.work, self.progress, self.cancel):
            widget.hide()

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.work.setText("Stopping…")
        for job in list(self._jobs):
            job.cancel()
