"""Edits of whole cells: what people do to those they selected.

Each is one undo step. What cannot be done is said in the status bar. In a volume an id is
one cell through all planes: deleting, merging, moving and changing ids act on all of it;
splitting and reshaping act on the plane on show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts load when they are first used: the window need not wait
from numpy.typing import ArrayLike, NDArray
from PyQt6.QtCore import QObject

from cellmend.errors import InputError
from cellmend.labels import operations, reshape, split
from cellmend.labels.between import interpolate
from cellmend.labels.flood import fill_enclosed
from cellmend.labels.index import LabelIndex
from cellmend.labels.patches import Patch
from cellmend_app.commands import EditLabels, ReplaceLabels
from cellmend_app.document import Document, LabelContent
from cellmend_app.messages import Messages
from cellmend_app.services.segment import count_of_cells

MIN_PIXELS = 10
"""A cell that is drawn must have more free pixels than this (as in Cellpose)."""

Shaping = Literal["grow", "shrink", "smooth", "hull", "holes"]
Labels = NDArray[np.uint32]
Point = tuple[float, float]

_SHAPERS: dict[Shaping, Callable[[Labels, int, float, LabelIndex], Patch]] = {
    "grow": reshape.grow,
    "shrink": reshape.shrink,
    "smooth": reshape.smooth,
    "hull": lambda labels, label, _, places: reshape.convex_hull(labels, label, places),
    "holes": lambda labels, label, _, places: reshape.fill_holes(labels, label, places),
}
_SHAPED: dict[Shaping, str] = {
    "grow": "Grow",
    "shrink": "Shrink",
    "smooth": "Smooth",
    "hull": "Make convex:",
    "holes": "Fill holes of",
}


@dataclass(frozen=True)
class _Nudge:
    """The last step was a nudge: where the history stood after it, and what it moved."""

    index: int
    revision: int
    ids: tuple[int, ...]
    shift: tuple[int, int]


class CellService(QObject):
    """Draws, deletes, merges, splits, moves and reshapes cells, undoably."""

    def __init__(self, document: Document, messages: Messages) -> None:
        super().__init__(messages)
        self.document = document
        self._messages = messages
        self._nudge = _Nudge(-1, -1, (), (0, 0))

    # -- drawing

    def draw(self, points: ArrayLike, label: int = 0) -> int:
        """Fill a closed outline (n, 2) of (y, x) as a cell; return its id, 0 if there is no room.

        In a volume, an outline over the selected cell in a plane where that is not yet goes
        on with it. Otherwise the cell is a new one, or gets the id that is given.
        """
        document = self.document
        corners = np.asarray(points, dtype=np.float64)
        former = self._continued(corners)
        label = former or label or document.labels.next_id()
        patch = operations.fill(document.labels.array, corners, label, document.overlap)
        pixels = int((patch.after == label).sum())
        if pixels <= MIN_PIXELS:
            self._say("The outline encloses too few free pixels for a cell.")
            return 0
        self._push(patch, f"Draw cell {label}", drawn=[label])
        if len(document.frame) > 1:
            document.select(label)
        did = "Went on with" if former else "Drew"
        self._say(f"{did} cell {label}: {pixels:,} pixels.")
        return label

    def _continued(self, corners: NDArray[np.float64]) -> int:
        """Return the selected cell if an outline in the plane on show goes on with it, or 0."""
        document, label = self.document, self.document.selected
        drawn = [z for z in document.frame if label in document.labels.plane_index(z)]
        if not drawn or document.plane in drawn:
            return 0
        nearest = min(drawn, key=lambda z: abs(z - document.plane))
        box = document.labels.plane_index(nearest).box(label)
        assert box is not None
        (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
        meets = top < box[2] and left < box[3] and bottom >= box[0] and right >= box[1]
        return label if meets else 0

    def add(self, patch: Patch, label: int) -> None:
        """Take in a cell that was found around a click."""
        self._push(patch, f"Find cell {label}", drawn=[label])
        self.document.select(label)
        self._say(f"Found cell {label}: {patch.size:,} pixels.")

    def fill(self, y: float, x: float) -> None:
        """Give the background that is enclosed around a place to the cell around it."""
        at = int(np.floor(y)), int(np.floor(x))
        labels = self.document.labels
        self._try(lambda: fill_enclosed(labels.array, at), "Fill background")

    # -- deleting

    def delete(self, ids: Iterable[int], *, here: bool = False) -> None:
        """Delete cells; with `here` in the plane on show alone."""
        document = self.document
        planes = [document.plane] if here else document.frame
        gone = [label for label in ids if label in document.labels]
        patches = self._each(planes, gone, operations.delete)
        if patches:
            self._push(patches, f"Delete {_cells(gone)}")
            self._say(f"Deleted {_cells(gone)}.")

    def clear(self) -> None:
        """Delete all masks, after a question."""
        document = self.document
        count = document.labels.count_cells(len(document.frame))
        are = "is" if count == 1 else "are"
        if count and self._messages.confirm(
            "Delete all masks?", f"{count_of_cells(count)} {are} deleted. This can be undone."
        ):
            empty = LabelContent.empty(document.labels_shape)
            document.undo.push(ReplaceLabels(document, empty, "Clear all masks"))

    # -- whole cells

    def merge(self, ids: Sequence[int]) -> None:
        """Make cells one under the first id; asks where they do not touch."""
        document = self.document
        chosen = [label for label in dict.fromkeys(ids) if label in document.labels]
        if len(chosen) < 2:
            self._say("Select the cells to merge first.")
            return
        if not self._connected(chosen) and not self._messages.confirm(
            "Merge cells that do not touch?", "They become one cell of several pieces."
        ):
            return
        patches = self._each(
            document.frame,
            chosen,
            lambda labels, here, index: operations.merge(labels, here, index, into=chosen[0]),
        )
        if patches:
            self._push(patches, f"Merge {_cells(chosen)}")
            document.select(chosen[0])
            self._say(f"Merged {_cells(chosen[1:])} into cell {chosen[0]}.")

    def change_id(self, label: int, new: int) -> None:
        """Give a cell another id; asks where that id is taken, for the two become one."""
        document = self.document
        if new == label or label not in document.labels:
            return
        taken = any(new in document.labels.plane_index(plane) for plane in document.frame)
        if taken and not self._messages.confirm(
            f"There is a cell {new} already.", f"Cell {label} becomes a part of it."
        ):
            return
        drawn = [new] if label in document.manual else []
        done = self._try(
            lambda: self._each(
                document.frame,
                [label],
                lambda labels, _, index: operations.change_id(labels, label, new, index),
            ),
            f"Change id {label} to {new}",
            drawn=drawn,
        )
        if done:
            document.select(new)

    def nudge(self, dy: int, dx: int) -> None:
        """Move the selected cells; moves one after the other are one undo step.

        The cells are always moved from where the first of these steps found them, so that
        a cell that passes under others, or over the border of the image, comes back whole.
        """
        document, ids = self.document, self.document.selection
        last = self._nudge
        goes_on = last == self._nudged(ids, last.shift)
        before = last.shift if goes_on else (0, 0)
        shift = before[0] + dy, before[1] + dx
        if before != (0, 0):
            document.undo.undo()
        if shift == (0, 0):
            return
        if self._try(lambda: self.moved(ids, shift), f"Move {_cells(ids)}"):
            self._nudge = self._nudged(ids, shift)
        elif before != (0, 0):
            document.undo.redo()
            self._nudge = self._nudged(ids, before)

    def _nudged(self, ids: tuple[int, ...], shift: tuple[int, int]) -> _Nudge:
        return _Nudge(self.document.undo.index(), self.document.revision, ids, shift)

    def moved(self, ids: Sequence[int], by: tuple[int, int]) -> dict[int, Patch]:
        """Return the patches that move cells by (dy, dx) pixels.

        Raises
        ------
        InputError
            If there is no room for one of them.
        """
        rule = self.document.overlap
        return self._each(
            self.document.frame,
            ids,
            lambda labels, here, index: operations.move(labels, here, by, rule, index),
        )

    # -- shapes

    def split_line(self, p: Point, q: Point) -> None:
        """Cut every cell that a line from p to q crosses from border to border."""
        labels = self.document.labels
        new, cut = labels.next_id(), []
        patches = []
        for label in split.crossed(labels.array, p, q):
            try:
                patch = split.split_line(labels.array, label, p, q, new, places=labels.index)
            except InputError:
                continue
            new = max(new, int(patch.after.max()) + 1)
            patches.append(patch)
            cut.append(label)
        if not patches:
            self._say("The line does not cut a cell in two: begin and end it outside of the cell.")
            return
        self._push(Patch.merge(patches), f"Split {_cells(cut)}")
        self._say(f"Split {_cells(cut)}{self._whole_elsewhere(cut)}.")

    def split_points(self, label: int, points: Sequence[Point]) -> None:
        """Split a cell between points, at its necks."""
        labels = self.document.labels
        done = self._try(
            lambda: split.split_seeds(
                labels.array, label, points, labels.next_id(), places=labels.index
            ),
            f"Split cell {label}",
        )
        elsewhere = self._whole_elsewhere([label])
        if done and elsewhere:
            self._say(f"Split cell {label}{elsewhere}.")

    def _whole_elsewhere(self, ids: Sequence[int]) -> str:
        """Return what to add to the report of a split where other planes hold the cell too."""
        document = self.document
        others = [z for z in document.frame if z != document.plane]
        shared = any(i in document.labels.plane_index(z) for z in others for i in ids)
        return " in this plane; the other planes keep it whole" if shared else ""

    def reshape(self, how: Shaping, radius: float = 1.0) -> None:
        """Change the shape of the selected cells in the plane on show."""
        labels = self.document.labels
        ids = [label for label in self.document.selection if label in labels.index]
        patches, refused = [], ""
        for label in ids:
            try:
                patches.append(_SHAPERS[how](labels.array, label, radius, labels.index))
            except InputError as error:
                refused = error.message
        patch = Patch.merge(patches)
        if patch:
            self._push(patch, f"{_SHAPED[how]} {_cells(ids)}")
        self._say(refused or (f"{_SHAPED[how]} {_cells(ids)}." if patch else "Nothing changed."))

    # -- planes

    def copy_on(self) -> None:
        """Copy the selected cells, or all, to the next plane, or frame, and show it."""
        document, labels = self.document, self.document.labels
        source, target = document.plane, document.plane + 1
        last = document.frame.stop if len(document.frame) > 1 else document.plane_count
        if target >= last:
            self._say("This is the last plane.")
            return
        here = document.selection or labels.index.ids()
        ids = [i for i in here if i in labels.index and i not in labels.plane_index(target)]
        patch = operations.copy(
            labels.array, labels.plane_labels(target), ids, document.overlap, labels.index
        )
        document.plane = target
        if patch:
            self._push(patch, f"Copy {_cells(ids)}")
            self._say(f"Copied {_cells(ids)} from plane {source + 1}.")
        else:
            self._say("These cells are in the next plane already.")

    def interpolate(self) -> None:
        """Draw the selected cells, or all, in the planes between those that hold them."""
        document, labels = self.document, self.document.labels
        frame = document.frame
        planes = [labels.plane_labels(plane) for plane in frame]
        indexes = [labels.plane_index(plane) for plane in frame]
        found: dict[int, list[Patch]] = {}
        filled = []
        for label in document.selection or sorted(set().union(*indexes)):
            try:
                patches = interpolate(planes, indexes, label)
            except InputError:
                continue
            filled.append(label)
            for z, patch in patches.items():
                found.setdefault(frame[z], []).append(patch)
        merged = {plane: Patch.merge(parts) for plane, parts in found.items()}
        if any(merged.values()):
            self._push(merged, f"Interpolate {_cells(filled)}", drawn=filled)
            self._say(f"Filled the planes between for {_cells(filled)}.")
        else:
            self._say("No cell has a gap between the planes it is drawn in.")

    # -- details

    def _each(
        self,
        planes: Iterable[int],
        ids: Sequence[int],
        edit: Callable[[Labels, list[int], LabelIndex], Patch],
    ) -> dict[int, Patch]:
        """Return the patch of each of the planes that hold some of the cells."""
        labels, patches = self.document.labels, {}
        for plane in planes:
            index = labels.plane_index(plane)
            here = [label for label in ids if label in index]
            patch = edit(labels.plane_labels(plane), here, index) if here else None
            if patch:
                patches[plane] = patch
        return patches

    def _connected(self, ids: Sequence[int]) -> bool:
        """Whether cells hang together: side by side, or over each other in a volume."""
        labels, frame = self.document.labels, self.document.frame
        pairs: list[tuple[int, int]] = []
        for plane in frame:
            array, index = labels.plane_labels(plane), labels.plane_index(plane)
            pairs += operations.touching(array, [i for i in ids if i in index], index)
            if plane + 1 in frame:
                upper = labels.plane_labels(plane + 1)
                pairs += operations.overlapping(array, upper, ids, index)
        at = {label: position for position, label in enumerate(ids)}
        rows, columns = [at[a] for a, _ in pairs], [at[b] for _, b in pairs]
        graph = scipy.sparse.coo_array(
            (np.ones(len(pairs)), (rows, columns)), shape=(len(ids), len(ids))
        )
        return int(scipy.sparse.csgraph.connected_components(graph, directed=False)[0]) == 1

    def _try(
        self,
        make: Callable[[], Patch | dict[int, Patch]],
        text: str,
        *,
        drawn: Iterable[int] = (),
    ) -> bool:
        """Push what `make` returns; say so if it cannot be done, or changes nothing."""
        try:
            patches = make()
        except InputError as error:
            self._say(f"{error.message} {error.hint}".strip())
            return False
        if not patches:
            self._say("Nothing changed.")
            return False
        self._push(patches, text, drawn=drawn)
        self._say(f"{text}.")
        return True

    def _push(
        self, patches: Patch | Mapping[int, Patch], text: str, *, drawn: Iterable[int] = ()
    ) -> None:
        self.document.undo.push(EditLabels(self.document, patches, text, drawn=drawn))

    def _say(self, text: str) -> None:
        self.document.status.emit(text)


def _cells(ids: Sequence[int]) -> str:
    return f"cell {ids[0]}" if len(ids) == 1 else count_of_cells(len(ids))
