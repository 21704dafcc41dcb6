"""What the services do with results, late results, failures and edits."""

import threading

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages

from cellmend.errors import DeviceError, InputError
from cellmend.image import Image
from cellmend.labels import operations
from cellmend.params import MaskSettings, RestoreStep, SegmentSettings
from cellmend_app.commands import EditLabels
from cellmend_app.document import LabelContent
from cellmend_app.services.pipelines import RestoreRequest, SegmentRequest
from cellmend_app.services.restore import RestoreService
from cellmend_app.services.segment import SegmentService
from cellmend_app.workers import JobRunner

DENOISE = RestoreRequest((RestoreStep(model="denoise"),))
REQUEST = SegmentRequest(SegmentSettings(diameter=12.0))


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


@pytest.fixture
def messages(qapp):
    return RecordingMessages()


@pytest.fixture
def pipelines():
    return FakePipelines()


@pytest.fixture
def segment(document, runner, messages, pipelines):
    return SegmentService(document, runner, messages, pipelines)


@pytest.fixture
def restore(document, runner, messages, pipelines):
    return RestoreService(document, runner, messages, pipelines)


def finish(qtbot, job):
    with qtbot.waitSignal(job.finished, timeout=3000):
        pass


def delete_a_cell(document):
    labels = document.labels
    patch = operations.delete(labels.array, [1], labels.index)
    document.undo.push(EditLabels(document, patch, "Delete"))


def test_restore_adds_a_layer_and_undo_takes_it_away(qtbot, document, restore, pipelines):
    raw = document.image
    finish(qtbot, restore.run(RestoreRequest((RestoreStep(model="deblur-nuclei"),), 17)))
    assert pipelines.requests[0].title == "deblur-nuclei"
    assert document.restored.name == "deblur-nuclei"
    assert document.image is raw
    document.undo.undo()
    assert document.restored is None


def test_a_restored_image_of_another_image_is_dropped(qtbot, document, restore, pipelines):
    pipelines.gate.clear()  # it would never end by itself
    job = restore.run(DENOISE)
    with qtbot.waitSignal(job.cancelled, timeout=2000):
        document.set_image(Image(np.ones((8, 8), np.uint8)))
    assert document.restored is None


def test_input_errors_are_told_in_the_panel(qtbot, restore, messages, pipelines):
    pipelines.error = InputError("The image is constant.", hint="Open another.")
    told = []
    messages.refused.connect(lambda *args: told.append(args))
    finish(qtbot, restore.run(DENOISE))
    assert told[-1] == ("restore", "The image is constant. Open another.")


def test_segment_replaces_labels_in_one_undoable_step(qtbot, document, segment):
    before = np.array(document.labels.full)
    finish(qtbot, segment.run(REQUEST))
    assert document.labels.count == 2
    assert document.results is not None
    assert document.diameter == 12.0
    document.undo.undo()
    assert np.array_equal(document.labels.full, before)


def test_masks_of_an_image_no_longer_shown_are_dropped(qtbot, document, segment, pipelines):
    pipelines.gate.clear()  # it would never end by itself
    job = segment.run(REQUEST)
    with qtbot.waitSignal(job.cancelled, timeout=2000):
        document.set_image(Image(np.ones((8, 8), np.uint8)))
    assert document.labels.count == 0
    assert not document.undo.canUndo()


@pytest.mark.parametrize("yes", [False, True])
def test_edits_made_meanwhile_are_only_replaced_if_the_person_agrees(
    qtbot, document, segment, messages, pipelines, yes
):
    messages.yes = yes
    pipelines.gate.clear()
    job = segment.run(REQUEST)
    delete_a_cell(document)
    edited = np.array(document.labels.full)
    pipelines.gate.set()
    finish(qtbot, job)
    assert len(messages.questions) == 1
    assert np.array_equal(document.labels.full, edited) is not yes


def test_cancel_leaves_the_labels(qtbot, document, segment, messages, pipelines):
    before = np.array(document.labels.full)
    pipelines.gate.clear()
    job = segment.run(REQUEST)
    with qtbot.waitSignal(job.cancelled, timeout=1000):
        job.cancel()
    assert np.array_equal(document.labels.full, before)
    assert messages.errors == []


def test_masks_of_an_upsampled_image_come_back_in_raw_pixels(
    qtbot, document, restore, segment, pipelines
):
    pipelines.scale = 2
    finish(qtbot, restore.run(RestoreRequest((RestoreStep(model="upsample"),))))
    assert document.restored.image.data.shape == (128, 160)
    finish(qtbot, segment.run(SegmentRequest(REQUEST.settings, on_restored=True)))
    assert pipelines.requests[-1].diameter == 24.0
    assert document.labels.array.shape == (64, 80)
    assert document.diameter == 12.0
    assert document.labels.box(1) == (0, 0, 32, 40)


def test_new_thresholds_use_the_last_run_without_the_network(qtbot, document, segment, pipelines):
    finish(qtbot, segment.run(REQUEST))
    finish(qtbot, segment.recompute(MaskSettings(cellprob_threshold=-5)))
    assert document.labels.count == 1
    assert (document.labels.array == 1).all()
    assert isinstance(pipelines.requests[-1], MaskSettings)


def test_new_thresholds_do_not_touch_edited_masks(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    delete_a_cell(document)
    assert segment.recompute(MaskSettings()) is None
    assert document.labels.count == 1


def test_new_thresholds_work_again_once_edits_and_thresholds_are_undone(qtbot, document, segment):
    finish(qtbot, segment.run(REQUEST))
    finish(qtbot, segment.recompute(MaskSettings(cellprob_threshold=-5)))
    delete_a_cell(document)
    assert not segment.can_recompute
    document.undo.undo()
    assert segment.can_recompute
    document.undo.undo()
    finish(qtbot, segment.recompute(MaskSettings(cellprob_threshold=0)))
    assert document.labels.count == 1
    document.set_labels(np.ones((64, 80), np.uint32))
    assert not segment.can_recompute


def test_a_limit_of_the_machine_offers_a_way_out(qtbot, document, segment, messages, pipelines):
    pipelines.error = DeviceError("The graphics card is out of memory.")
    finish(qtbot, segment.run(REQUEST))
    pipelines.error = None
    assert set(messages.offered) == {"Use smaller tiles", "Use the CPU"}
    messages.offered["Use smaller tiles"]()
    qtbot.waitUntil(lambda: document.labels.count == 2)
    assert pipelines.requests[-1].tiles.size < REQUEST.settings.tiles.size


def test_an_unforeseen_failure_is_reported(qtbot, segment, messages, pipelines):
    pipelines.error = RuntimeError("index out of range")
    finish(qtbot, segment.run(REQUEST))
    assert messages.reported is pipelines.error


def test_masks_are_made_ready_off_the_gui_thread(qtbot, segment, document, monkeypatch):
    threads = []
    of = LabelContent.of

    def noted(masks, **options):
        threads.append(threading.current_thread())
        return of(masks, **options)

    monkeypatch.setattr(LabelContent, "of", noted)
    finish(qtbot, segment.run(REQUEST))
    finish(qtbot, segment.recompute(MaskSettings(cellprob_threshold=-1)))
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    assert document.undo.count() == 2
