"""Restoring at a diameter that is estimated."""

from types import SimpleNamespace

import numpy as np
import pytest

from cellmend.chain import (
    Filtering,
    OnChannels,
    last_of,
    make_restorers,
    restore_at_estimate,
    restore_in_turn,
)
from cellmend.image import Image
from cellmend.params import FilterSettings, RestoreStep
from cellmend.restore import filter_image

IMAGE = Image(np.arange(64, dtype=np.float32).reshape(8, 8))


class Doubler:
    """Stands in for a restorer: doubles the image and keeps the diameters it was given."""

    def __init__(self):
        self.diameters = []

    def run_all(self, images, *, diameter, report):
        self.diameters.append(diameter)
        return [SimpleNamespace(image=Image(one.data * 2), provenance=None) for one in images]


class Estimates:
    """Stands in for a segmenter: sees `raw` in the original and `restored` in what was made."""

    def __init__(self, raw, restored):
        self.raw, self.restored = raw, restored

    def estimate_diameter(self, image, *, channels, report):
        return self.raw if image is IMAGE else self.restored


def test_each_restorer_works_on_the_result_of_the_one_before():
    steps = restore_in_turn(IMAGE, [Doubler(), Doubler()], 30)
    np.testing.assert_array_equal(steps[-1].image.data, IMAGE.data * 4)
    assert restore_at_estimate(IMAGE, [], Estimates(30, 30)) == []


class Adder:
    """Stands in for a restorer: adds to the channels it is asked to restore."""

    def __init__(self, amount):
        self.amount = amount

    def run_all(self, images, *, channels, diameter, report):
        data = [image.data.copy() for image in images]
        for one in data:
            one[[number - 1 for number in channels]] += self.amount
        return [SimpleNamespace(image=Image(one, "CYX"), provenance=None) for one in data]


def test_g11_d3_each_channel_is_restored_by_its_own_model():
    image = Image(np.zeros((3, 4, 5), np.float32), "CYX")
    steps = restore_in_turn(image, [OnChannels(Adder(1), (1,)), OnChannels(Adder(5), (2, 3))], 30)
    assert steps[-1].image.data[:, 0, 0].tolist() == [1, 5, 5]


@pytest.mark.parametrize(("restored", "diameters"), [(11, [10]), (20, [10, 20])])
def test_restores_again_where_the_restored_image_shows_another_size(restored, diameters):
    restorer = Doubler()
    steps = restore_at_estimate(IMAGE, [restorer], Estimates(10, restored))
    assert restorer.diameters == diameters
    np.testing.assert_array_equal(steps[-1].image.data, IMAGE.data * 2)


def test_g07_filters_and_models_take_turns_and_the_record_tells_all_steps():
    steps = (FilterSettings(filter="gaussian"), RestoreStep(model="twice"))
    steps += (FilterSettings(filter="sharpen", strength=2),)
    restorers = make_restorers(steps, {"twice": Doubler()}.__getitem__)
    made = restore_in_turn(IMAGE, restorers, 30)
    doubled = Image(filter_image(IMAGE, "gaussian").image.data * 2)
    expected = filter_image(doubled, "sharpen", strength=2)
    np.testing.assert_array_equal(made[-1].image.data, expected.image.data)
    record = last_of([made[0], made[2]]).provenance
    assert (record.title, record.model) == ("gaussian + sharpen", "sharpen")
    assert [step.settings["radius"] for step in record.history] == [1, 2]
    assert last_of([]) is None


def test_no_size_is_estimated_for_filters_alone():
    restorers = [Filtering(FilterSettings(filter="median"))]
    (made,) = restore_at_estimate(IMAGE, restorers, segmenter=None)
    np.testing.assert_array_equal(made.image.data, filter_image(IMAGE, "median").image.data)
