"""One HTML file with everything in it: text, tables, plots and pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from cellmend.io.atomic import replacing
from cellmend.study.tables import Table, shown

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color: #1c2526; background: #fff; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.3rem; margin-top: 2.5rem;
  border-bottom: 1px solid #cfd8dc; }
h3 { font-size: 1.05rem; margin-bottom: .3rem; }
.note { color: #546e7a; max-width: 60rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e3e8ea; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
thead th { border-bottom: 2px solid #90a4ae; vertical-align: bottom; }
figure { margin: 1rem 0; } figcaption { color: #546e7a; max-width: 60rem; }
figure img, figure svg { max-width: 100%; height: auto; background: #fff; }
@media (prefers-color-scheme: dark) {
  body { color: #e0e6e8; background: #17201f; } .note, figcaption { color: #9fb0b7; }
  th, td { border-color: #2f3c3c; }
}
"""

ROW_WIDTH = 26
"""Letters of a name beside or above a picture, before it is broken."""


class Page:
    """A page that grows from top to bottom and needs no other file.

    Parameters
    ----------
    title
        Heading, and name of the browser's tab.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []

    def heading(self, text: str, level: int = 2) -> None:
        """Start a section."""
        self._parts.append(f"<h{level}>{html.escape(text)}</h{level}>")

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f'<p class="note">{html.escape(text)}</p>')

    def table(self, table: Table) -> None:
        """Add a table with its name above and its note below."""
        head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(shown(value))}</td>" for value in row) + "</tr>"
            for row in table.rows
        )
        self.heading(table.name, 3)
        self._parts.append(
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
        if table.note:
            self.text(table.note)

    def plot(self, svg: str, caption: str = "") -> None:
        """Add a drawing made by `cellmend.study.plots`; SVG text goes into the page as it is."""
        self._figure(svg[svg.index("<svg") :], caption, "plot")

    def picture(self, png: bytes, caption: str = "") -> None:
        """Add a PNG picture."""
        data = base64.b64encode(png).decode("ascii")
        alt = html.escape(caption, quote=True)
        self._figure(f'<img alt="{alt}" src="data:image/png;base64,{data}">', caption, "pictures")

    def failures(self, failures: Sequence[str]) -> None:
        """Name what could not be used; nothing where all went well."""
        if failures:
            self.heading("What could not be used")
        for failure in failures:
            self.text(failure)

    def html(self) -> str:
        """Return the whole document."""
        title = html.escape(self._title)
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
            f"<body><h1>{title}</h1>\n" + "\n".join(self._parts) + "\n</body></html>\n"
        )

    def write(self, path: str | Path) -> None:
        """Write the document, atomically.

        Raises
        ------
        FileFormatError
            If the file cannot be written.
        """
        with replacing(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")

    def _figure(self, content: str, caption: str, kind: str) -> None:
        text = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._parts.append(f'<figure class="{kind}">{content}{text}</figure>')
