"""How long work reports its progress and learns that it was cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from cellmend.errors import Cancelled

WHOLE = 1000
"""Units that the whole work has when it is reported in parts."""


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


class Share:
    """Reports a part of the work as a stretch of the whole.

    Parameters
    ----------
    report
        Hears of the whole.
    start, end
        Where the part begins and ends, as fractions of the whole.
    message
        What the part does; its own messages come first.
    """

    def __init__(self, report: Reporter, start: float, end: float, message: str = "") -> None:
        self._report = report
        self._start = start
        self._end = end
        self._message = message

    def step(self, done: int, total: int, message: str = "") -> None:
        """Tell that `done` of `total` units of the part are finished."""
        fraction = self._start + (self._end - self._start) * done / max(total, 1)
        self._report.step(round(WHOLE * fraction), WHOLE, message or self._message)

    def check(self) -> None:
        """Raise `Cancelled` if the person asked to stop."""
        self._report.check()


def shares(report: Reporter, count: int, message: str = "") -> Iterator[Share]:
    """Split the work into `count` equal parts."""
    for index in range(count):
        yield Share(report, index / count, (index + 1) / count, message)


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
