"""Tables of a study: for a person, for a spreadsheet and for a program."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellmend.errors import InputError
from cellmend.io.atomic import replacing

Row = Sequence[Any]


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes
    ----------
    name
        What the table is of; stands above it.
    columns
        One heading per column.
    rows
        Values, as many per row as there are columns; None where there is none.
    note
        What a reader must know to read it.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(
                    f"A row of the table {self.name!r} has {len(row)} values"
                    f" for {len(self.columns)} columns."
                )

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return one mapping per row; what JSON cannot hold (nan) becomes None."""
        return [
            {column: _plain(value) for column, value in zip(self.columns, row, strict=True)}
            for row in self.rows
        ]

    def as_text(self) -> str:
        """Return the table for a terminal, columns aligned."""
        cells = [list(self.columns), *([shown(value) for value in row] for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        return "\n".join([self.name, *lines])


def shown(value: object) -> str:
    """Return a value as a person reads it: three decimals, a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def write_csv(path: str | Path, table: Table) -> None:
    """Write a table as CSV, UTF-8, empty where there is no value.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(["" if _plain(v) is None else v for v in row] for row in table.rows)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write plain values as JSON, atomically.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, allow_nan=False, default=str), encoding="utf-8"
        )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
