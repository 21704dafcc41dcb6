"""Filters and lists of steps in the window: what they make, what they tell, what is previewed."""

import shlex

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages
from PyQt6.QtWidgets import QApplication, QWidget

import cellmend
from cellmend.cli import main
from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.params import FILTER_USES, FilterSettings, RestoreStep
from cellmend.restore import filter_image, to_scale
from cellmend_app.panels.steps import words
from cellmend_app.services.core_pipelines import CorePipelines
from cellmend_app.services.models import ModelChoice
from cellmend_app.services.pipelines import FilteredPart
from cellmend_app.services.preview import MOST, PreviewService, middle
from cellmend_app.window import MainWindow
from cellmend_app.workers import JobRunner

CHOICES = (
    ModelChoice("generalist", "segmentation", installed=True),
    ModelChoice("denoise", "denoise", installed=True),
    ModelChoice("deblur", "deblur", installed=False),
)
DENOISE = RestoreStep(model="denoise")
MEDIAN = FilterSettings(filter="median")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a1.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8)
    tifffile.imwrite(path, pixels)
    return path


def opened_with(qtbot, path, pipelines):
    window = MainWindow(pipelines=pipelines, messages=RecordingMessages())
    window.services.models._take(CHOICES)
    window.resize(1024, 700)
    window.show()
    qtbot.waitExposed(window)
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)
    return window


@pytest.fixture
def real(qtbot, path):
    """A window that computes."""
    window = opened_with(qtbot, path, CorePipelines())
    yield window
    window.messages.unsaved = "discard"
    window.close()


@pytest.fixture
def window(qtbot, path):
    """A window that computes nothing."""
    window = opened_with(qtbot, path, FakePipelines())
    yield window
    window.pipelines.gate.set()
    window.messages.unsaved = "discard"
    window.close()


def choose(window, filter_name, **numbers):
    panel = window.panels.restore.filters
    panel.filter.setCurrentText(filter_name)
    for setting, value in numbers.items():
        getattr(panel, setting).setValue(value)
    return panel


def trigger(qtbot, window, action):
    window.actions_.refresh()
    with qtbot.waitSignal(window.services.restore.restored, timeout=60_000):
        window.actions_[action].trigger()


def copied(window, name="copy-command"):
    window.actions_.refresh()
    window.actions_[name].trigger()
    return QApplication.clipboard().text()


@pytest.mark.parametrize("name", FILTER_USES)
def test_g13_a_filter_does_the_same_in_window_library_and_command_line(
    qtbot, real, path, name, monkeypatch
):
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # the command line shows a bar
    numbers = {"radius": 3.0} if FILTER_USES[name].radius else {"strength": 0.5}
    choose(real, name, **numbers)
    trigger(qtbot, real, "apply-filter")
    layer = real.document.restored
    expected = filter_image(cellmend.read(path), name, **numbers)
    np.testing.assert_array_equal(layer.image.data, expected.image.data)
    assert layer.provenance.settings == expected.provenance.settings
    assert layer.name == name
    (line,) = copied(real).splitlines()
    assert main(shlex.split(line)[1:]) == 0
    written = cellmend.read(path.with_name("a1_restored.tif"))
    np.testing.assert_array_equal(written.data, layer.image.data)


def test_a_filtered_image_is_shown_segmented_and_undone(qtbot, window):
    choose(window, "gaussian", radius=2)
    trigger(qtbot, window, "apply-filter")
    assert window.view.view == "restored"
    assert "Restored with gaussian" in window.panels.restore.state.text()
    assert window.panels.segment.request().on_restored
    window.panels.segment.auto.setChecked(False)
    window.panels.segment.diameter.setValue(22)
    with qtbot.waitSignal(window.services.segment.segmented):
        window.services.segment.run(window.panels.segment.request())
    assert "--restore filter:gaussian:radius=2.0 --diameter 22.0" in copied(window)
    script = copied(window, "copy-python")
    assert "restored = filter_image(image, 'gaussian', radius=2.0)" in script
    window.document.undo.undo()
    window.document.undo.undo()
    assert window.document.restored is None


def test_only_the_numbers_that_a_filter_has_are_shown(window):
    panel = window.panels.restore.filters
    window.panels.restore.folds["Filters"].click()
    for name, use in FILTER_USES.items():
        choose(window, name)
        shown = {s for s in ("radius", "strength", "iterations") if getattr(panel, s).isVisible()}
        assert shown == {s for s in ("radius", "strength", "iterations") if getattr(use, s)}
        assert panel.settings() == FilterSettings(filter=name)
    choose(window, "richardson-lucy", radius=4, iterations=20)
    assert panel.settings() == FilterSettings(filter="richardson-lucy", radius=4, iterations=20)


