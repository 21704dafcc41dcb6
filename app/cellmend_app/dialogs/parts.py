"""Words and buttons that several dialogs use."""

from __future__ import annotations

from PyQt6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel

from cellmend.export.kinds import KINDS
from cellmend_app.controls import name


def ok_and_cancel(dialog: QDialog) -> QDialogButtonBox:
    """Return the two buttons that accept a dialog and reject it."""
    standard = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def remark() -> QLabel:
    """Return a place for what is said of a choice, of two lines, so that nothing moves."""
    label = QLabel()
    label.setProperty("muted", True)
    label.setWordWrap(True)
    label.setMinimumHeight(2 * label.fontMetrics().height())
    return label


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def file_size(count: int) -> str:
    """Return a number of bytes as people say it: ``17 kB``, ``3.4 MB``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def kind_box(kind: str) -> QCheckBox:
    """Return the box that is ticked for a kind of export; its tooltip tells what is written."""
    title = KINDS[kind].title[0].upper() + KINDS[kind].title[1:]
    box = QCheckBox(title)
    name(box, title, "Writes " + " and ".join(f"name{end}" for end in KINDS[kind].writers))
    return box
