"""Add, swap and remove mask layers; every step can be undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject

from cellmend.errors import CellmendError
from cellmend_app.commands import ChangeMaskLayers, ReplaceLabels
from cellmend_app.document import Document, LabelContent, MaskLayer
from cellmend_app.messages import Messages
from cellmend_app.services import storage
from cellmend_app.workers import JobRunner

COLOURS = ((255, 255, 255), (255, 214, 64), (90, 220, 255), (255, 120, 200), (150, 255, 120))
"""Colours of the outlines of mask layers, in turn."""


class MaskLayerService(QObject):
    """Keeps the masks beside those being edited."""

    def __init__(self, document: Document, runner: JobRunner, messages: Messages) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages

    def keep_copy(self) -> None:
        """Keep a copy of the masks being edited as a layer."""
        snapshot, image = self._document.labels.snapshot(), self._document.image
        job = self._runner.submit("io", lambda report: snapshot.copy(), title="Copying")
        job.failed.connect(lambda error: self._messages.error(error, "copy the masks"))

        def take(masks: NDArray[np.uint32]) -> None:
            if self._document.shows(image):
                count = sum(o.name.startswith("Copy ") for o in self._document.mask_layers)
                self._add(f"Copy {count + 1}", masks)

        job.succeeded.connect(take)

    def load(self, path: Path) -> None:
        """Show the masks of a file as a layer."""
        image = self._document.image
        job = self._runner.submit("io", lambda report: storage.read_masks(path), title="Reading")
        job.failed.connect(lambda error: self._messages.error(error, "read the masks"))

        def take(masks: NDArray[np.uint32]) -> None:
            if self._document.shows(image):
                self._add(path.name, masks)

        job.succeeded.connect(take)

    def edit(self, layer: MaskLayer) -> None:
        """Edit a layer; the masks edited so far take its place among the layers."""
        document = self._document
        revision, snapshot = document.revision, document.labels.snapshot()
        job = self._runner.submit(
            "io",
            lambda report: (LabelContent.of(layer.labels), snapshot.copy()),
            title="Copying",
        )
        job.failed.connect(lambda error: self._messages.error(error, "edit the layer"))

        def take(copies: tuple[LabelContent, NDArray[np.uint32]]) -> None:
            if all(other.labels is not layer.labels for other in document.mask_layers):
                return
            if document.revision == revision:
                self._swap(layer, *copies)
            else:  # edited meanwhile
                self.edit(layer)

        job.succeeded.connect(take)

    def _swap(self, layer: MaskLayer, masks: LabelContent, former: NDArray[np.uint32]) -> None:
        """Edit the copy of a layer, and put the former masks in its place."""
        document = self._document
        before = replace(layer, name=f"Before {layer.name}", labels=former, visible=True)
        layers = [before if o.labels is layer.labels else o for o in document.mask_layers]
        document.undo.beginMacro(f"Edit layer {layer.name}")
        document.undo.push(ReplaceLabels(document, masks, f"Edit {layer.name}"))
        self._change(layers, "Keep the former masks")
        document.undo.endMacro()

    def remove(self, layer: MaskLayer) -> None:
        """Take a layer away."""
        kept = [other for other in self._document.mask_layers if other is not layer]
        self._change(kept, f"Remove layer {layer.name}")

    def show(self, layer: MaskLayer, visible: bool) -> None:
        """Show or hide a layer; a matter of looks, which leaves no step to undo."""
        self._look(layer, replace(layer, visible=visible))

    def fill(self, layer: MaskLayer, opacity: float) -> None:
        """Fill the cells of a layer with its colour, 0 to 1; leaves no step to undo."""
        self._look(layer, replace(layer, fill=opacity))

    def _look(self, layer: MaskLayer, changed: MaskLayer) -> None:
        layers = (changed if other is layer else other for other in self._document.mask_layers)
        self._document.set_mask_layers(layers)

    def _add(self, name: str, labels: NDArray[np.uint32]) -> None:
        layers = self._document.mask_layers
        layer = MaskLayer(name, labels, COLOURS[len(layers) % len(COLOURS)])
        try:
            self._change((*layers, layer), f"Add layer {name}")
        except CellmendError as error:
            self._messages.error(error, "show the masks")

    def _change(self, layers: Iterable[MaskLayer], text: str) -> None:
        document = self._document
        document.undo.push(ChangeMaskLayers(document, document.fitting_layers(layers), text))