def test_filters_and_steps_are_folded_at_first_and_fit_when_unfolded(qtbot, window):
    panel = window.panels.restore
    assert not panel.filters.isVisible()
    assert not panel.steps.isVisible()
    for fold in panel.folds.values():
        fold.click()
    assert panel.filters.isVisible()
    assert panel.steps.isVisible()
    choose(window, "richardson-lucy")
    window.document.set_steps([DENOISE, MEDIAN])
    qtbot.wait(30)
    assert window.width() == 1024
    for field in window.panels.restore.findChildren(QWidget):
        right = field.mapTo(window, field.rect().topRight()).x()
        assert not field.isVisible() or right < window.width(), field.accessibleName()


def test_g07_steps_are_run_in_their_order_as_one_step_of_history(qtbot, real, path):
    real.document.set_steps([FilterSettings(filter="gaussian", radius=2), DENOISE, MEDIAN])
    real.panels.segment.auto.setChecked(False)
    before = real.document.undo.count()
    trigger(qtbot, real, "run-steps")
    image = cellmend.read(path)
    first = filter_image(image, "gaussian", radius=2)
    second = cellmend.Restorer("denoise").run(first.image, diameter=real.document.diameter)
    third = filter_image(second.image, "median")
    layer = real.document.restored
    np.testing.assert_array_equal(layer.image.data, third.image.data)
    assert layer.name == "gaussian + denoise + median"
    assert [step.model for step in layer.provenance.history] == ["gaussian", "denoise", "median"]
    assert real.document.undo.count() == before + 1
    assert [line.split()[1] for line in copied(real).splitlines()] == ["restore"] * 3
    real.document.undo.undo()
    assert real.document.restored is None
    trigger(qtbot, real, "denoise")  # begins with the raw image
    assert [step.model for step in real.document.restored.provenance.history] == ["denoise"]


def test_steps_are_added_moved_and_removed(window):
    panel, filters = window.panels.restore.steps, choose(window, "sharpen", strength=2)
    assert not window.actions_["run-steps"].isEnabled()
    panel.fill_menu()
    offered = {action.text(): action for action in panel.menu.actions() if action.text()}
    assert list(offered) == ["denoise", "sharpen, strength 2"]
    offered["denoise"].trigger()
    offered["sharpen, strength 2"].trigger()
    window.document.set_steps((*window.document.steps, MEDIAN))
    panel.list.setCurrentRow(2)
    sharpen = filters.settings()
    assert window.document.steps == (DENOISE, sharpen, MEDIAN)
    assert (panel.up.isEnabled(), panel.down.isEnabled()) == (True, False)
    panel.up.click()
    assert window.document.steps == (DENOISE, MEDIAN, sharpen)
    panel.up.click()
    assert window.document.steps == (MEDIAN, DENOISE, sharpen)
    assert not panel.up.isEnabled()
    panel.down.click()
    panel.remove.click()
    assert window.document.steps == (DENOISE, sharpen)
    window.actions_.refresh()
    assert window.actions_["run-steps"].isEnabled()


def test_steps_of_a_model_that_is_gone_cannot_be_run(window):
    window.document.set_steps([RestoreStep(model="deblur")])
    window.actions_.refresh()
    assert not window.actions_["run-steps"].isEnabled()
    assert "“deblur” is not installed" in window.actions_["run-steps"].toolTip()


def test_a_list_says_what_a_step_does():
    step = FilterSettings(filter="richardson-lucy", radius=2.5, iterations=20)
    assert words(step) == "richardson-lucy, radius 2.5 px, 20 rounds"
    assert words(RestoreStep(model="denoise", channels=(1, 2))) == "denoise:1,2"


def test_steps_are_kept_in_a_project_and_stay_when_another_image_is_opened(qtbot, window, path):
    listed = (FilterSettings(filter="clahe", strength=3), DENOISE)
    window.document.set_steps(listed)
    files, project = window.services.files, path.with_name("work.cellmend")
    with qtbot.waitSignal(files.saved, timeout=5000):
        files.save_project(project)
    with qtbot.waitSignal(files.opened, timeout=5000):
        window.open(path)
    assert window.document.steps == listed
    window.document.set_steps([MEDIAN])
    with qtbot.waitSignal(files.opened, timeout=5000):
        window.open(project)
    assert window.document.steps == listed
    assert window.panels.restore.steps.list.item(0).text() == "clahe, strength 3"


def test_one_click_runs_one_model(qtbot, window):
    window.document.set_steps([MEDIAN, DENOISE])
    trigger(qtbot, window, "denoise")
    assert window.pipelines.requests[-1].steps == (DENOISE,)


# -- the preview


