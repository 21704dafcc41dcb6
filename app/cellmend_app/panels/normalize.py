"""How an image is scaled before a network sees it."""

from __future__ import annotations

from PyQt6.QtWidgets import QCheckBox, QSpinBox, QWidget

from cellmend.params import NormalizeSettings
from cellmend_app.controls import name
from cellmend_app.panels.parts import add, column, labelled, number

DEFAULTS = NormalizeSettings()
OFF = "off"
NARROW = 72
"""Width that two fields of a row have room for."""


class NormalizeFields(QWidget):
    """Percentiles, and what is done to the image before they are taken."""

    def __init__(self) -> None:
        super().__init__()
        low, high = DEFAULTS.percentiles
        self.low = number(0, 99.9, low, 0.5, unit="%")
        name(self.low, "Low percentile", "The value below which this share of the pixels lies is 0")
        self.high = number(0.1, 100, high, 0.5, unit="%")
        name(
            self.high,
            "High percentile",
            "The value below which this share of the pixels lies is 1; higher where cells are few",
        )
        self.tile = QSpinBox()
        self.tile.setRange(0, 4096)
        self.tile.setSingleStep(50)
        self.tile.setSuffix(" px")
        self.tile.setSpecialValueText(OFF)
        name(self.tile, "Tiles", "Take percentiles in tiles of this size, for uneven light")
        self.background = number(0, 65535, DEFAULTS.background, 10)
        name(self.background, "Background", "The value of a dark camera, subtracted first")
        self.sharpen = number(0, 200, DEFAULTS.sharpen_radius, 1, unit=" px", least=OFF)
        name(self.sharpen, "Sharpen", "Take away what is blurred by this radius")
        self.smooth = number(0, 50, DEFAULTS.smooth_radius, 0.5, unit=" px", least=OFF)
        name(self.smooth, "Smooth", "Blur by this radius, against noise")
        self.invert = QCheckBox("Dark cells on bright ground")
        name(self.invert, "Invert", "Turn dark into bright before the network sees the image")
        for box in (self.low, self.high):
            box.setMinimumWidth(NARROW)
        add(
            column(self),
            labelled("Percentiles", self.low, self.high, stretch=1),
            labelled("Tiles", self.tile),
            labelled("Subtract", self.background),
            labelled("Sharpen", self.sharpen),
            labelled("Smooth", self.smooth),
            self.invert,
        )
        self.low.valueChanged.connect(lambda low: self.high.setMinimum(low + 0.1))
        self.high.valueChanged.connect(lambda high: self.low.setMaximum(high - 0.1))

    def show_settings(self, settings: NormalizeSettings) -> None:
        """Show settings, as far as there is a field for them."""
        low, high = settings.percentiles
        self.low.setMaximum(99.9)
        self.high.setMinimum(0.1)
        self.high.setValue(high)
        self.low.setValue(low)
        self.tile.setValue(settings.tile_size)
        self.background.setValue(settings.background)
        self.sharpen.setValue(settings.sharpen_radius)
        self.smooth.setValue(settings.smooth_radius)
        self.invert.setChecked(settings.invert)

    def settings(self) -> NormalizeSettings | None:
        """Return what was chosen; None, for how the model was trained, if nothing was."""
        chosen = NormalizeSettings(
            percentiles=(self.low.value(), self.high.value()),
            tile_size=self.tile.value(),
            background=self.background.value(),
            sharpen_radius=self.sharpen.value(),
            smooth_radius=self.smooth.value(),
            invert=self.invert.isChecked(),
        )
        return None if chosen == DEFAULTS else chosen
