"""How long work reports its progress and learns that it was cancelled."""

from __future__ import annotations

import threading
from typing import Protocol

from cellmend.errors import Cancelled


class Reporter(Protocol):
    """What every long entry point of the library is given.

    The terminal, the window and the tests each pass their own.
    """

    def step(self, done: int, total: int, message: str = "") -> None:
        """Tell that `done` of `total` units of the work named `message` are finished."""

    def check(self) -> None:
        """Raise `Cancelled` if the person asked to stop."""


class SilentReporter:
    """Reports nothing and is never cancelled."""

    def step(self, done: int, total: int, message: str = "") -> None:
        """Ignore the progress."""

    def check(self) -> None:
        """Go on."""


class CancelToken:
    """A flag that one thread sets and another checks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` once `cancel` was called."""
        if self._event.is_set():
            raise Cancelled


SILENT = SilentReporter()
