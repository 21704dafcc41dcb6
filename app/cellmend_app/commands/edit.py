"""Steps that change labels."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QUndoCommand

from cellmend.labels.patches import Patch
from cellmend_app.document import Block, Document, FlowLayer, LabelContent


class EditLabels(QUndoCommand):
    """A patch to one plane.

    Parameters
    ----------
    document
        Where.
    patch
        What changes, in the plane on show now.
    text
        What the Undo entry says.
    applied
        The patch is in the labels already (a brush stroke paints as it goes), so that
        the first redo, which comes with the push, has nothing to write.
    drawn
        Ids that a person drew with this step.
    """

    def __init__(
        self,
        document: Document,
        patch: Patch,
        text: str,
        *,
        applied: bool = False,
        drawn: Iterable[int] = (),
    ) -> None:
        super().__init__(text)
        self._document = document
        self._plane = document.plane
        self._patch: Patch | None = patch
        self._block: Block | None = None
        self._applied = applied
        self._drawn = frozenset(drawn) - document.manual

    def redo(self) -> None:
        """Write the patch; show its plane first."""
        self._document.manual |= self._drawn
        if not self._applied:
            self._document.settling.emit()
            self._document.plane = self._plane
            self._document.labels.apply(self._unpacked())
        self._applied = False

    def undo(self) -> None:
        """Take the patch back; show its plane first."""
        self._document.settling.emit()
        self._document.plane = self._plane
        self._document.manual -= self._drawn
        self._document.labels.revert(self._unpacked())

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""
        if self._patch is not None:
            return self._patch.nbytes
        return 0 if self._block is None else self._block.nbytes

    @property
    def packed(self) -> bool:
        """Whether the patch is compressed."""
        return self._patch is None

    def pack(self) -> None:
        """Compress one more piece of the patch."""
        self._block = self._block or Block(pickle.dumps(self._patch))
        if self._block.squeeze():
            self._patch = None

    def spill(self, file: IO[bytes]) -> None:
        """Move the compressed patch to a file."""
        if self._block is not None:
            self._block.spill(file)

    def _unpacked(self) -> Patch:
        if self._patch is None:
            assert self._block is not None
            self._patch = pickle.loads(self._block.read())  # our own bytes, never a user's file
        self._block = None
        assert self._patch is not None
        return self._patch


class ReplaceLabels(QUndoCommand):
    """All labels at once, for instance by the result of a segmentation.

    The labels that are not on show are kept without a copy: a step is only ever
    undone when the labels are those it made, so that the arrays can change places.

    Parameters
    ----------
    document
        Where.
    labels
        The new labels, copied; or a `LabelContent`, made off the GUI thread, not copied.
    text
        What the Undo entry says.
    manual
        Which of them a person drew.
    results
        Flows and cell probability that they were made from, if any.

    Raises
    ------
    InputError
        If the labels do not fit the image.
    """

    def __init__(
        self,
        document: Document,
        labels: NDArray[np.integer] | LabelContent,
        text: str,
        *,
        manual: Iterable[int] = (),
        results: FlowLayer | None = None,
    ) -> None:
        super().__init__(text)
        self._document = document
        self._other: LabelContent | None = document.fitting(labels)
        self._shape = self._other.labels.shape
        self._block: Block | None = None
        self._manual = set(manual)
        self._results = results or document.results

    def redo(self) -> None:
        """Show the new labels."""
        self._exchange()

    def undo(self) -> None:
        """Show the labels before."""
        self._exchange()

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""
        if self._other is not None:
            return self._other.labels.nbytes
        return 0 if self._block is None else self._block.nbytes

    @property
    def packed(self) -> bool:
        """Whether the labels not on show are compressed."""
        return self._other is None

    def pack(self) -> None:
        """Compress one more piece of the labels not on show."""
        if self._block is None:
            assert self._other is not None
            self._block = Block(self._other.labels.data)
        if self._block.squeeze():
            self._other = None

    def spill(self, file: IO[bytes]) -> None:
        """Move the compressed labels to a file."""
        if self._block is not None:
            self._block.spill(file)

    def _exchange(self) -> None:
        document = self._document
        document.settling.emit()
        if self._other is None:
            assert self._block is not None
            labels = np.frombuffer(self._block.read(), np.uint32).reshape(self._shape)
            self._other = LabelContent(labels)
        self._block = None
        self._manual, document.manual = document.manual, self._manual
        self._other = document.labels.swap(self._other)
        if self._results is not document.results:
            former = document.results
            document.set_results(self._results)
            self._results = former
