"""Arrays kept on the disk between runs, named by the content they were made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.io.atomic import replacing
from cellmend.registry import user_folder

LIMIT_BYTES = 20 * 2**30


class Cache:
    """A folder of arrays that anyone may delete.

    The ones used longest ago go first when it grows beyond its limit.

    Parameters
    ----------
    folder
        Where; the person's own Cellmend folder unless given.
    limit
        Bytes to stay under, but for what the run in hand needs.
    """

    def __init__(self, folder: Path | None = None, limit: int = LIMIT_BYTES) -> None:
        self._folder = folder or user_folder().parent / "cache"
        self._limit = limit

    def find(self, key: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the file of an array and the facts kept with it; None if it is not there."""
        array, facts = self._files(key)
        try:
            known = json.loads(facts.read_text())
            os.utime(array)
        except (OSError, ValueError):
            return None
        return array, known

    def keep(
        self, key: str, array: NDArray[Any], facts: dict[str, Any]
    ) -> tuple[Path, dict[str, Any]]:
        """Write an array, then its facts, whose presence says that the array is whole."""
        array_path, facts_path = self._files(key)
        with replacing(array_path) as temporary, temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        with replacing(facts_path) as temporary:
            temporary.write_text(json.dumps(facts))
        return array_path, facts

    def trim(self, keep: Iterable[Path]) -> None:
        """Delete what was used longest ago, above the limit; never what is in `keep`."""
        needed = set(keep)
        by_age = sorted(self._folder.glob("*.npy"), key=_last_use, reverse=True)
        total = 0
        for path in by_age:
            total += path.stat().st_size
            if total > self._limit and path not in needed:
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def _files(self, key: str) -> tuple[Path, Path]:
        return self._folder / f"{key}.npy", self._folder / f"{key}.json"


def _last_use(path: Path) -> float:
    return path.stat().st_mtime
