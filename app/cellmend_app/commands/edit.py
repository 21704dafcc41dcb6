"""Steps that change labels."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QUndoCommand

from cellmend.labels.confidence import Cell, Confidence
from cellmend.labels.patches import Patch
from cellmend_app.document import Block, Document, FlowLayer, LabelContent


class EditLabels(QUndoCommand):
    """Patches to one or several planes.

    Of the cells that they change a run says nothing any more, until the step is undone.

    Parameters
    ----------
    document
        Where.
    patches
        What changes in the plane on show; or a patch for each plane that changes.
    text
        What the Undo entry says.
    applied
        The patches are in the labels already (a brush stroke paints as it goes), so that
        the first redo, which comes with the push, has nothing to write.
    drawn
        Ids that a person drew with this step.
    """

    def __init__(
        self,
        document: Document,
        patches: Patch | Mapping[int, Patch],
        text: str,
        *,
        applied: bool = False,
        drawn: Iterable[int] = (),
    ) -> None:
        super().__init__(text)
        self._document = document
        self._plane = document.plane
        by_plane = {self._plane: patches} if isinstance(patches, Patch) else dict(patches)
        self._patches: dict[int, Patch] | None = by_plane
        self._block: Block | None = None
        self._applied = applied
        self._drawn = frozenset(drawn) - document.manual
        self._edited = _newly_edited(document, by_plane)

    def redo(self) -> None:
        """Write the patches; show the plane of the edit first."""
        self._document.manual |= self._drawn
        if self._document.confidence is not None:
            self._document.set_confidence(self._document.confidence.after_editing(self._edited))
        if not self._applied:
            self._document.settling.emit()
            self._document.plane = self._plane
            for plane, patch in self._ready().items():
                self._document.labels.apply(patch, plane)
        self._applied = False

    def undo(self) -> None:
        """Take the patches back; show the plane of the edit first."""
        self._document.settling.emit()
        self._document.plane = self._plane
        self._document.manual -= self._drawn
        if self._document.confidence is not None:
            self._document.set_confidence(self._document.confidence.before_editing(self._edited))
        for plane, patch in self._ready().items():
            self._document.labels.revert(patch, plane)

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""
        if self._patches is not None:
            return sum(patch.nbytes for patch in self._patches.values())
        return 0 if self._block is None else self._block.nbytes

    @property
    def packed(self) -> bool:
        """Whether the patches are compressed."""
        return self._patches is None

    def pack(self) -> None:
        """Compress one more piece of the patches."""
        self._block = self._block or Block(pickle.dumps(self._patches))
        if self._block.squeeze():
            self._patches = None

    def spill(self, file: IO[bytes]) -> None:
        """Move the compressed patches to a file."""
        if self._block is not None:
            self._block.spill(file)

    def unpacked(self) -> object:
        """Return the patches of a packed step, in any thread."""
        assert self._block is not None
        return pickle.loads(self._block.read())  # our own bytes, no file of a user

    def take(self, content: object) -> None:
        """Hold patches that were unpacked."""
        self._patches = cast(dict[int, Patch], content)

    def _ready(self) -> dict[int, Patch]:
        if self._patches is None:
            self.take(self.unpacked())
        self._block = None
        assert self._patches is not None
        return self._patches


class ReplaceRegion(EditLabels):
    """Cells of a part of a plane, found anew: what no person drew.

    It leaves the plane on show as it is when it is pushed.

    Parameters
    ----------
    document
        Where.
    plane
        Which plane.
    patch
        What changes in it.
    text
        What the Undo entry says.
    found
        Ids of the cells that were found.
    """

    def __init__(
        self, document: Document, plane: int, patch: Patch, text: str, found: Iterable[int]
    ) -> None:
        super().__init__(document, {plane: patch}, text)
        self._at = plane
        self._drawn_before = document.manual.intersection(found)

    def redo(self) -> None:
        """Write the new cells."""
        self._document.manual -= self._drawn_before
        super().redo()
        self._plane = self._at

    def undo(self) -> None:
        """Bring back the cells before; show their plane first."""
        super().undo()
        self._document.manual |= self._drawn_before


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
        Flows and cell probability that they were made from, if any. Those there are stay on
        show otherwise, without the record of a run, which did not make these masks.
    confidence
        What is known of the new cells from the run that made them, if one did.

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
        confidence: Confidence | None = None,
    ) -> None:
        super().__init__(text)
        self._document = document
        self._other: LabelContent | None = document.fitting(labels)
        self._shape = self._other.labels.shape
        self._block: Block | None = None
        self._manual = set(manual)
        kept = document.results and document.results.without_record
        self._results = results or kept
        self._confidence = confidence

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

    def unpacked(self) -> object:
        """Return the labels of a packed step with their index, in any thread."""
        assert self._block is not None
        labels = np.frombuffer(self._block.read(), np.uint32).reshape(self._shape)
        return LabelContent(labels)

    def take(self, content: object) -> None:
        """Hold labels that were unpacked."""
        self._other = cast(LabelContent, content)

    def _exchange(self) -> None:
        document = self._document
        document.settling.emit()
        if self._other is None:
            self.take(self.unpacked())
        assert self._other is not None
        self._block = None
        self._manual, document.manual = document.manual, self._manual
        former_confidence = document.confidence
        document.set_confidence(self._confidence)
        self._confidence = former_confidence
        self._other = document.labels.swap(self._other)
        if self._results is not document.results:
            former = document.results
            document.set_results(self._results)
            self._results = former


def _newly_edited(document: Document, patches: Mapping[int, Patch]) -> frozenset[Cell]:
    """Return the cells that patches to some planes change, of which a run says something yet."""
    known, depth = document.confidence, len(document.frame)
    if known is None:
        return frozenset()
    cells = {(plane // depth, i) for plane, patch in patches.items() for i in patch.ids()}
    return frozenset(cells - known.edited)
