"""The panel of channels: which are shown, in what colours, with what contrast."""

from __future__ import annotations

from math import floor, log10

import numpy as np
from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QColor, QIcon, QLinearGradient, QPainter, QPixmap
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from cellmend_app.controls import name
from cellmend_app.panels.histogram import ContrastHistogram
from cellmend_app.panels.parts import add, column, narrow, row
from cellmend_app.viewer import ImageView
from cellmend_app.viewer.colormaps import COLORMAPS, colormap

SWATCH = QSize(34, 12)
ROW_HEIGHT, MOST_ROWS = 28, 5
FARTHEST = 1e12


class ChannelsPanel(QWidget):
    """Channels of the layer on show, with the contrast of one of them.

    Parameters
    ----------
    view
        What shows them.
    """

    def __init__(self, view: ImageView) -> None:
        super().__init__()
        self._view = view
        self._shown: tuple[object, ...] = ()
        self._updating = False
        self._names: tuple[str, ...] | None = None
        self._items: list[QListWidgetItem] = []
        self.list = QListWidget()
        name(self.list, "Channels", "Check to show a channel; click it to set its contrast")
        self.list.setIconSize(SWATCH)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.colors = QComboBox()
        self.colors.setIconSize(SWATCH)
        for key in COLORMAPS:
            self.colors.addItem(swatch(key), key.capitalize(), key)
        narrow(self.colors)
        name(self.colors, "Colour map", "The colours of the channel")
        self.histogram = ContrastHistogram()
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        for field in (self.low, self.high):
            field.setRange(-FARTHEST, FARTHEST)
            field.setKeyboardTracking(False)
            field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            field.setMinimumWidth(40)
        name(self.low, "Black level", "This value, and all below, is black")
        name(self.high, "White level", "This value, and all above, is fully bright")
        self.auto = QPushButton("Auto")
        name(self.auto, "Auto contrast", "Fit the contrast once: 1st to 99th percentile")
        self.full = QPushButton("Full")
        name(self.full, "Full contrast", "Show everything from the lowest to the highest value")
        for button in (self.auto, self.full):
            button.setProperty("compact", True)
            button.setMinimumWidth(44)
        add(
            column(self),
            self.list,
            self.histogram,
            row(self.low, self.high, spacing=4),
            row(self.colors, self.auto, self.full, stretch=0, spacing=4),
        )
        self._connect()
        self.refresh()

    @property
    def channel(self) -> int:
        """The channel whose contrast is shown."""
        return max(0, self.list.currentRow())

    def refresh(self) -> None:
        """Show the state of the view."""
        channels = self._view.channels
        self.setEnabled(bool(channels))
        self._updating = True
        names = self._view.channel_names()
        if names != self._names:
            self._list(names)
        for item, channel in zip(self._items, channels, strict=True):
            item.setIcon(swatch(channel.colormap))
            item.setCheckState(
                Qt.CheckState.Checked if channel.visible else Qt.CheckState.Unchecked
            )
        if channels:
            self._show_channel()
        self._updating = False

    # -- details

    def _connect(self) -> None:
        view = self._view
        view.contrast_changed.connect(self.refresh)
        self.list.itemChanged.connect(self._on_checked)
        self.list.currentRowChanged.connect(self._on_row)
        self.colors.activated.connect(
            lambda _: view.set_channel_colormap(self.channel, self.colors.currentData())
        )
        self.histogram.limits_changed.connect(
            lambda low, high: view.set_contrast(self.channel, low, high)
        )
        for field in (self.low, self.high):
            field.valueChanged.connect(self._on_field)
        self.auto.clicked.connect(lambda: view.auto_contrast(self.channel))
        self.full.clicked.connect(self._on_full)

    def _list(self, names: tuple[str, ...]) -> None:
        self.list.clear()
        self._names, self._items = names, []
        for channel in names:
            item = QListWidgetItem(channel)
            item.setToolTip(channel)
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsUserCheckable
            )
            self.list.addItem(item)
            self._items.append(item)
        self.list.setVisible(len(names) > 1)
        self.list.setFixedHeight(ROW_HEIGHT * min(len(names), MOST_ROWS) + 4)
        self.list.setCurrentRow(0)

    def _show_channel(self) -> None:
        channel = self._view.channels[self.channel]
        plane = self._view.layers.plane(self._view.view)
        self.colors.setCurrentIndex(COLORMAPS.index(channel.colormap))
        shown = (self._view.layers.image(self._view.view), self._view.plane, self.channel)
        if shown != self._shown:
            self._shown = shown
            found = self._view.histogram(self.channel)
            if found is not None:
                self.histogram.show_histogram(found)
        whole = plane is not None and np.issubdtype(plane.dtype, np.integer)
        span = max(abs(channel.high), abs(channel.low), 1e-12)
        for field, value in ((self.low, channel.low), (self.high, channel.high)):
            field.setDecimals(0 if whole else min(max(3 - floor(log10(span)), 0), 12))
            field.setValue(value)
        self.histogram.show_limits(channel.low, channel.high, channel.colormap)

    def _on_checked(self, item: QListWidgetItem) -> None:
        if not self._updating:
            on = item.checkState() == Qt.CheckState.Checked
            self._view.set_channel_visible(self.list.row(item), on)

    def _on_row(self, _: int) -> None:
        if not self._updating and self._view.channels:
            self.refresh()

    def _on_field(self, _: float) -> None:
        if not self._updating:
            self._view.set_contrast(self.channel, self.low.value(), self.high.value())

    def _on_full(self) -> None:
        found = self._view.histogram(self.channel)
        if found is not None:
            self._view.set_contrast(self.channel, found.low, found.high)


def swatch(key: str) -> QIcon:
    """Return a picture of a colour map."""
    pixmap = QPixmap(SWATCH)
    gradient = QLinearGradient(0, 0, SWATCH.width(), 0)
    table = colormap(key)
    for part in np.linspace(0, 1, 9).tolist():
        gradient.setColorAt(part, QColor(*table[round(part * 255)].tolist()))
    painter = QPainter(pixmap)
    painter.fillRect(pixmap.rect(), gradient)
    painter.end()
    result = QIcon(pixmap)
    result.addPixmap(pixmap, QIcon.Mode.Selected)  # or else it is tinted
    return result
