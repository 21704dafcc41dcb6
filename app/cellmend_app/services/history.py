"""Undo and redo without making people wait for steps that were put away."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject

from cellmend_app.document import Document, Packable
from cellmend_app.messages import Messages
from cellmend_app.workers import JobRunner


class HistoryService(QObject):
    """Goes back and forth in the history; old steps are unpacked in the I/O lane first."""

    def __init__(self, document: Document, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._stack = document.undo
        self._runner = runner
        self._messages = messages
        self._waiting = False

    def undo(self) -> None:
        """Take the last step back."""
        self._go(self._stack.index() - 1, self._stack.undo)

    def redo(self) -> None:
        """Take the next step again."""
        self._go(self._stack.index(), self._stack.redo)

    def _go(self, at: int, step: Callable[[], None]) -> None:
        command, index = self._stack.command(at), self._stack.index()
        if self._waiting:
            return
        if not isinstance(command, Packable) or not command.packed:
            step()
            return
        packed: Packable = command

        def take(content: object) -> None:
            if self._stack.index() == index and self._stack.command(at) is packed:
                packed.take(content)
                step()

        self._hold(True)
        job = self._runner.submit("io", lambda report: packed.unpacked(), title="Unpacking a step")
        job.succeeded.connect(take)
        job.failed.connect(lambda error: self._messages.error(error, "undo that"))
        job.finished.connect(lambda: self._hold(False))

    def _hold(self, held: bool) -> None:
        self._waiting = held
        self._stack.hold(held)
