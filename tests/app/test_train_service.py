"""Training in a child process: its lines become signals, and it can be stopped."""

import argparse
import gc
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cellmend.cli import train as cli
from cellmend.registry.store import CHECKPOINT, run_folder
from cellmend_app.services import child as processes
from cellmend_app.services.train import Epoch, TrainService
from cellmend_app.services.train_request import FindCells, Restore, TrainRequest
from cellmend_app.services.unfinished import Unfinished, UnfinishedFile
from cellmend_app.workers import JobRunner

REQUEST = TrainRequest((Path("a.tif"),), "mine", "generalist", 2, 0.001)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Return a function that replaces the command line by a script."""

    def replaced(source):
        script = tmp_path / "child.py"
        script.write_text(textwrap.dedent(source))
        monkeypatch.setattr(processes, "command", lambda: [sys.executable, str(script)])

    return replaced


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file that keeps a training, with the checkpoint of "mine" in place."""
    monkeypatch.setenv("CELLMEND_HOME", str(tmp_path / "home"))
    run_folder("mine").mkdir(parents=True)
    (run_folder("mine") / CHECKPOINT).touch()
    return tmp_path / "home" / "training" / "unfinished.json"


@pytest.fixture
def service(runner, kept):
    service = TrainService(runner, UnfinishedFile())
    yield service
    service.shutdown()


def test_the_command_line_says_what_was_asked():
    words = REQUEST.arguments()
    assert words[:3] == ["train", "segmentation", "a.tif"]
    assert words[words.index("--name") + 1] == "mine"
    assert words[words.index("--from") + 1] == "generalist"
    assert words[words.index("--epochs") + 1] == "2"
    assert words[-1] == "--json"
    assert "--partial" not in words
    assert "--resume" not in words
    assert "--crop" not in words
    assert "--degrade" not in words
    aim = FindCells(partial=True, empty=True, degrade="deblur")
    words = replace(REQUEST, aim=aim, resume=True, crop=64, tone=0.5).arguments()
    assert {"--partial", "--empty"} <= set(words)
    assert words[words.index("--degrade") + 1] == "deblur"
    assert words[words.index("--tone") + 1] == "0.5"
    assert "--resume" in words
    assert words[words.index("--crop") + 1] == "64"


@pytest.mark.parametrize(
    ("aim", "said"),
    [
        (Restore("masks", "deblur", "nuclei"), "--task deblur --segmenter nuclei"),
        (Restore("pairs", "upsample"), "--diameter 30 --method paired --task upsample"),
        (
            Restore("noisy", method="noise2self", diameter=17.5),
            "--diameter 17.5 --method noise2self",
        ),
    ],
)
def test_the_command_line_of_restoring_is_one_that_the_library_takes(aim, said):
    words = replace(REQUEST, aim=aim, start_from="").arguments()
    assert said in " ".join(words)
    assert "--from" not in words
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    parsed = parser.parse_args(words[1:])
    cli.check_combination(parsed)
    assert parsed.kind == "restoration"


def test_the_built_window_trains_with_the_command_line_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "cellmend-window.exe"))
    assert processes.command() == [str(tmp_path / "cellmend.exe")]


def test_lines_become_signals(qtbot, service, child):
    child("""
        import json
        print(json.dumps({"event": "start", "epochs": 2, "images": 3}))
        for i in (1, 2):
            print("a library says something")
            print(json.dumps({"event": "epoch", "epoch": i, "epochs": 2, "loss": 1 / i,
                              "validation_loss": None, "seconds": i}))
        print(json.dumps({"event": "done", "model": "/x", "name": "mine"}))
    """)
    started, epochs = [], []
    service.started.connect(lambda *args: started.append(args))
    service.advanced.connect(epochs.append)
    with qtbot.waitSignal(service.succeeded, timeout=5000) as blocker:
        service.start(REQUEST)
        assert service.running
    assert blocker.args == ["mine"]
    assert started == [(3, 2)]
    assert epochs == [Epoch(1, 2, 1.0, None, 1.0), Epoch(2, 2, 0.5, None, 2.0)]
    assert not service.running


def test_an_error_line_is_told(qtbot, service, child):
    child("""
        import json, sys
        print(json.dumps({"event": "error", "message": "a.tif: no masks"}))
        sys.exit(1)
    """)
    with qtbot.waitSignal(service.failed, timeout=5000) as blocker:
        service.start(REQUEST)
    assert blocker.args == ["a.tif: no masks"]


def test_a_crash_is_told_by_its_last_line(qtbot, service, child):
    child("raise SystemExit('killed by the system')")
    with qtbot.waitSignal(service.failed, timeout=5000) as blocker:
        service.start(REQUEST)
    assert blocker.args == ["killed by the system"]


def test_a_program_that_cannot_start_is_told(qtbot, service, monkeypatch):
    monkeypatch.setattr(processes, "command", lambda: ["/nowhere/python"])
    with qtbot.waitSignal(service.failed, timeout=5000):
        service.start(REQUEST)
    assert not service.running


def test_cancel_ends_the_child(qtbot, service, child):
    child(
        'import time\nprint(\'{"event": "start", "epochs": 9, "images": 1}\', flush=True)\n'
        "time.sleep(60)"
    )
    with qtbot.waitSignal(service.started, timeout=5000):
        service.start(REQUEST)
    with qtbot.waitSignal(service.cancelled, timeout=3000):
        service.cancel()
    assert not service.running


