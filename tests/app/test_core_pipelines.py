from __future__ import annotations

import numpy as np
import pytest

from cellmend.dynamics import flows_to_masks, masks_to_flows
from cellmend.errors import ModelError
from cellmend.params import MaskSettings
from cellmend.progress import SILENT
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.pipelines import ClickRequest


@pytest.fixture
def outputs() -> list[tuple[np.ndarray, np.ndarray]]:
    """What a network says about one image, and about the same image turned over."""
    masks = np.kron(np.arange(1, 10).reshape(3, 3), np.pad(np.ones((12, 12), int), 2))
    both = (masks, masks[::-1])
    return [(5 * masks_to_flows(m), np.where(m > 0, 4, -4).astype(np.float32)) for m in both]


def test_other_thresholds_do_not_follow_the_flows_of_one_run_again(outputs, monkeypatch):
    pipelines = CorePipelines()
    flows, cellprob = outputs[0]
    assert pipelines.masks(flows, cellprob, MaskSettings(), SILENT).max() == 9
    monkeypatch.setattr("cellmend.dynamics.masks.follow", lambda *_: pytest.fail("followed again"))
    assert not pipelines.masks(flows, cellprob, MaskSettings(min_size=200), SILENT).any()


def test_each_run_gets_masks_of_its_own(outputs):
    pipelines = CorePipelines()
    for flows, cellprob in (*outputs, outputs[0]):
        found = pipelines.masks(flows, cellprob, MaskSettings(), SILENT)
        assert np.array_equal(found, flows_to_masks(flows, cellprob))


def test_a_clicked_cell_is_found_by_the_image_where_there_is_no_network(monkeypatch):
    def none_installed(*_):
        raise ModelError("There is no such model.")

    monkeypatch.setattr(CorePipelines, "_segmenter", none_installed)
    plane = np.zeros((60, 60), np.uint16)
    plane[20:40, 20:40] = 900
    found = CorePipelines().cell_at(ClickRequest(plane, (30, 30), 20.0), SILENT)
    assert found is not None
    assert 250 < np.count_nonzero(found[1]) < 500
