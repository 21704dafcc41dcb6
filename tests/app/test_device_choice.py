"""The device that a person chooses is used, remembered, tested, and given up where it fails."""

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages

from cellmend.errors import DeviceError, ModelError
from cellmend.image import Image
from cellmend.params import RestoreStep, SegmentSettings
from cellmend.progress import SILENT
from cellmend_app.dialogs.device import DeviceDialog
from cellmend_app.services import core_pipelines
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.device import DeviceService
from cellmend_app.services.pipelines import ClickRequest, RestoreRequest, SegmentRequest
from cellmend_app.settings import Preferences
from cellmend_app.window import MainWindow
from cellmend_app.workers import JobRunner

GONE = DeviceError("This machine has no device 'cuda:1'.")


@pytest.fixture
def pipelines():
    return FakePipelines()


@pytest.fixture
def service(qapp, messages, pipelines):
    runner = JobRunner()
    yield DeviceService(Preferences(), runner, messages, pipelines)
    runner.shutdown()


@pytest.fixture
def dialog(qtbot, service):
    dialog = DeviceDialog(service)
    qtbot.addWidget(dialog)
    return dialog


def finish(qtbot, job):
    with qtbot.waitSignal(job.finished, timeout=10_000):
        pass


def offered(dialog):
    return [dialog.choice.itemText(i) for i in range(dialog.choice.count())]


def choose(dialog, device):
    dialog.choice.setCurrentIndex(dialog.choice.findData(device))
    dialog.choice.activated.emit(dialog.choice.currentIndex())


def test_devices_are_listed_when_they_are_known(qtbot, service, dialog):
    assert offered(dialog) == ["Automatic", "CPU"]
    finish(qtbot, service.refresh())
    assert offered(dialog) == ["Automatic", "CPU", "Quick (cuda:0)"]
    assert dialog.choice.currentData() == "auto"


def test_a_choice_is_used_and_remembered(qtbot, service, dialog, pipelines, messages):
    finish(qtbot, service.refresh())
    choose(dialog, "cuda:0")
    assert pipelines.device == "cuda:0"
    assert dialog.choice.currentText() == "Quick (cuda:0)"
    later = FakePipelines()
    runner = JobRunner()
    again = DeviceService(Preferences(), runner, messages, later)
    runner.shutdown()
    assert (again.current, later.device) == ("cuda:0", "cuda:0")


def test_a_device_that_is_gone_gives_way_with_a_notice(qtbot, service, dialog, pipelines, messages):
    notes = []
    messages.noted.connect(notes.append)
    service.choose("cuda:1")
    assert service.current == "cuda:1"  # nobody knows yet
    finish(qtbot, service.refresh())
    assert (service.current, pipelines.device) == ("auto", "auto")
    assert notes == ["There is no device cuda:1 here: Automatic takes its place."]
    assert dialog.choice.currentText() == "cuda:1 (not there)"
    assert Preferences().device == "cuda:1"  # it may come back


def test_a_test_says_how_long_it_took(qtbot, service, dialog):
    finish(qtbot, service.refresh())
    with qtbot.waitSignal(service.tested, timeout=10_000):
        dialog.test.click()
        assert not dialog.test.isEnabled()
    assert dialog.outcome.text() == "Quick (cuda:0) works: a small network took 0.012 s."
    qtbot.waitUntil(dialog.test.isEnabled)


def test_a_test_that_fails_falls_back_to_the_cpu(qtbot, service, dialog, pipelines, messages):
    notes = []
    messages.noted.connect(notes.append)
    pipelines.error = GONE
    service.choose("cuda:1")
    with qtbot.waitSignal(service.tested, timeout=10_000):
        dialog.test.click()
    assert dialog.outcome.text() == f"{GONE.message} The CPU takes its place."
    assert notes == [dialog.outcome.text()]
    assert (service.chosen, pipelines.device) == ("cpu", "cpu")
    assert dialog.choice.currentData() == "cpu"
    with qtbot.waitSignal(service.tested, timeout=10_000) as told:
        service.test()
    assert told.args == [GONE.message]
    assert service.chosen == "cpu"


def test_everything_runs_on_the_chosen_device(monkeypatch):
    used = []

    def note(kept, load, model, device):
        used.append((load.__name__, device))
        raise ModelError("That is enough.")

    monkeypatch.setattr(core_pipelines, "_loaded", note)
    pipelines = CorePipelines()
    pipelines.device = "mps"
    image = Image(np.ones((40, 40), np.uint8))
    segment = SegmentSettings(diameter=12.0)
    with pytest.raises(ModelError):
        pipelines.restore(image, RestoreRequest((RestoreStep(model="denoise"),), 12.0), SILENT)
    with pytest.raises(ModelError):
        pipelines.segment(image, SegmentRequest(segment), SILENT)
    with pytest.raises(ModelError):
        pipelines.segment(image, SegmentRequest(segment, device="cpu"), SILENT)
    pipelines.cell_at(ClickRequest(image.data, (20, 20), 12.0), SILENT)
    assert used == [
        ("Restorer", "mps"),
        ("Segmenter", "mps"),
        ("Segmenter", "cpu"),
        ("Segmenter", "mps"),
    ]


def test_the_library_lists_and_tries_its_devices():
    pipelines = CorePipelines()
    assert "cpu" in pipelines.devices()
    done = pipelines.try_device("cpu")
    assert done.device == "cpu"
    assert done.seconds > 0


def test_the_window_opens_the_dialog_and_trains_there(qtbot):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.show()
    with qtbot.waitSignal(window.services.device.changed, timeout=10_000):
        window.warm_up()
    window.actions_["device"].trigger()
    (dialog,) = window.findChildren(DeviceDialog)
    for control in (dialog.choice, dialog.test):
        assert control.accessibleName()
        assert control.toolTip()
    choose(dialog, "cuda:0")
    dialog.close()
    window.actions_["retrain"].trigger()
    request = window.workbench.train.request()
    words = request.arguments()
    assert words[words.index("--device") + 1] == "cuda:0"
    window.workbench.train.close()
    window.close()