def test_a_child_that_does_not_listen_is_killed(qtbot, service, child, monkeypatch):
    monkeypatch.setattr(processes, "KILL_AFTER_MS", 200)
    child("""
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print('{"event": "start", "epochs": 9, "images": 1}', flush=True)
        time.sleep(60)
    """)
    with qtbot.waitSignal(service.started, timeout=5000):
        service.start(REQUEST)
    clock = time.monotonic()
    with qtbot.waitSignal(service.cancelled, timeout=3000):
        service.cancel()
    assert time.monotonic() - clock < 2


TALKATIVE = """
    import json, sys, time
    print(json.dumps({"event": "start", "epochs": 9, "images": 1}), flush=True)
    first = 3 if "--resume" in sys.argv else 1
    last = int(sys.argv[sys.argv.index("--epochs") + 1])
    for i in range(first, last + 1):
        print(json.dumps({"event": "epoch", "epoch": i, "epochs": last, "loss": 1,
                          "validation_loss": None, "seconds": i}), flush=True)
        if i == 2:
            time.sleep(60)
    print(json.dumps({"event": "done", "model": "/x", "name": "mine"}))
"""


def stop_after_two_epochs(qtbot, service):
    with qtbot.waitSignal(
        service.advanced, timeout=5000, check_params_cb=lambda epoch: epoch.number == 2
    ):
        service.start(replace(REQUEST, epochs=4))
    assert service.unfinished is None  # while it is at work
    with qtbot.waitSignal(service.cancelled, timeout=3000):
        service.cancel()
    assert service.unfinished == Unfinished(replace(REQUEST, epochs=4), 2)


def test_a_stopped_training_goes_on_after_its_last_epoch(qtbot, service, child):
    child(TALKATIVE)
    stop_after_two_epochs(qtbot, service)
    numbers = []
    service.advanced.connect(lambda epoch: numbers.append(epoch.number))
    with qtbot.waitSignal(service.succeeded, timeout=5000):
        service.go_on()
    assert numbers == [3, 4]
    assert service.unfinished is None


def test_a_stopped_training_becomes_a_model_without_another_epoch(qtbot, service, child):
    child(TALKATIVE)
    stop_after_two_epochs(qtbot, service)
    numbers = []
    service.advanced.connect(lambda epoch: numbers.append(epoch.number))
    with qtbot.waitSignal(service.succeeded, timeout=5000):
        service.keep()
    assert not numbers


def test_what_stopped_before_its_first_epoch_is_not_unfinished(qtbot, service, child):
    child("raise SystemExit('no images')")
    with qtbot.waitSignal(service.failed, timeout=5000):
        service.start(REQUEST)
    assert service.unfinished is None


def recalled(qtbot, runner, file):
    """Return what a new window finds, and its service."""
    service = TrainService(runner, file)
    service.recall()
    qtbot.waitUntil(lambda: not runner.busy)
    return service.unfinished, service


@pytest.mark.parametrize(
    "aim",
    [FindCells(partial=True), Restore("pairs", "deblur"), Restore("noisy", method="noise2self")],
)
def test_another_window_later_finds_what_was_stopped(qtbot, runner, kept, child, aim):
    child(TALKATIVE)
    file = UnfinishedFile()
    first = TrainService(runner, file)
    with qtbot.waitSignal(
        first.advanced, timeout=5000, check_params_cb=lambda epoch: epoch.number == 2
    ):
        first.start(replace(REQUEST, epochs=4, aim=aim, tone=0.5))
    assert recalled(qtbot, runner, UnfinishedFile())[0] is None  # it is at work elsewhere
    first.shutdown()
    del first, file

    gc.collect()
    found, second = recalled(qtbot, runner, UnfinishedFile())
    assert found == Unfinished(replace(REQUEST, epochs=4, aim=aim, tone=0.5), 2)
    with qtbot.waitSignal(second.succeeded, timeout=5000):
        second.go_on()
    qtbot.waitUntil(lambda: not runner.busy)
    assert not kept.exists()


@pytest.mark.parametrize("damage", ["no checkpoint", "no json", "another version"])
def test_what_cannot_go_on_is_not_offered(qtbot, runner, kept, damage):
    UnfinishedFile().keep(Unfinished(REQUEST, 3))
    assert recalled(qtbot, runner, UnfinishedFile())[0] == Unfinished(REQUEST, 3)
    if damage == "no checkpoint":
        (run_folder("mine") / CHECKPOINT).unlink()
    elif damage == "no json":
        kept.write_text("{")
    else:
        kept.write_text('{"request": {"name": "mine"}, "epochs": "many"}')
    assert recalled(qtbot, runner, UnfinishedFile())[0] is None


def test_a_new_training_takes_the_place_of_what_was_stopped(qtbot, service, child, kept, runner):
    child(TALKATIVE)
    stop_after_two_epochs(qtbot, service)
    qtbot.waitUntil(kept.is_file)
    child("raise SystemExit('no images')")
    with qtbot.waitSignal(service.failed, timeout=5000):
        service.start(replace(REQUEST, name="other"))
    qtbot.waitUntil(lambda: not kept.exists())
    assert service.unfinished is None
