"""Icons, style sheets and samples: the one place that knows where they are."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Literal

from PyQt6.QtCore import QByteArray, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer

from cellmend.samples import resource_folder, sample_path

__all__ = [
    "THEMES",
    "Theme",
    "icon",
    "palette",
    "program_icon",
    "resource_folder",
    "sample_path",
    "style_sheet",
    "theme_named",
]

Theme = Literal["dark", "light"]
THEMES: tuple[Theme, ...] = ("dark", "light")
ICON_SIZES = (16, 20, 24, 32, 48)


def theme_named(*, light: bool) -> Theme:
    """Return the light or the dark theme."""
    return "light" if light else "dark"


@cache
def colors(theme: Theme) -> dict[str, str]:
    """Return the named colours of `theme` as ``#rrggbb``."""
    text = (resource_folder() / "styles" / f"{theme}.json").read_text(encoding="utf-8")
    return {str(name): str(value) for name, value in json.loads(text).items()}


def style_sheet(theme: Theme) -> str:
    """Return the program's style sheet with the colours of `theme` filled in."""
    template = (resource_folder() / "styles" / "cellmend.qss").read_text(encoding="utf-8")
    values = {**colors(theme), "icons": (resource_folder() / "icons").as_posix()}
    return re.sub(r"@(\w+)", lambda match: values[match[1]], template)


def palette(theme: Theme) -> QPalette:
    """Return the Qt palette of `theme`, for what style sheets do not reach."""
    c = colors(theme)
    role = QPalette.ColorRole
    result = QPalette()
    for key, name in {
        role.Window: "window",
        role.Base: "field",
        role.AlternateBase: "panel",
        role.Button: "raised",
        role.Text: "text",
        role.WindowText: "text",
        role.ButtonText: "text",
        role.ToolTipBase: "raised",
        role.ToolTipText: "text",
        role.PlaceholderText: "muted",
        role.Highlight: "accent",
        role.HighlightedText: "accent_text",
        role.Link: "accent",
    }.items():
        result.setColor(key, QColor(c[name]))
    for key in (role.Text, role.WindowText, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, key, QColor(c["disabled"]))
    return result


def icon(name: str, theme: Theme, *, color: str = "text") -> QIcon:
    """Return the icon `name` in a named colour of `theme`, greyed where disabled."""
    source = (resource_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    result = QIcon()
    for mode, key in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, "disabled")):
        tinted = source.replace("currentColor", colors(theme)[key]).encode()
        for size in ICON_SIZES:
            result.addPixmap(_render(tinted, size), mode)
    return result


def program_icon() -> QIcon:
    """Return the icon of the program itself."""
    source = (resource_folder() / "icons" / "cellmend.svg").read_bytes()
    result = QIcon()
    for size in (16, 32, 64, 128, 256):
        result.addPixmap(_render(source, size))
    return result


def icon_names() -> list[str]:
    """Return the names of all icons, sorted."""
    return sorted(path.stem for path in Path(resource_folder() / "icons").glob("*.svg"))


def _render(source: bytes, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(source)).render(painter)
    painter.end()
    return pixmap
