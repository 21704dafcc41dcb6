"""The fields for volumes: when they are there, and what they ask for."""

import numpy as np
import pytest

from cellmend.image import Image
from cellmend.params import SegmentSettings
from cellmend_app.panels.volume import LINKED, PLANES, SOLID, VolumeFields

VOLUME = Image(np.zeros((4, 20, 20), np.uint16), "ZYX", (), {"Z": 1.5, "Y": 0.5, "X": 0.5})


@pytest.fixture
def fields(qtbot):
    fields = VolumeFields()
    qtbot.addWidget(fields)
    fields.show()
    return fields


def test_they_are_there_for_volumes_only(fields):
    fields.way.setCurrentIndex(LINKED)
    for image in (None, Image(np.zeros((20, 20))), Image(np.zeros((3, 20, 20)), "TYX")):
        fields.set_image(image)
        assert fields.isHidden()
        assert fields.settings() == {}
    fields.set_image(VOLUME)
    assert fields.isVisible()
    assert fields.settings() == {"stitch_threshold": 0.25}


def test_each_way_asks_for_its_settings_and_shows_its_fields(fields):
    fields.set_image(VOLUME)
    assert fields.way.currentIndex() == PLANES
    assert SegmentSettings(**fields.settings()) == SegmentSettings()
    assert not fields.overlap.isVisible()
    fields.way.setCurrentIndex(LINKED)
    fields.overlap.setValue(0.5)
    assert fields.overlap.isVisible()
    assert SegmentSettings(**fields.settings()).stitch_threshold == 0.5
    fields.way.setCurrentIndex(SOLID)
    assert fields.anisotropy.isVisible()
    assert not fields.overlap.isVisible()
    asked = SegmentSettings(**fields.settings())
    assert (asked.do_3d, asked.anisotropy, asked.stitch_threshold) == (True, 3.0, 0.0)


def test_anisotropy_is_that_of_the_file_or_none(fields):
    fields.set_image(VOLUME)
    assert fields.anisotropy.value() == 3.0
    fields.set_image(Image(np.zeros((4, 20, 20)), "ZYX"))
    assert fields.anisotropy.value() == 1.0
