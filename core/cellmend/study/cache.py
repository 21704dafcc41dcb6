"""Results that are kept, so that a study which was stopped goes on where it was."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellmend.io.atomic import replacing
from cellmend.study.cases import digest


@dataclass(frozen=True, eq=False)
class Kept:
    """Plain values and arrays that belong together."""

    values: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


class Cache:
    """A folder with one file per result, named after the digest of what it was made from.

    Files are written whole or not at all; one that cannot be read is made anew.
    Nothing but arrays of numbers and JSON is read back.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: tuple[object, ...], make: Callable[[], Kept]) -> Kept:
        """Return the result kept under `key`; make it and keep it where there is none.

        Parameters
        ----------
        key
            All that the result depends on: arrays and values with a telling repr.
        make
            Called where there is no result yet.
        """
        path = self._folder / f"{digest(*key)[:32]}.npz"
        kept = self._read(path)
        if kept is None:
            kept = make()
            self._write(path, kept)
        return kept

    def _read(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files if name != "values"}
                return Kept(json.loads(stored["values"].item()), arrays)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def _write(self, path: Path, kept: Kept) -> None:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, values=np.array(json.dumps(kept.values)), allow_pickle=False, **kept.arrays
            )
