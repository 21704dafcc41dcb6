from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmend import registry
from cellmend.dynamics import flows_to_masks, masks_to_flows
from cellmend.errors import ModelError
from cellmend.image import Image
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.params import MaskSettings, RestoreStep, SegmentSettings
from cellmend.progress import SILENT
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.pipelines import (
    ClickRequest,
    RegionRequest,
    RestoreRequest,
    SegmentRequest,
)

IMAGE = Image(np.random.default_rng(0).random((32, 32), np.float32))
WIDTHS = (4, 8, 12, 16)


def install(task: str, seed: int) -> None:
    """Put a model named mine, with random weights, among the person's own."""
    nchan, nout = (2, 3) if task == "segmentation" else (1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = CPNet(nchan, nout, WIDTHS)
    card = registry.ModelCard(name="mine", task=task, nchan=nchan, nout=nout, widths=WIDTHS)
    save_weights(registry.user_folder() / "mine.safetensors", net, card.model_dump(mode="json"))


def restored(pipelines: CorePipelines) -> np.ndarray:
    request = RestoreRequest((RestoreStep(model="mine"),), 30)
    return pipelines.restore(IMAGE, request, SILENT).image.data


def cell_probability(pipelines: CorePipelines) -> np.ndarray:
    request = SegmentRequest(SegmentSettings(model="mine", diameter=30.0))
    return pipelines.segment(IMAGE, request, SILENT).cellprob


MODELS = pytest.mark.parametrize(
    ("task", "run"), [("denoise", restored), ("segmentation", cell_probability)]
)


@pytest.fixture
def outputs() -> list[tuple[np.ndarray, np.ndarray]]:
    """What a network says about one image, and about the same image turned over."""
    masks = np.kron(np.arange(1, 10).reshape(3, 3), np.pad(np.ones((12, 12), int), 2))
    both = (masks, masks[::-1])
    return [(5 * masks_to_flows(m), np.where(m > 0, 4, -4).astype(np.float32)) for m in both]


def test_other_thresholds_do_not_follow_the_flows_of_one_run_again(outputs, monkeypatch):
    pipelines = CorePipelines()
    flows, cellprob = outputs[0]
    assert pipelines.masks(flows, cellprob, MaskSettings(), SILENT).masks.max() == 9
    monkeypatch.setattr("cellmend.dynamics.masks.follow", lambda *_: pytest.fail("followed again"))
    assert not pipelines.masks(flows, cellprob, MaskSettings(min_size=200), SILENT).masks.any()


def test_each_run_gets_masks_of_its_own(outputs):
    pipelines = CorePipelines()
    for flows, cellprob in (*outputs, outputs[0]):
        found = pipelines.masks(flows, cellprob, MaskSettings(), SILENT).masks
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


@MODELS
def test_another_model_of_the_same_name_takes_the_place_of_the_one_before(task, run):
    pipelines = CorePipelines()
    install(task, seed=1)
    before = run(pipelines)
    registry.remove("mine")
    install(task, seed=2)
    after = run(pipelines)
    assert not np.array_equal(after, before)
    assert np.array_equal(after, run(CorePipelines()))


@MODELS
def test_a_model_that_was_removed_is_not_run_from_memory(task, run):
    pipelines = CorePipelines()
    install(task, seed=1)
    run(pipelines)
    registry.remove("mine")
    with pytest.raises(ModelError, match="no model named 'mine'"):
        run(pipelines)


@MODELS
def test_a_model_whose_file_is_the_same_is_loaded_once(task, run, monkeypatch):
    pipelines = CorePipelines()
    install(task, seed=1)
    before = run(pipelines)
    monkeypatch.setattr(CPNet, "load_state_dict", lambda *_, **__: pytest.fail("loaded again"))
    assert np.array_equal(run(pipelines), before)


def test_a_part_is_segmented_by_the_model_that_is_asked_for():
    install("segmentation", seed=1)
    whole = SegmentRequest(SegmentSettings(model="mine", diameter=30.0))
    found = CorePipelines().segment_region(IMAGE, RegionRequest(whole, (4, 4, 9, 9), 0), SILENT)
    assert (found.window, found.masks.shape, found.diameter) == ((0, 0, 32, 32), (32, 32), 30)


def test_very_large_images_are_done_in_blocks(monkeypatch):
    from cellmend import scale
    from cellmend.metrics import average_precision

    y, x = np.mgrid[:160, :160]
    near = np.hypot(y % 40 - 20, x % 40 - 20) < 12
    image = Image((near * 150 + 40 + np.random.default_rng(0).normal(0, 4, near.shape)), "YX")
    pipelines = CorePipelines()
    restoring = RestoreRequest((RestoreStep(model="denoise"),), 24.0)
    finding = SegmentRequest(SegmentSettings(diameter=24.0))
    made = []
    for largest in (scale.LARGEST_PLANE, 100):
        monkeypatch.setattr(scale, "LARGEST_PLANE", largest)
        restored = pipelines.restore(image, restoring, SILENT)
        made.append((restored, pipelines.segment(restored.image, finding, SILENT)))
    (whole, cells), (in_blocks, found) = made
    np.testing.assert_allclose(in_blocks.image.data, whole.image.data, atol=1e-4)
    assert in_blocks.provenance.model == whole.provenance.model == "denoise"
    assert cells.layer is not None
    assert found.layer is None
    assert (found.diameter, found.masks.max()) == (24.0, 16)
    assert average_precision(cells.masks, found.masks, [0.9])[0] == 1
