"""Who works on blocks and files: this process by itself, or others for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from cellmend.progress import Reporter, shares

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item, Reporter], Result]


class Workers(Protocol):
    """Does the same with many things, in any order."""

    def map(
        self, work: Work[Item, Result], items: Sequence[Item], report: Reporter
    ) -> list[Result]:
        """Return the results in the order of the items; the first error ends the work."""


class ThisProcess:
    """Does one thing after another."""

    def map(
        self, work: Work[Item, Result], items: Sequence[Item], report: Reporter
    ) -> list[Result]:
        """Return the results in the order of the items."""
        results = []
        for item, part in zip(items, shares(report, len(items)), strict=True):
            part.check()
            results.append(work(item, part))
            part.step(1, 1)
        return results
