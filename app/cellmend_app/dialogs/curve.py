"""The loss of a training, epoch by epoch."""

from __future__ import annotations

import pyqtgraph as pg
from PyQt6.QtCore import Qt

from cellmend_app.controls import name
from cellmend_app.resources import Theme, colors
from cellmend_app.services.train import Epoch


class LossCurve(pg.PlotWidget):  # type: ignore[misc]
    """Draws the losses of the training images and of those held out, by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[int, float] = {}
        self.held_out: dict[int, float] = {}
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        self.setMinimumSize(300, 220)
        self.showGrid(y=True, alpha=0.15)
        self.getAxis("left").enableAutoSIPrefix(False)
        self._legend = self.addLegend(offset=(-10, 10))
        self._training = self.plot(name="training", symbol="o", symbolSize=4)
        self._validation = self.plot(name="validation")
        name(self, "Loss curve", "The loss after every epoch: lower is better")

    def begin(self) -> None:
        """Forget the training of before."""
        self.losses, self.held_out = {}, {}
        self._draw()

    def expect(self, epochs: int) -> None:
        """Make room for so many epochs."""
        self.setXRange(1, max(2, epochs))

    def add(self, epoch: Epoch) -> None:
        """Draw one more epoch."""
        self.losses[epoch.number] = epoch.loss
        if epoch.validation_loss is not None:
            self.held_out[epoch.number] = epoch.validation_loss
        self._draw()

    def set_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        c = colors(theme)
        self.setBackground(c["field"])
        for side, text in (("left", "loss"), ("bottom", "epoch")):
            axis = self.getAxis(side)
            axis.setPen(c["border"])
            axis.setTextPen(c["muted"])
            axis.setLabel(text, color=c["muted"])
        for _, label in self._legend.items:
            label.setText(label.text, color=c["text"])
        self._training.setPen(c["accent"], width=2)
        self._training.setSymbolBrush(c["accent"])
        self._training.setSymbolPen(c["accent"])
        self._validation.setPen(c["second"], width=2, style=Qt.PenStyle.DashLine)

    def _draw(self) -> None:
        for line, points in ((self._training, self.losses), (self._validation, self.held_out)):
            line.setData(list(points), list(points.values()))
