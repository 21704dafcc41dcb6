"""Which models there are, and which of them are installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend_app.messages import Messages
from cellmend_app.workers import JobHandle, JobRunner

SEGMENTATION = "segmentation"
RESTORATION = ("denoise", "deblur", "upsample")


@dataclass(frozen=True)
class ModelChoice:
    """A model to offer.

    Parameters
    ----------
    name
        As the command line names it.
    task
        ``segmentation``, ``denoise``, ``deblur``, ``upsample`` or ``size``.
    installed
        Whether its weights are here; a model that is not is shown so.
    own
        Whether the person made or added it.
    description
        One line, may be empty.
    size
        Of its file, in bytes.
    """

    name: str
    task: str
    installed: bool
    own: bool = False
    description: str = ""
    size: int = 0


class ModelService(QObject):
    """The list of models; read off the GUI thread.

    Signals
    -------
    changed()
        The list was read anew.
    added(name)
        A model that the person added is in the list.
    """

    changed = pyqtSignal()
    added = pyqtSignal(str)

    def __init__(self, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._runner = runner
        self._messages = messages
        self.choices: tuple[ModelChoice, ...] = ()

    def refresh(self) -> JobHandle:
        """Read the list anew."""
        job = self._runner.submit("io", lambda report: _read_choices())
        job.succeeded.connect(self._take)
        job.failed.connect(lambda error: self._messages.error(error, "list the models"))
        return job

    def of_task(self, task: str) -> list[ModelChoice]:
        """Return the models of `task`, the installed ones first."""
        found = [choice for choice in self.choices if choice.task == task]
        return sorted(found, key=lambda choice: not choice.installed)

    def installed(self, name: str) -> bool:
        """Whether the weights of the model `name` are here."""
        return bool(self.task_of(name))

    def task_of(self, name: str) -> str:
        """Return the task of the model `name`; empty if its weights are not here."""
        found = (c.task for c in self.choices if c.name == name and c.installed)
        return next(found, "")

    def add(self, path: Path) -> None:
        """Copy a weight file into the person's models."""
        job = self._runner.submit("io", lambda report: _add(path), title="Adding the model")
        job.succeeded.connect(self._on_added)
        job.failed.connect(lambda error: self._messages.error(error, "add the model"))

    def _on_added(self, name: str) -> None:
        self._messages.note(f"Added the model {name}.")
        self.refresh().succeeded.connect(lambda _: self.added.emit(name))

    def remove(self, name: str) -> None:
        """Delete one of the person's own models."""
        job = self._runner.submit("io", lambda report: _remove(name), title="Removing the model")
        job.succeeded.connect(lambda _: self.refresh())
        job.failed.connect(lambda error: self._messages.error(error, "remove the model"))

    def rename(self, name: str, new: str) -> None:
        """Give one of the person's own models another name."""
        job = self._runner.submit(
            "io", lambda report: _rename(name, new), title="Renaming the model"
        )
        job.failed.connect(lambda error: self._messages.error(error, "rename the model"))
        job.finished.connect(self.refresh)  # the old name comes back where it failed

    def _take(self, choices: tuple[ModelChoice, ...]) -> None:
        self.choices = choices
        self.changed.emit()


def _read_choices() -> tuple[ModelChoice, ...]:
    from cellmend import registry

    found = [
        ModelChoice(
            name=entry.name,
            task=entry.card.task,
            installed=True,
            own=not entry.bundled,
            description=entry.card.description,
            size=entry.path.stat().st_size,
        )
        for entry in registry.list_models()
    ]
    there = {choice.name for choice in found}
    missing = [name for name in registry.KNOWN_NAMES if name not in there]
    return (*found, *(ModelChoice(name, _task_of(name), installed=False) for name in missing))


def _task_of(name: str) -> str:
    """Return the task of a model that Cellmend names but that is not installed."""
    task = name.split("-")[0]
    return task if task in RESTORATION else SEGMENTATION


def _add(path: Path) -> str:
    from cellmend import registry

    return registry.add(path, path.stem).name


def _remove(name: str) -> None:
    from cellmend import registry

    registry.remove(name)


def _rename(name: str, new: str) -> None:
    from cellmend import registry

    registry.rename(name, new)
