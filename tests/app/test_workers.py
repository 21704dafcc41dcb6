"""The two lanes of work: results, progress, cancelling, shutting down."""

import threading
import time

import pytest

from cellmend.errors import InputError
from cellmend_app.workers import JobRunner


@pytest.fixture
def runner(qtbot):
    runner = JobRunner()
    yield runner
    runner.shutdown()


def test_result_arrives_in_the_gui_thread(qtbot, runner):
    seen = []
    job = runner.submit("compute", lambda report: threading.get_ident())
    job.succeeded.connect(lambda ident: seen.append((ident, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(seen))
    worker, receiver = seen[0]
    assert worker != threading.get_ident()
    assert receiver == threading.get_ident()


def test_a_job_that_ends_at_once_loses_no_signal(qtbot, runner):
    for _ in range(50):
        got = []
        job = runner.submit("io", lambda report: 7)
        time.sleep(0.002)  # the worker is long done before anyone connects
        job.succeeded.connect(got.append)
        qtbot.waitUntil(lambda got=got: got == [7])


def test_one_lane_runs_one_job_at_a_time_and_in_order(qtbot, runner):
    running, order, overlaps = [], [], []

    def work(index):
        def run(report):
            overlaps.append(len(running))
            running.append(index)
            time.sleep(0.01)
            running.remove(index)
            order.append(index)

        return run

    jobs = [runner.submit("compute", work(i)) for i in range(5)]
    with qtbot.waitSignal(jobs[-1].finished):
        pass
    assert order == list(range(5))
    assert set(overlaps) == {0}


def test_lanes_do_not_wait_for_each_other(qtbot, runner):
    gate = threading.Event()
    slow = runner.submit("compute", lambda report: gate.wait(5))
    quick = runner.submit("io", lambda report: "read")
    with qtbot.waitSignal(quick.succeeded, timeout=1000):
        pass
    gate.set()
    with qtbot.waitSignal(slow.succeeded, timeout=1000):
        pass


def test_progress_is_told_and_thinned(qtbot, runner):
    told = []

    def work(report):
        for i in range(5000):
            report.step(i + 1, 5000, "counting")

    job = runner.submit("compute", work)
    job.progressed.connect(lambda *args: told.append(args))
    with qtbot.waitSignal(job.finished):
        pass
    assert told[-1] == (5000, 5000, "counting")
    assert len(told) < 500


def test_cancel_stops_within_200_ms(qtbot, runner):
    started = threading.Event()

    def work(report):
        started.set()
        while True:
            report.check()
            time.sleep(0.005)

    job = runner.submit("compute", work)
    outcomes = []
    job.succeeded.connect(lambda _: outcomes.append("succeeded"))
    job.failed.connect(lambda _: outcomes.append("failed"))
    assert started.wait(2)
    clock = time.monotonic()
    with qtbot.waitSignal(job.cancelled, timeout=1000):
        job.cancel()
    assert time.monotonic() - clock < 0.2
    assert outcomes == []


def test_a_result_that_comes_after_cancel_is_not_delivered(qtbot, runner):
    gate = threading.Event()
    job = runner.submit("compute", lambda report: gate.wait(5))
    delivered = []
    job.succeeded.connect(delivered.append)
    job.cancel()
    gate.set()
    with qtbot.waitSignal(job.finished):
        pass
    assert delivered == []


@pytest.mark.parametrize("error", [InputError("no"), RuntimeError("out of memory"), ValueError()])
def test_exceptions_arrive_as_they_are(qtbot, runner, error):
    def work(report):
        raise error

    job = runner.submit("compute", work)
    with qtbot.waitSignal(job.failed) as blocker:
        pass
    assert blocker.args[0] is error


def test_titled_jobs_are_announced_quiet_ones_are_not(qtbot, runner):
    announced, ended = [], []
    runner.started.connect(lambda job: announced.append(job.title))
    runner.ended.connect(lambda job: ended.append(job.title))
    runner.submit("io", lambda report: None, title="Reading")
    quiet = runner.submit("io", lambda report: None)
    with qtbot.waitSignal(quiet.finished):
        pass
    assert announced == ended == ["Reading"]


def test_shutdown_cancels_computing_but_finishes_file_work(qtbot, tmp_path):
    runner = JobRunner()
    ticking = threading.Event()

    def endless(report):
        ticking.set()
        while True:
            report.check()
            time.sleep(0.005)

    targets = [tmp_path / f"saved{i}" for i in range(3)]

    def save(target):
        time.sleep(0.05)
        target.write_text("done")

    runner.submit("compute", endless)
    for target in targets:
        runner.submit("io", lambda report, target=target: save(target))
    assert ticking.wait(2)
    before = time.monotonic()
    runner.shutdown()
    assert time.monotonic() - before < 1
    assert [target.read_text() for target in targets] == ["done"] * 3
    assert not runner.busy
    assert not [t for t in runner._lanes.values() if t.thread_.isRunning()]
    with pytest.raises(RuntimeError):
        runner.submit("io", lambda report: None)
