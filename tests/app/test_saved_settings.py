"""Settings of the panel in a file, as the command line takes it."""

from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
from doubles import FakePipelines, RecordingMessages

from cellmend.cli.config import build_settings
from cellmend.params import BlockwiseSettings, FilterSettings, RestoreStep
from cellmend.provenance import Provenance
from cellmend_app.dialogs import files
from cellmend_app.document import RestoredLayer
from cellmend_app.services.models import ModelChoice
from cellmend_app.window import MainWindow

CHOICES = (
    ModelChoice("generalist", "segmentation", installed=True),
    ModelChoice("nuclei", "segmentation", installed=True),
    ModelChoice("denoise", "denoise", installed=True),
)
STEPS = (FilterSettings(filter="median", radius=2), RestoreStep(model="denoise"))

RECORDS = {
    "filter": Provenance("filter", "median", "", STEPS[0].model_dump(mode="json")),
    "denoise": Provenance("denoise", "denoise", "", {"model": "denoise", "channels": None}),
}


@pytest.fixture
def window(qtbot, tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).integers(0, 255, (4, 60, 80), dtype=np.uint8))
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.services.models._take(CHOICES)
    window.services.files._axes[4, 60, 80] = "ZYX"
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)
    yield window
    window.messages.unsaved = "discard"
    window.close()


def save(qtbot, window, path, monkeypatch):
    monkeypatch.setattr(files, "choose_new_file", lambda *_: path)
    with qtbot.waitSignal(window.services.settings.saved):
        window.actions_["save-settings"].trigger()
    return build_settings(BlockwiseSettings, Namespace(config=path))


def load(qtbot, window, path, monkeypatch):
    monkeypatch.setattr(files, "choose_file", lambda *_: path)
    with qtbot.waitSignal(window.services.settings.loaded):
        window.actions_["load-settings"].trigger()


def change_everything(panel):
    panel.choose_model("nuclei")
    panel.auto.setChecked(False)
    panel.diameter.setValue(17.5)
    panel.cellprob.setValue(-1.5)
    panel.flow.setValue(0.7)
    panel.min_size.setValue(40)
    panel.max_size.setValue(20)
    panel.niter.setValue(2000)
    panel.whole.setChecked(True)
    panel.augment.setChecked(True)
    panel.volume.way.setCurrentIndex(1)
    panel.volume.overlap.setValue(0.35)
    normalize = panel.normalize
    normalize.low.setValue(2)
    normalize.high.setValue(98)
    normalize.tile.setValue(100)
    normalize.background.setValue(50)
    normalize.sharpen.setValue(4)
    normalize.smooth.setValue(1.5)
    normalize.invert.setChecked(True)


def test_what_was_saved_is_loaded_again(qtbot, window, tmp_path, monkeypatch):
    panel, document = window.panels.segment, window.document
    usual = panel.request().settings
    change_everything(panel)
    document.set_steps(STEPS)
    chosen = panel.request().settings
    default, changed = usual.model_dump(), chosen.model_dump()
    same = {name for name in changed if changed[name] == default[name]}
    assert same == {"channels", "do_3d", "anisotropy", "flow_smoothing"}
    written = save(qtbot, window, tmp_path / "mine.yaml", monkeypatch)
    assert {name: getattr(written, name) for name in chosen.model_dump()} == dict(chosen)
    assert written.restore == STEPS
    (tmp_path / "usual.yaml").write_text(f"model: {usual.model}\n")
    load(qtbot, window, tmp_path / "usual.yaml", monkeypatch)
    assert panel.request().settings == usual
    assert document.steps == ()
    assert window.status.message.text() == "Loaded the settings."
    load(qtbot, window, tmp_path / "mine.yaml", monkeypatch)
    assert panel.request().settings == chosen
    assert document.steps == STEPS
    assert window.status.message.text() == "Loaded the settings. Press Run steps first."


def test_three_directions_are_loaded(qtbot, window, tmp_path, monkeypatch):
    (tmp_path / "deep.yaml").write_text("do_3d: true\nanisotropy: 2.5\n")
    load(qtbot, window, tmp_path / "deep.yaml", monkeypatch)
    settings = window.panels.segment.request().settings
    assert (settings.do_3d, settings.anisotropy) == (True, 2.5)


def test_the_steps_saved_are_those_that_made_the_image_to_segment(
    qtbot, window, tmp_path, monkeypatch
):
    window.document.set_steps(STEPS[:1])
    document, records = window.document, [RECORDS["filter"], RECORDS["denoise"]]
    record = replace(records[-1], previous=tuple(records[:-1]))
    document.add_restored(RestoredLayer("median + denoise", document.image, record))
    assert window.panels.segment.request().on_restored
    assert save(qtbot, window, tmp_path / "a.yaml", monkeypatch).restore == STEPS
    window.panels.segment.source.setCurrentIndex(0)
    assert save(qtbot, window, tmp_path / "b.yaml", monkeypatch).restore == ()


def test_what_the_window_has_no_field_for_is_named(qtbot, window, tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_text("model: other\ntiles: {batch_size: 2}\nblocks: 512\nflow_smoothing: 1\n")
    load(qtbot, window, path, monkeypatch)
    said = window.status.message.text()
    assert said.endswith("does not use model, tiles.batch_size, flow_smoothing, blocks.")


def test_a_bad_file_changes_nothing_and_is_named(qtbot, window, tmp_path, monkeypatch):
    path = tmp_path / "bad.yaml"
    path.write_text("diameter: 12\nmasks: {flow_treshold: 1}\n")
    before = window.panels.segment.request()
    job = window.services.settings.load(path)
    with qtbot.waitSignal(job.finished):
        pass
    title, text = window.messages.shown
    assert title == "Cannot load the settings"
    assert text.startswith("bad.yaml: masks.flow_treshold 1")
    assert window.panels.segment.request() == before
