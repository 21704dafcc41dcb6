"""What several dialogs need."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget


def named(widget: QWidget, text: str, tip: str = "") -> None:
    """Give a widget the name that screen readers read, and a tooltip."""
    widget.setAccessibleName(text)
    widget.setToolTip(tip or text)


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
