"""The fields that scale an image before a network sees it."""

import pytest

from cellmend.params import NormalizeSettings
from cellmend_app.panels.normalize import NormalizeFields


@pytest.fixture
def fields(qtbot):
    fields = NormalizeFields()
    qtbot.addWidget(fields)
    return fields


def test_untouched_they_leave_it_to_the_model(fields):
    assert fields.settings() is None


def test_what_is_chosen_is_asked_for(fields):
    fields.high.setValue(99.8)
    fields.tile.setValue(150)
    fields.background.setValue(100)
    fields.sharpen.setValue(5)
    fields.smooth.setValue(1.5)
    fields.invert.setChecked(True)
    assert fields.settings() == NormalizeSettings(
        percentiles=(1.0, 99.8),
        tile_size=150,
        background=100,
        sharpen_radius=5,
        smooth_radius=1.5,
        invert=True,
    )


def test_the_low_percentile_stays_below_the_high_one(fields):
    fields.low.setValue(50)
    fields.high.setValue(20)
    chosen = fields.settings()
    assert chosen is not None
    assert chosen.percentiles[0] < chosen.percentiles[1]
