"""A command of this program in a process of its own, which prints one JSON object per line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, pyqtSignal

import cellmend

KILL_AFTER_MS = 2000
"""How long a stopped child may take to end by itself."""


class Child(QObject):
    """Runs one command at a time.

    Signals
    -------
    said(dict)
        The child printed an object.
    ended(code, complaint)
        It is gone: its status, -1 if it never began, and the last line of its complaints.
    """

    said = pyqtSignal(dict)
    ended = pyqtSignal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None

    @property
    def running(self) -> bool:
        """Whether the child is there."""
        return self._process is not None

    def start(self, words: Sequence[str]) -> None:
        """Run ``cellmend`` with these words.

        Raises
        ------
        RuntimeError
            If a command is running.
        """
        if self.running:
            raise RuntimeError("A child is at work already.")
        process = QProcess(self)
        process.setProcessEnvironment(_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._end)
        process.errorOccurred.connect(self._on_error)
        self._process = process
        program, *first = command()
        process.start(program, [*first, *words])

    def stop(self) -> None:
        """Ask the child to end, then insist."""
        process = self._process
        if process is not None:
            process.terminate()
            QTimer.singleShot(KILL_AFTER_MS, lambda: self._kill(process))

    def shutdown(self) -> None:
        """End the child without a word, and wait until it is gone."""
        process = self._process
        if process is None:
            return
        self.blockSignals(True)
        process.terminate()
        if not process.waitForFinished(KILL_AFTER_MS):
            process.kill()
            process.waitForFinished()

    def _kill(self, process: QProcess) -> None:
        if self._process is process:
            process.kill()

    def _read(self) -> None:
        process = self._process
        while process is not None and process.canReadLine():
            line = process.readLine().data().decode("utf-8", "replace").strip()
            if line.startswith("{"):
                self.said.emit(json.loads(line))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(-1)

    def _end(self, code: int, _status: object = None) -> None:
        process = self._process
        if process is None:
            return
        self._read()
        self._process = None
        complaint = process.readAllStandardError().data().decode("utf-8", "replace").strip()
        process.deleteLater()
        last = complaint.splitlines()[-1] if complaint else f"it ended with status {code}."
        self.ended.emit(code, last)


def command() -> Sequence[str]:
    """Return the words that start the command line of this same installation."""
    if getattr(sys, "frozen", False):  # on Windows the window is a program of its own
        return [str(Path(sys.executable).with_stem("cellmend"))]
    return [sys.executable, "-m", "cellmend.cli"]


def _environment() -> QProcessEnvironment:
    """Return our environment, with the library found where we found it."""
    environment = QProcessEnvironment.systemEnvironment()
    home = str(Path(cellmend.__file__).resolve().parents[1])
    known = environment.value("PYTHONPATH")
    environment.insert("PYTHONPATH", os.pathsep.join(filter(None, [home, known])))
    environment.insert("PYTHONUNBUFFERED", "1")
    return environment
