"""Measurements as CSV, Excel workbook or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import FileFormatError, InputError
from cellmend.export.xlsx import write_xlsx
from cellmend.io.atomic import replacing

Column = NDArray[np.generic] | Sequence[object]
Columns = Mapping[str, Column]

XLSX, PARQUET = ".xlsx", ".parquet"
ENDINGS = (".csv", XLSX, PARQUET)


def write_table(path: str | Path, columns: Columns) -> None:
    """Write columns of equal length under their names; numbers keep their full precision.

    The ending decides: ``.xlsx`` is an Excel workbook, which knows 15 digits of a number;
    ``.parquet`` is Parquet, which needs the extra of that name; anything else is CSV.

    Raises
    ------
    InputError
        If the columns differ in length, or are more than a sheet of Excel can hold.
    FileFormatError
        If the file cannot be written, or Parquet is not installed.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"The columns of a table differ in length: {lengths}.")
    writers = {XLSX: _write_xlsx, PARQUET: _write_parquet}
    writers.get(Path(path).suffix.lower(), _write_csv)(Path(path), columns)


def combined(tables: Mapping[str, Columns]) -> dict[str, Column]:
    """Return the rows of several tables as one, led by a column ``file`` with their names.

    A column that one of them lacks is NaN in its rows.
    """
    rows = {file: len(next(iter(columns.values()), ())) for file, columns in tables.items()}
    names = dict.fromkeys(name for columns in tables.values() for name in columns)
    result: dict[str, Column] = {"file": [file for file in tables for _ in range(rows[file])]}
    for name in names:
        parts = [
            np.asarray(columns[name]) if name in columns else np.full(rows[file], np.nan)
            for file, columns in tables.items()
        ]
        result[name] = np.concatenate(parts)
    return result


def _write_csv(path: Path, columns: Columns) -> None:
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(_rows(columns))


def _write_xlsx(path: Path, columns: Columns) -> None:
    count = len(next(iter(columns.values()), ()))
    write_xlsx(path, list(columns), _rows(columns), count)


def _write_parquet(path: Path, columns: Columns) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise FileFormatError(
            path,
            "writing Parquet needs pyarrow, which is not installed.",
            hint='Run pip install "cellmend[parquet]", or choose a name that ends in .csv.',
        ) from error
    table = pa.table({name: pa.array(np.asarray(column)) for name, column in columns.items()})
    with replacing(path) as temporary:
        parquet.write_table(table, temporary)


def _rows(columns: Columns) -> Iterator[tuple[object, ...]]:
    return zip(*(_plain(column) for column in columns.values()), strict=True)


def _plain(column: Column) -> list[object]:
    """Return Python values; of float32 the shortest text that gives the same number back."""
    array = np.asarray(column)
    if array.dtype == np.float32:
        return [float(str(value)) for value in array]
    return list(array.tolist())
