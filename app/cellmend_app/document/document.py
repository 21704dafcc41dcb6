"""The document: one image with its layers, labels, selection and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal, pyqtSlot

from cellmend.errors import InputError
from cellmend.image import Image
from cellmend.labels.confidence import Confidence
from cellmend.labels.stroke import Overlap
from cellmend.params import AnyStep
from cellmend_app.document.history import History
from cellmend_app.document.labels import Box, LabelContent, LabelModel
from cellmend_app.document.layers import (
    FlowLayer,
    MaskLayer,
    RestoredLayer,
    labels_shape,
    plane_count,
    plane_of,
)
from cellmend_app.document.review import Review

DEFAULT_DIAMETER = 30.0


class Document(QObject):
    """What the window shows; everything else listens to it.

    Signals
    -------
    settling()
        The labels are about to change by another way than a stroke under way; it must be dropped.
    image_changed()
        Another image is open; layers, labels, selection and history are those of it.
    pixel_size_changed()
        The pixels of the image are of another size, in µm, than was thought.
    layers_changed()
        A restored or a flow layer came or went.
    mask_layers_changed()
        A mask layer came, went, was shown or hidden.
    plane_changed(index)
        Another plane of a stack is on show.
    labels_edited(box), labels_replaced()
        Labels changed inside a box of the plane on show; or anywhere.
    plane_edited()
        An edit changed labels of a plane, on show or not.
    confidence_changed()
        What is known of the cells from the run that made them is something else.
    selection_changed(id)
        Other cells are selected; the id is that of the first, 0 if there is none.
    diameter_changed(pixels), steps_changed(), modified_changed(modified), overlap_changed(rule)
        The new value.
    status(text)
        A sentence for the status bar.
    """

    settling = pyqtSignal()
    image_changed = pyqtSignal()
    pixel_size_changed = pyqtSignal()
    layers_changed = pyqtSignal()
    mask_layers_changed = pyqtSignal()
    plane_changed = pyqtSignal(int)
    labels_edited = pyqtSignal(object)
    plane_edited = pyqtSignal()
    labels_replaced = pyqtSignal()
    confidence_changed = pyqtSignal()
    selection_changed = pyqtSignal(int)
    diameter_changed = pyqtSignal(float)
    steps_changed = pyqtSignal()
    modified_changed = pyqtSignal(bool)
    overlap_changed = pyqtSignal(str)
    status = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.image: Image | None = None
        self._versions: tuple[Image | None, ...] = ()
        self.path: Path | None = None
        self.manual: set[int] = set()
        self.labels = LabelModel(self)
        self.undo = History(self)
        self.review = Review(self)
        self._restored: RestoredLayer | None = None
        self._results: FlowLayer | None = None
        self._mask_layers: tuple[MaskLayer, ...] = ()
        self._confidence: Confidence | None = None
        self._selection: tuple[int, ...] = ()
        self._overlap: Overlap = "keep"
        self._diameter = DEFAULT_DIAMETER
        self._steps: tuple[AnyStep, ...] = ()
        self._revision = 0
        self.labels.edited.connect(self._on_edited)
        self.labels.replaced.connect(self._on_replaced)
        self.undo.cleanChanged.connect(self._on_clean_changed)

    # -- the image and its planes

    def set_image(self, image: Image | None, path: Path | None = None) -> None:
        """Open another image: labels empty, no layers, no history. Diameter and steps stay."""
        self.settling.emit()
        self.undo.clear()
        self.image, self.path = image, path
        self._versions = (image,)
        self.manual = set()
        self._restored, self._results = None, None
        self._mask_layers = ()
        self._confidence = None
        self.labels.plane = 0
        self._selection = ()
        self.labels.swap(LabelContent.empty(self.labels_shape))
        self.image_changed.emit()
        self.selection_changed.emit(0)

    def shows(self, image: Image | None) -> bool:
        """Whether this is the image that is open, be it that its pixel size was another then."""
        return any(image is version for version in self._versions)

    @property
    def pixel_size(self) -> Mapping[str, float]:
        """Size of a pixel of the image in µm along its axes, those that are known."""
        return {} if self.image is None else self.image.pixel_size_um or {}

    def set_pixel_size(self, size_um: Mapping[str, float]) -> None:
        """Take the pixels of the image to be of another size, in µm; the file stays as it is.

        To let people undo it, push `commands.SetPixelSize` instead.

        Raises
        ------
        InputError
            If a size is not above 0, or is of an axis that has none.
        """
        if self.image is not None and dict(size_um) != dict(self.pixel_size):
            self.image = self.image.with_pixel_size(size_um)
            self._versions = (*self._versions, self.image)
            self.pixel_size_changed.emit()

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """The shape that labels must have: (Y, X), or that behind the T and Z axes."""
        return (1, 1) if self.image is None else labels_shape(self.image)

    @property
    def display(self) -> NDArray[np.generic] | None:
        """The plane on show of the raw image, (C, Y, X), a view; None if nothing is open."""
        return None if self.image is None else plane_of(self.image, self.plane)

    @property
    def plane_count(self) -> int:
        """How many planes the image has (T × Z)."""
        return 1 if self.image is None else plane_count(self.image)

    @property
    def plane(self) -> int:
        """Which plane is on show, counted from 0 along T, then Z."""
        return self.labels.plane

    @plane.setter
    def plane(self, index: int) -> None:
        before = self.plane
        if index != before:
            self.settling.emit()
        self.labels.plane = index
        if self.plane != before:
            self.plane_changed.emit(self.plane)

    @property
    def frame(self) -> range:
        """The planes of the volume on show, in which one id is one cell: all along Z, one in T."""
        depth = 1 if self.image is None else self.image.size("Z")
        first = self.plane // depth * depth
        return range(first, first + depth)

    # -- layers

    @property
    def restored(self) -> RestoredLayer | None:
        """The restored image, if there is one."""
        return self._restored

    def add_restored(self, layer: RestoredLayer) -> None:
        """Put a restored image beside the raw one, instead of any before it.

        To let people undo it, push `commands.AddRestored` instead.
        """
        self._restored = layer
        self.layers_changed.emit()

    def remove_restored(self) -> None:
        """Take the restored image away."""
        if self._restored is not None:
            self._restored = None
            self.layers_changed.emit()

    @property
    def results(self) -> FlowLayer | None:
        """Flows and cell probability of the last run, if there was one."""
        return self._results

    def set_results(self, results: FlowLayer | None) -> None:
        """Keep flows and cell probability of a run, for the views and for new thresholds."""
        self._results = results
        self.layers_changed.emit()

    @property
    def flows(self) -> NDArray[np.float32] | None:
        """Flows of the last run, float32 (2 or 3, ..., Y, X)."""
        return None if self._results is None else self._results.flows

    @property
    def cellprob(self) -> NDArray[np.float32] | None:
        """Cell probability of the last run, float32 logits (..., Y, X)."""
        return None if self._results is None else self._results.cellprob

    @property
    def mask_layers(self) -> tuple[MaskLayer, ...]:
        """The masks beside those being edited."""
        return self._mask_layers

    def set_mask_layers(self, layers: Iterable[MaskLayer]) -> None:
        """Show other mask layers.

        To let people undo it, push `commands.ChangeMaskLayers` instead.

        Raises
        ------
        InputError
            If one does not fit the image.
        """
        self._mask_layers = self.fitting_layers(layers)
        self.mask_layers_changed.emit()

    def fitting_layers(self, layers: Iterable[MaskLayer]) -> tuple[MaskLayer, ...]:
        """Return mask layers, if they fit the image.

        Raises
        ------
        InputError
            If one does not.
        """
        fitting = tuple(layers)
        for layer in fitting:
            self._check_shape(layer.labels.shape)
        return fitting

    # -- labels

    def set_labels(
        self,
        labels: NDArray[np.integer] | LabelContent,
        manual: Iterable[int] = (),
        confidence: Confidence | None = None,
    ) -> None:
        """Show labels read from a file; copies an array, and clears the history.

        A result that people may want to undo goes through `commands.ReplaceLabels`.

        Raises
        ------
        InputError
            If they do not fit the image.
        """
        content = self.fitting(labels)
        self.settling.emit()
        self.undo.clear()
        self.manual = set(manual)
        self.set_confidence(confidence)
        self.labels.swap(content)

    @property
    def confidence(self) -> Confidence | None:
        """How sure the run that made the cells was of each, if one did."""
        return self._confidence

    def set_confidence(self, confidence: Confidence | None) -> None:
        """Keep what a run says of its cells, less what edits made void."""
        if confidence is not self._confidence:
            self._confidence = confidence
            self.confidence_changed.emit()

    def fitting(self, labels: NDArray[np.integer] | LabelContent) -> LabelContent:
        """Return labels ready to be shown: a copy of an array, or the content given.

        Raises
        ------
        InputError
            If they do not fit the image, or are not ids.
        """
        self._check_shape(labels.labels.shape if isinstance(labels, LabelContent) else labels.shape)
        return labels if isinstance(labels, LabelContent) else LabelContent.of(labels)

    @property
    def revision(self) -> int:
        """A number that grows with every change of the labels."""
        return self._revision

    def id_at(self, y: float, x: float) -> int:
        """Return the id of the cell at a place in the plane on show, 0 outside of all."""
        array = self.labels.array
        row, column = int(np.floor(y)), int(np.floor(x))
        if not (0 <= row < array.shape[0] and 0 <= column < array.shape[1]):
            return 0
        return int(array[row, column])

    # -- selection, diameter, state

    @property
    def selected(self) -> int:
        """The first of the selected ids; 0 for none."""
        return self._selection[0] if self._selection else 0

    @selected.setter
    def selected(self, label: int) -> None:
        self.select(label)

    @property
    def selection(self) -> tuple[int, ...]:
        """The selected ids, in the order in which they were selected."""
        return self._selection

    def select(self, *ids: int) -> None:
        """Select these cells and no others; ids that are not there, and 0, are ignored."""
        there = tuple(i for i in dict.fromkeys(ids) if i in self.labels)
        if there != self._selection:
            self._selection = there
            self.selection_changed.emit(self.selected)

    def toggle(self, label: int) -> None:
        """Add a cell to the selection, or take it out."""
        if label in self._selection:
            self.select(*(i for i in self._selection if i != label))
        else:
            self.select(*self._selection, label)

    @property
    def overlap(self) -> Overlap:
        """What drawing does with pixels of other cells."""
        return self._overlap

    def set_overlap(self, rule: Overlap) -> None:
        """Choose what drawing does with pixels of other cells."""
        if rule != self._overlap:
            self._overlap = rule
            self.overlap_changed.emit(rule)

    @property
    def diameter(self) -> float:
        """The diameter of cells, in pixels of the raw image."""
        return self._diameter

    @diameter.setter
    def diameter(self, pixels: float) -> None:
        self.set_diameter(pixels)

    def set_diameter(self, pixels: float) -> None:
        """Set the diameter of cells, in pixels of the raw image.

        Raises
        ------
        InputError
            If it is not above 0.
        """
        if not pixels > 0:
            raise InputError("The diameter must be above 0 pixels.")
        if pixels != self._diameter:
            self._diameter = float(pixels)
            self.diameter_changed.emit(self._diameter)

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """The models and filters that restore the image in turn, where a person lists some."""
        return self._steps

    def set_steps(self, steps: Iterable[AnyStep]) -> None:
        """List other models and filters."""
        listed = tuple(steps)
        if listed != self._steps:
            self._steps = listed
            self.steps_changed.emit()

    @property
    def modified(self) -> bool:
        """Whether there are edits that are not saved."""
        return not self.undo.isClean()

    def mark_saved(self) -> None:
        """Remember that what is shown now is what the file holds."""
        self.undo.setClean()

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape != self.labels_shape:
            raise InputError(
                f"The masks have the shape {shape}, the image needs {self.labels_shape}.",
                hint="Open the masks that belong to this image.",
            )

    # A stack that is deleted with its document still says that it is clean: only a real
    # slot, unlike a lambda, is disconnected by then.
    @pyqtSlot(bool)
    def _on_clean_changed(self, clean: bool) -> None:
        self.modified_changed.emit(not clean)

    def _on_edited(self, boxes: Sequence[Box]) -> None:
        self._revision += 1
        for box in boxes:
            self.labels_edited.emit(box)
        self.plane_edited.emit()
        self.select(*self._selection)

    def _on_replaced(self) -> None:
        self._revision += 1
        self.labels_replaced.emit()
        self.select()  # an id is another cell now
