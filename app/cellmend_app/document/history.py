"""The undo history and its byte budget.

`QUndoStack.setUndoLimit` counts commands and drops the oldest without a word.
Here nothing is dropped: beyond a budget the oldest steps are compressed, and
beyond a second one they are moved to a temporary file.
"""

from __future__ import annotations

import logging
import tempfile
import weakref
import zlib
from typing import IO, Protocol, runtime_checkable

from PyQt6.QtCore import QObject, QTimer, pyqtSlot
from PyQt6.QtGui import QUndoStack

logger = logging.getLogger(__name__)

MEGABYTE = 1 << 20
TRIM_AFTER_MS = 250
"""Trimming looks at every step: not after each of many quick edits."""
KEEP_READY = 10
"""The newest steps are left as they are, so that undo answers at once."""


class Block:
    """Bytes that are squeezed piece by piece, may move to a file, and can be read back.

    Parameters
    ----------
    data
        The bytes; kept until they are squeezed.
    """

    PIECE = 2 * MEGABYTE
    """Squeezed at a time: some 10 ms of work."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._source: memoryview | None = memoryview(data).cast("B")
        self._pieces: list[bytes] = []
        self._lengths: list[int] = []
        self._file: IO[bytes] | None = None
        self._start = 0

    @property
    def squeezed(self) -> bool:
        """Whether all the bytes are squeezed."""
        return self._source is None

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the squeezed pieces use."""
        return sum(len(piece) for piece in self._pieces)

    def squeeze(self) -> bool:
        """Squeeze one more piece, and say whether that was the last."""
        if self._source is not None:
            piece = zlib.compress(self._source[: self.PIECE], 1)
            self._pieces.append(piece)
            self._lengths.append(len(piece))
            rest = self._source[self.PIECE :]
            self._source = rest if len(rest) else None
        return self.squeezed

    def spill(self, file: IO[bytes]) -> None:
        """Move squeezed bytes to the end of an open file."""
        if self._file is None and self.squeezed:
            self._start = file.seek(0, 2)
            file.writelines(self._pieces)
            self._file, self._pieces = file, []

    def read(self) -> bytearray:
        """Return the bytes as they were given."""
        if self._file is not None:
            self._file.seek(self._start)
            pieces = [self._file.read(length) for length in self._lengths]
        else:
            pieces = self._pieces
        return bytearray().join(zlib.decompress(piece) for piece in pieces)


@runtime_checkable
class Packable(Protocol):
    """A command that can give memory back and still be undone and redone."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""

    @property
    def packed(self) -> bool:
        """Whether all that the command holds is compressed."""

    def pack(self) -> None:
        """Compress one more piece of what the command holds."""

    def spill(self, file: IO[bytes]) -> None:
        """Move what a packed command holds to a file."""

    def unpacked(self) -> object:
        """Return what a packed command holds; takes time, for any thread."""

    def take(self, content: object) -> None:
        """Hold what `unpacked` returned."""


class History(QUndoStack):
    """Undo steps without a limit of number, within a budget of memory.

    Parameters
    ----------
    budget
        Bytes of uncompressed steps beyond which the oldest are compressed.
    packed_budget
        Bytes of compressed steps beyond which the oldest are moved to a file.
    """

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        budget: int = 128 * MEGABYTE,
        packed_budget: int = 256 * MEGABYTE,
    ) -> None:
        super().__init__(parent)
        self._budget = budget
        self._packed_budget = packed_budget
        self._file: IO[bytes] | None = None
        self._held = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._trim_one)
        self.indexChanged.connect(self._on_index_changed)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the steps use."""
        return sum(step.nbytes for step in self._steps())

    def hold(self, held: bool) -> None:
        """Leave all steps where they are while another thread unpacks one, or go on."""
        self._held = held
        if not held:
            self._timer.start(TRIM_AFTER_MS)

    def trim(self) -> None:
        """Bring the steps within the budgets now."""
        while self._pack_oldest() or self._spill_oldest():
            pass

    @pyqtSlot(int)
    def _on_index_changed(self, index: int) -> None:
        if self._file is not None and not self.count():
            self._file.close()
            self._file = None
        if not self._timer.isActive():
            self._timer.start(TRIM_AFTER_MS)

    def _trim_one(self) -> None:
        if not self._held and (self._pack_oldest() or self._spill_oldest()):
            self._timer.start(0)

    def _steps(self) -> list[Packable]:
        steps: list[Packable] = []
        for i in range(self.count()):
            command = self.command(i)
            if isinstance(command, Packable):
                steps.append(command)
        return steps

    def _pack_oldest(self) -> bool:
        steps = self._steps()
        loose = [step for step in steps[:-KEEP_READY] if not step.packed]
        if not loose or sum(s.nbytes for s in steps if not s.packed) <= self._budget:
            return False
        loose[0].pack()
        return True

    def _spill_oldest(self) -> bool:
        held = [step for step in self._steps() if step.packed and step.nbytes]
        if not held or sum(step.nbytes for step in held) <= self._packed_budget:
            return False
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="cellmend-history-")  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            held[0].spill(self._file)
        except OSError as error:  # no room on the disk: the steps stay in memory
            logger.warning("The undo history stays in memory: %s", error)
            return False
        return True
