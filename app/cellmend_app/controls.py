"""Small controls that panels and dialogs share."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QSizePolicy, QToolButton, QWidget

from cellmend_app.resources import resource_folder


class FoldButton(QToolButton):
    """A title with an arrow that shows or hides what it is the title of."""

    def __init__(self, title: str, body: QWidget, *, open_: bool = True) -> None:
        super().__init__()
        icons = resource_folder() / "icons"
        self._arrows = {True: icons / "arrow-down.svg", False: icons / "arrow-right.svg"}
        self._body = body
        self.setObjectName("section")
        self.setText(title)
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(12, 12))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        name(self, f"Show or hide: {title}")
        self.toggled.connect(self._fold)
        self.setChecked(open_)
        self._fold(open_)

    def _fold(self, open_: bool) -> None:
        self.setIcon(QIcon(str(self._arrows[open_])))
        self._body.setVisible(open_)


def name(widget: QWidget, text: str, tip: str = "") -> None:
    """Give a control its accessible name and its tooltip (the name, if none is given)."""
    widget.setAccessibleName(text)
    widget.setToolTip(tip or text)
