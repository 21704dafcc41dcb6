"""Progress on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm


class TerminalReporter:
    """A progress bar on standard error; nothing where that is not a terminal.

    Parameters
    ----------
    title
        What stands before the bar.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, done: int, total: int, message: str = "") -> None:
        """Move the bar to `done` of `total`."""
        if self._bar is None:
            self._bar = tqdm(leave=False, file=sys.stderr, disable=None)
        self._bar.set_description(f"{self._title} {message}".strip(), refresh=False)
        self._bar.total = total
        self._bar.n = done
        self._bar.refresh()

    def check(self) -> None:
        """Go on; Ctrl-C stops a command."""
