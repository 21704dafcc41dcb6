"""A table as an Excel workbook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING

from cellmend.errors import FileFormatError, InputError
from cellmend.io.atomic import replacing

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
"""What a sheet can hold, the header included."""
SHEET = "cells"
_ROOM = 2
"""How many letters a column is wider than its name."""


def write_xlsx(
    path: Path, names: Sequence[str], rows: Iterable[Sequence[object]], count: int
) -> None:
    """Write a sheet under a header that stays in sight.

    Numbers are numbers, with the 15 or 16 digits that Excel knows; one that is not known
    (NaN) is an empty cell. Text is text, even where it looks like a formula or an address.

    Parameters
    ----------
    path
        The file; replaced as a whole or not at all.
    names
        Of the columns.
    rows
        Plain Python values, one for each column.
    count
        How many rows there are.

    Raises
    ------
    InputError
        If a sheet cannot hold that many rows or columns.
    FileFormatError
        If the file cannot be written.
    """
    import xlsxwriter  # slow to load
    from xlsxwriter.exceptions import XlsxFileError

    if count >= MOST_ROWS or len(names) > MOST_COLUMNS:
        raise InputError(
            f"A sheet of Excel cannot hold {count:,} rows of {len(names):,} columns.",
            hint="Choose a name that ends in .csv or .parquet.",
        )
    with replacing(path) as temporary:
        try:
            # Row after row goes to the disk, so that the memory holds one.
            with xlsxwriter.Workbook(str(temporary), {"constant_memory": True}) as book:
                sheet = book.add_worksheet(SHEET)
                sheet.freeze_panes(1, 0)
                bold = book.add_format({"bold": True})
                for column, name in enumerate(names):
                    sheet.set_column(column, column, len(name) + _ROOM)
                    sheet.write_string(0, column, name, bold)
                for row, values in enumerate(rows, start=1):
                    _write_row(sheet, row, values)
        except XlsxFileError as error:
            raise FileFormatError(path, f"it cannot be written ({error}).") from error


def _write_row(sheet: Worksheet, row: int, values: Sequence[object]) -> None:
    for column, value in enumerate(values):
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, int | float) and isfinite(value):
            sheet.write_number(row, column, value)
        elif not (isinstance(value, float) and isnan(value)):
            sheet.write_string(row, column, str(value))
