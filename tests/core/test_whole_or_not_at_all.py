"""A save that fails or is killed at any point leaves the old file or the new one, whole."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("signals and limits are POSIX", allow_module_level=True)

from saving import DONE, FORMATS, NEW, OLD, REFUSED, content_of, left_behind

from cellmend.errors import FileFormatError


@pytest.fixture(params=FORMATS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    FORMATS[path.name][0](path, OLD)
    return path


def test_killed_at_any_step_or_on_a_full_disk(file):
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2] / "core")])
    command = [sys.executable, str(Path(__file__).with_name("saving.py")), str(file)]
    run = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    *killed, (status, content) = told["killed"]
    assert (status, content) == (DONE, "new")
    assert len(killed) >= 4
    assert {status for status, _ in killed} == {-signal.SIGKILL}
    contents = [content for _, content in killed]
    assert contents == sorted(contents, reverse=True)  # old until it is new
    assert told["full"] == [[REFUSED, "old", 0]] * len(told["full"])


class Faults:
    """Lets the first calls to the system pass, and fails the next one."""

    def __init__(self, passing: int) -> None:
        self.left = passing
        self.failed = ""

    def call(self, name: str) -> None:
        if self.failed:
            return
        if self.left == 0:
            self.failed = name
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= 1


@pytest.fixture
def break_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Faults]:
    """Return what makes the n-th call to the system, counted from 0, fail."""
    real = {name: getattr(os, name) for name in ("fsync", "replace", "close", "chmod")}
    real_open = builtins.open

    def install(passing: int) -> Faults:
        faults = Faults(passing)

        class FailingFile(io.FileIO):
            def write(self, data):
                faults.call("write")
                return super().write(data)

        def failing(name):
            def call(*args, **keywords):
                faults.call(name)
                return real[name](*args, **keywords)

            return call

        def opened(file, mode="r", *args, **keywords):
            if "w" not in mode and "+" not in mode:
                return real_open(file, mode, *args, **keywords)
            faults.call("open")
            raw = FailingFile(file, mode)
            return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

        for name in real:
            monkeypatch.setattr(os, name, failing(name))
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", opened)
        return faults

    return install


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_call_to_the_system_may_fail(file, break_after, monkeypatch):
    failed = []
    for passing in range(100):
        FORMATS[file.name][0](file, OLD)
        with suppress(FileFormatError, OSError, ValueError):
            faults = break_after(passing)
            FORMATS[file.name][0](file, NEW)
        monkeypatch.undo()
        if not faults.failed:
            break
        failed.append(faults.failed)
        content_of(file)
        assert left_behind(file) == 0, faults.failed
    assert content_of(file) == "new"
    assert {"open", "write", "fsync", "replace", "chmod"} <= set(failed)
