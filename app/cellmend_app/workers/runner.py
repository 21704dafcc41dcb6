"""Run functions in two lanes of work and bring their results to the GUI thread.

Each lane is one `QThread` with one worker, so two computations never run at
once. A worker only emits signals; they are queued to the runner, which lives
in the GUI thread and speaks through the job's handle. Whoever submits a job
can therefore connect to its handle without a race, because nothing is
delivered before control returns to the event loop.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Literal

from PyQt6.QtCore import QObject, QThread, pyqtSignal, pyqtSlot

from cellmend.errors import Cancelled
from cellmend.progress import CancelToken, Reporter

Lane = Literal["compute", "io"]
Work = Callable[[Reporter], object]

REPORT_INTERVAL_S = 0.04
"""Progress is told at most this often: more would only keep the GUI busy."""


class JobHandle(QObject):
    """One submitted job; lives in the GUI thread.

    Signals
    -------
    progressed(int, int, str)
        Units done, units in all, and what is being done.
    succeeded(object), failed(object), cancelled()
        Exactly one of them, once: the result, the exception, or nothing.
    finished()
        After any of these three.
    """

    progressed = pyqtSignal(int, int, str)
    succeeded = pyqtSignal(object)
    failed = pyqtSignal(object)
    cancelled = pyqtSignal()
    finished = pyqtSignal()

    def __init__(self, number: int, lane: Lane, title: str, parent: QObject) -> None:
        super().__init__(parent)
        self.number = number
        self.lane = lane
        self.title = title
        self.token = CancelToken()

    @pyqtSlot()
    def cancel(self) -> None:
        """Ask the job to stop; `cancelled` follows when it has."""
        self.token.cancel()


class _ThreadReporter:
    """Carries progress out of the worker thread, and cancellation in."""

    def __init__(self, emit: Callable[[int, int, str], None], token: CancelToken) -> None:
        self._emit = emit
        self._token = token
        self._last = 0.0

    def step(self, done: int, total: int, message: str = "") -> None:
        self._token.check()
        now = time.monotonic()
        if done >= total or now - self._last >= REPORT_INTERVAL_S:
            self._last = now
            self._emit(done, total, message)

    def check(self) -> None:
        self._token.check()


class _Worker(QObject):
    """Runs the jobs of one lane, one after the other, in the lane's thread."""

    progressed = pyqtSignal(int, int, int, str)
    ended = pyqtSignal(int, str, object)

    @pyqtSlot(int, object, object)
    def run(self, number: int, work: Work, token: CancelToken) -> None:
        """Run `work` and emit how it ended; no exception leaves this slot."""
        reporter = _ThreadReporter(
            lambda done, total, text: self.progressed.emit(number, done, total, text), token
        )
        try:
            token.check()
            result = work(reporter)
        except Cancelled:
            self.ended.emit(number, "cancelled", None)
        except BaseException as error:  # handed to the GUI thread, which shows it
            self.ended.emit(number, "failed", error)
        else:
            self.ended.emit(number, "succeeded", result)

    @pyqtSlot()
    def close(self) -> None:
        """End the lane's thread; queued like a job, so after all jobs before it."""
        thread = QThread.currentThread()
        if thread is not None:
            thread.quit()


class _LaneThread(QObject):
    """A thread, its worker, and the signal that hands it jobs."""

    submitted = pyqtSignal(int, object, object)
    closed = pyqtSignal()

    def __init__(self, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self.thread_ = QThread(self)
        self.thread_.setObjectName(f"cellmend-{name}")
        self.worker = _Worker()
        self.worker.moveToThread(self.thread_)
        self.submitted.connect(self.worker.run)
        self.closed.connect(self.worker.close)
        self.thread_.start()

    def stop(self) -> None:
        """Let the queued jobs end, then the thread; wait for it."""
        self.closed.emit()
        self.thread_.wait()


class JobRunner(QObject):
    """Owner of the two lanes.

    Signals
    -------
    started(JobHandle), ended(JobHandle)
        A job with a title was submitted, or has ended; jobs without a title
        are quiet and only known to who submitted them.
    """

    started = pyqtSignal(object)
    ended = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = itertools.count(1)
        self._jobs: dict[int, JobHandle] = {}
        self._lanes: dict[Lane, _LaneThread] = {}
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether any job is queued or running."""
        return bool(self._jobs)

    @property
    def closed(self) -> bool:
        """Whether it was shut down; timers that still run out then submit nothing."""
        return self._closed

    def jobs(self, lane: Lane) -> list[JobHandle]:
        """Return the queued and running jobs of `lane`, oldest first."""
        return [job for job in self._jobs.values() if job.lane == lane]

    def submit(self, lane: Lane, work: Work, *, title: str = "") -> JobHandle:
        """Queue ``work(report)`` in `lane`.

        Parameters
        ----------
        lane
            ``"compute"`` or ``"io"``.
        work
            Called in the lane's thread with a `Reporter`; must call its
            ``check`` at least every 200 ms of work.
        title
            What the status bar says; empty for work nobody asked for.
        """
        if self._closed:
            raise RuntimeError("The runner is shut down.")
        job = JobHandle(next(self._numbers), lane, title, self)
        self._jobs[job.number] = job
        if title:
            self.started.emit(job)
        self._lane(lane).submitted.emit(job.number, work, job.token)
        return job

    def shutdown(self) -> None:
        """Cancel the computing, let queued file work end, and stop both threads.

        No signal of a job is delivered afterwards.
        """
        self._closed = True
        for job in self.jobs("compute"):
            job.cancel()
        for lane in self._lanes.values():
            lane.worker.progressed.disconnect(self._on_progressed)
            lane.worker.ended.disconnect(self._on_ended)
        for lane in self._lanes.values():
            lane.stop()
        self._jobs.clear()

    def _lane(self, name: Lane) -> _LaneThread:
        if name not in self._lanes:
            lane = _LaneThread(name, self)
            lane.worker.progressed.connect(self._on_progressed)
            lane.worker.ended.connect(self._on_ended)
            self._lanes[name] = lane
        return self._lanes[name]

    @pyqtSlot(int, int, int, str)
    def _on_progressed(self, number: int, done: int, total: int, text: str) -> None:
        job = self._jobs.get(number)
        if job is not None and not job.token.cancelled:
            job.progressed.emit(done, total, text)

    @pyqtSlot(int, str, object)
    def _on_ended(self, number: int, outcome: str, payload: object) -> None:
        job = self._jobs.pop(number, None)
        if job is None:
            return
        if job.title:
            self.ended.emit(job)
        # A job cancelled in its last moment must not deliver its result after all.
        if outcome == "cancelled" or (outcome == "succeeded" and job.token.cancelled):
            job.cancelled.emit()
        elif outcome == "failed":
            job.failed.emit(payload)
        else:
            job.succeeded.emit(payload)
        job.finished.emit()
        job.deleteLater()
