"""Measurements as CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.io.atomic import replacing

Column = NDArray[np.generic] | Sequence[object]


def write_table(path: str | Path, columns: Mapping[str, Column]) -> None:
    """Write columns of equal length under their names; numbers keep their full precision.

    Raises
    ------
    InputError
        If the columns differ in length.
    FileFormatError
        If the file cannot be written.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"The columns of a table differ in length: {lengths}.")
    rows = zip(*(_plain(column) for column in columns.values()), strict=True)
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _plain(column: Column) -> list[object]:
    """Return Python values; of float32 the shortest text that gives the same number back."""
    array = np.asarray(column)
    if array.dtype == np.float32:
        return [float(str(value)) for value in array]
    return list(array.tolist())
