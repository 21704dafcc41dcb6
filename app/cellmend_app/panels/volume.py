"""How the cells of a volume are found: plane by plane, linked, or in three directions."""

from __future__ import annotations

from typing import Any

from PyQt6.QtWidgets import QComboBox, QWidget

from cellmend.image import Image
from cellmend.params import SegmentSettings
from cellmend_app.controls import name
from cellmend_app.panels.parts import add, column, labelled, narrow, number

PLANES, LINKED, SOLID = range(3)
WAYS = ("Each plane by itself", "Link cells of planes", "In three directions (slow)")
USUAL_OVERLAP = 0.25
"""IoU from which cells of consecutive planes are taken for one."""


class VolumeFields(QWidget):
    """Fields that are there for volumes only."""

    def __init__(self) -> None:
        super().__init__()
        self.way = QComboBox()
        self.way.addItems(WAYS)
        narrow(self.way)
        name(
            self.way,
            "Cells of a volume",
            "Each plane by itself gives other cells in every plane. Linked, cells that lie over "
            "each other are one. In three directions, the network sees slices along Z too",
        )
        self.overlap = number(0.01, 1.0, USUAL_OVERLAP, 0.05, decimals=2)
        name(
            self.overlap,
            "Overlap",
            "Cells of consecutive planes are one if they share this part of their area (IoU)",
        )
        self.anisotropy = number(0.1, 50.0, SegmentSettings().anisotropy, 0.1, decimals=2)
        name(
            self.anisotropy,
            "Anisotropy",
            "The distance of two planes over the size of a pixel, from the file where it is known",
        )
        self._overlap_row, self._anisotropy_row = QWidget(), QWidget()
        self._overlap_row.setLayout(labelled("Overlap", self.overlap))
        self._anisotropy_row.setLayout(labelled("Anisotropy", self.anisotropy))
        layout = column(self)
        add(layout, labelled("Volume", self.way), self._overlap_row, self._anisotropy_row)
        self.way.currentIndexChanged.connect(self._update)
        self._update()

    def set_image(self, image: Image | None) -> None:
        """Be there for a volume, with the anisotropy that its file tells."""
        self.setVisible(image is not None and image.size("Z") > 1)
        size = (image.pixel_size_um or {}) if image is not None else {}
        known = size.get("Z", 0) > 0 and size.get("Y", 0) > 0
        self.anisotropy.setValue(size["Z"] / size["Y"] if known else SegmentSettings().anisotropy)

    def settings(self) -> dict[str, Any]:
        """Return the settings of a segmentation that are about volumes; none for a plane."""
        way = self.way.currentIndex()
        if self.isHidden() or way == PLANES:
            return {}
        if way == LINKED:
            return {"stitch_threshold": self.overlap.value()}
        return {"do_3d": True, "anisotropy": self.anisotropy.value()}

    def show_settings(self, settings: SegmentSettings) -> None:
        """Show the settings of a segmentation that are about volumes."""
        if settings.do_3d:
            self.way.setCurrentIndex(SOLID)
            self.anisotropy.setValue(settings.anisotropy)
        elif settings.stitch_threshold > 0:
            self.way.setCurrentIndex(LINKED)
            self.overlap.setValue(settings.stitch_threshold)
        else:
            self.way.setCurrentIndex(PLANES)

    def _update(self) -> None:
        way = self.way.currentIndex()
        self._overlap_row.setVisible(way == LINKED)
        self._anisotropy_row.setVisible(way == SOLID)
