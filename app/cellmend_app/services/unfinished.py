"""A training that was stopped, kept on the disk for the next time the program is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cellmend.io.atomic import replacing
from cellmend.registry.store import CHECKPOINT, run_folder, runs_folder
from cellmend_app.services.owner_lock import owner_lock
from cellmend_app.services.train_request import TrainRequest


@dataclass(frozen=True)
class Unfinished:
    """What was asked of a training, and how many epochs it has done."""

    request: TrainRequest
    epochs: int


_ADAPTER = TypeAdapter(Unfinished)


class UnfinishedFile:
    """The last training of this person that did not come to its end.

    All methods are for the I/O lane. While one window has it, others neither read nor
    write it: the training may be at work there.

    Parameters
    ----------
    path
        The file; among the runs of this person if left out.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or runs_folder() / "unfinished.json"
        self._lock = owner_lock(self._path)

    def load(self) -> Unfinished | None:
        """Return the training that can go on, if there is one and its state is still there."""
        if not self._owned():
            return None
        try:
            kept = _ADAPTER.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None
        return kept if (run_folder(kept.request.name) / CHECKPOINT).is_file() else None

    def keep(self, unfinished: Unfinished) -> None:
        """Keep this training instead of the one before."""
        if self._owned():
            with replacing(self._path) as temporary:
                temporary.write_bytes(_ADAPTER.dump_json(unfinished))

    def forget(self) -> None:
        """Keep none."""
        if self._owned():
            self._path.unlink(missing_ok=True)

    def _owned(self) -> bool:
        if not self._lock.isLocked():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.tryLock(0)
        return self._lock.isLocked()