def preview(qtbot, window):
    """Preview the chosen filter; return the part on show."""
    with qtbot.waitSignal(window.services.preview.changed, timeout=10_000):
        window.panels.restore.filters.preview.setChecked(True)
    return window.view.preview.part


def test_the_preview_shows_what_the_filter_will_do(qtbot, real, path):
    choose(real, "background", radius=10)
    part = preview(qtbot, real)
    image = cellmend.read(path)
    whole = to_scale(filter_image(image, "background", radius=10).image, image, "raw")
    assert part.box == (0, 0, 60, 80)
    np.testing.assert_allclose(part.pixels[0], whole.data, atol=0.01)
    before = real.document.undo.count()
    assert real.document.restored is None
    choose(real, "gaussian", radius=5)
    with qtbot.waitSignal(real.services.preview.changed, timeout=10_000):
        pass
    assert real.view.preview.part.pixels.std() < part.pixels.std()
    assert real.document.undo.count() == before
    real.panels.restore.filters.preview.setChecked(False)
    assert real.view.preview.part is None


def test_the_preview_is_seen_in_its_place(qtbot, window):
    window.pipelines.preview = lambda image, request, report: _dark(request)
    window.view.finish()
    bright = middle_of(window)
    preview(qtbot, window)
    assert middle_of(window) < bright / 2
    window.panels.restore.filters.end_preview()
    assert middle_of(window) > 0.8 * bright


def _dark(request):
    y0, x0, y1, x1 = request.box
    return FilteredPart(np.zeros((1, y1 - y0, x1 - x0), np.float32), request.box)


def middle_of(window):
    picture = window.view.grab_image()
    width, height = picture.width(), picture.height()
    rows = range(height // 2 - 20, height // 2 + 20)
    return np.mean([picture.pixelColor(width // 2, y).lightness() for y in rows])


def test_a_preview_ends_with_its_section_and_when_the_filter_is_applied(qtbot, window):
    filters = window.panels.restore.filters
    fold = window.panels.restore.folds["Filters"]
    fold.click()
    assert preview(qtbot, window) is not None
    fold.click()
    assert not filters.preview.isChecked()
    assert window.view.preview.part is None
    preview(qtbot, window)
    trigger(qtbot, window, "apply-filter")
    assert window.view.preview.part is None


def test_a_preview_follows_the_place_and_goes_with_the_image(qtbot, window):
    preview(qtbot, window)
    with qtbot.waitSignal(window.services.preview.changed):
        window.view.canvas.zoom(8)
    y0, x0, y1, x1 = window.view.preview.part.box
    assert (y1 - y0, x1 - x0) < (60, 80)
    window.document.set_image(Image(np.zeros((40, 40), np.uint8)))
    assert window.view.preview.part is None


@pytest.fixture
def service(document, messages):
    runner = JobRunner()
    pipelines = FakePipelines()
    service = PreviewService(document, runner, messages, pipelines)
    service.pipelines, service.told = pipelines, []
    service.changed.connect(service.told.append)
    yield service
    pipelines.gate.set()
    runner.shutdown()


def test_only_the_last_of_several_changes_is_computed(qtbot, service):
    service.look_at((0, 0, 64, 80))
    for radius in (1, 2, 3):
        service.watch(FilterSettings(filter="gaussian", radius=radius))
    qtbot.waitUntil(lambda: bool(service.told))
    assert [request.settings.radius for request in service.pipelines.requests] == [3]


def test_a_part_that_is_out_of_date_is_dropped(qtbot, service):
    service.pipelines.gate.clear()
    service.look_at((0, 0, 10, 10))
    service.watch(MEDIAN)
    qtbot.waitUntil(lambda: bool(service.pipelines.requests))
    service.look_at((5, 5, 20, 20))
    qtbot.waitUntil(lambda: service._job is None or len(service.pipelines.requests) == 2)
    service.pipelines.gate.set()
    qtbot.waitUntil(lambda: bool(service.told))
    qtbot.wait(50)
    assert [part.box for part in service.told] == [(5, 5, 20, 20)]


def test_what_a_filter_refuses_is_told_in_its_section(qtbot, window):
    window.pipelines.error = InputError("The image is constant.")
    with qtbot.waitSignal(window.services.preview.changed):
        window.panels.restore.filters.preview.setChecked(True)
    problem = window.panels.restore.filters.problem
    assert problem.text() == "The image is constant."
    window.panels.restore.filters.end_preview()
    assert problem.text() == ""


def test_no_more_than_the_middle_of_a_large_view_is_filtered():
    assert middle((10, 20, 50, 90)) == (10, 20, 50, 90)
    y0, x0, y1, x1 = middle((0, 0, 4000, 3000))
    assert (y1 - y0, x1 - x0) == (MOST, MOST)
    assert (y0 + y1, x0 + x1) == (4000, 3000)
