"""What a run leaves on the disk: its last state, to go on from, and its best weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from cellmend.errors import FileFormatError
from cellmend.io.atomic import PREFIX, replacing
from cellmend.net.unet import CPNet
from cellmend.registry.store import CHECKPOINT

State = dict[str, Any]


class RunFolder:
    """The folder of one run.

    A file takes the place of the one before only when it is whole: whatever
    ends a run, the last checkpoint can be used.

    Parameters
    ----------
    path
        The folder; None keeps nothing on the disk, and the best weights in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._best: State | None = None

    def begin(self) -> None:
        """Forget a run of before."""
        self._best = None
        for name in ("best.pt", CHECKPOINT) if self._path else ():
            self._file(name).unlink(missing_ok=True)

    def save(self, state: State) -> None:
        """Keep what is needed to go on."""
        if self._path is not None:
            _write(self._file(CHECKPOINT), state)

    def load(self, device: torch.device) -> State | None:
        """Return the last state, or None if there is none.

        Raises
        ------
        FileFormatError
            If the file is damaged.
        """
        if self._path is None or not self._file(CHECKPOINT).is_file():
            return None
        self._remove_leftovers()
        return _read(self._file(CHECKPOINT), device)

    def save_best(self, net: CPNet) -> None:
        """Keep the weights that did best on the validation images."""
        state = {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}
        if self._path is None:
            self._best = state
        else:
            _write(self._file("best.pt"), state)

    def restore_best(self, net: CPNet) -> None:
        """Put the best weights, where some were kept, into the network."""
        state = self._best
        if self._path is not None and self._file("best.pt").is_file():
            state = _read(self._file("best.pt"), torch.device("cpu"))
        if state is not None:
            net.load_state_dict(state)

    def _file(self, name: str) -> Path:
        assert self._path is not None
        return self._path / name

    def _remove_leftovers(self) -> None:
        """Remove temporary files of a run that was killed while it wrote."""
        assert self._path is not None
        for file in self._path.glob(PREFIX + "*"):
            file.unlink(missing_ok=True)


def _write(path: Path, state: State) -> None:
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _read(path: Path, device: torch.device) -> State:
    try:
        state: State = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise FileFormatError(
            path, "this checkpoint is damaged.", hint="Train anew, without resuming."
        ) from error
    return state
