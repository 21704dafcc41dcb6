"""What a study leaves behind, whatever it measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellmend.provenance import package_versions
from cellmend.study.page import Page
from cellmend.study.tables import Table, write_csv, write_json


@dataclass(frozen=True)
class Outcome:
    """The result of a study.

    Attributes
    ----------
    summary
        Tables that a person reads first.
    details
        Tables with a row per image.
    failures
        Files and methods that could not be used, each with its reason.
    files
        What was written.
    """

    summary: tuple[Table, ...]
    details: tuple[Table, ...] = ()
    failures: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def write_outcome(
    name: str,
    folder: Path,
    settings: Mapping[str, Any],
    tables: tuple[Sequence[Table], Sequence[Table]],
    failures: Sequence[str],
    page: Page,
) -> Outcome:
    """Write ``NAME.html``, ``NAME.json``, ``NAME.csv`` (details) and ``NAME_summary.csv``.

    Parameters
    ----------
    name
        Of the study.
    folder
        Where to; made where it is missing.
    settings
        Plain values, kept in the JSON file.
    tables
        Of the summary, and of the details.
    failures
        What could not be used.
    page
        Tables and pictures for a person.

    Raises
    ------
    FileFormatError
        If a file cannot be written.
    """
    summary, details = (tuple(group) for group in tables)
    files = [folder / f"{name}{ending}" for ending in (".html", ".json")]
    page.write(files[0])
    write_json(
        files[1],
        {
            "study": name,
            "settings": settings,
            "versions": package_versions(),
            "failures": list(failures),
            "tables": {table.name: table.as_dicts() for table in (*summary, *details)},
        },
    )
    for ending, group in (("", details), ("_summary", summary)):
        if group:
            files.append(folder / f"{name}{ending}.csv")
            write_csv(files[-1], joined(group))
    return Outcome(summary, details, tuple(failures), tuple(files))


def joined(tables: Sequence[Table]) -> Table:
    """Put tables under each other, with the table's name as first column.

    Tables with other columns than the first are left out; the JSON file has them.
    """
    columns = tables[0].columns
    rows = [(t.name, *row) for t in tables if t.columns == columns for row in t.rows]
    if len(rows) == len(tables[0].rows):
        return tables[0]
    return Table("", ("table", *columns), tuple(rows))
