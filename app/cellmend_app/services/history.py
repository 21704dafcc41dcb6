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
        self._go(self._stack.index() - 1, self._stack.undo, "Undone")

    def redo(self) -> None:
        """Take the next step again."""
        self._go(self._stack.index(), self._stack.redo, "Done again")

    def _go(self, at: int, step: Callable[[], None], did: str) -> None:
        command, index = self._stack.command(at), self._stack.index()
        if self._waiting or command is None:
            return
        if not isinstance(command, Packable) or not command.packed:
            self._step(step, command.text(), did)
            return
        packed: Packable = command

        def take(content: object) -> None:
            if self._stack.index() == index and self._stack.command(at) is command:
                packed.take(content)
                self._step(step, command.text(), did)

        self._hold(True)
        job = self._runner.submit("io", lambda report: packed.unpacked(), title="Unpacking a step")
        job.succeeded.connect(take)
        job.failed.connect(lambda error: self._messages.error(error, "undo that"))
        job.finished.connect(lambda: self._hold(False))

    def _step(self, step: Callable[[], None], text: str, did: str) -> None:
        step()
        self._messages.note(f"{did}: {text}.")

    def _hold(self, held: bool) -> None:
        self._waiting = held
        self._stack.hold(held)
