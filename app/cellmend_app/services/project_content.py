"""What a project holds of the document, and the document of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.io.project import (
    ImageLayer,
    ImageReference,
    MaskLayer,
    PackedMasks,
    Project,
    Review,
    Step,
)
from cellmend.labels.confidence import Confidence
from cellmend.params import AnyStep, PipelineSettings
from cellmend.provenance import Provenance
from cellmend_app.document import Document, LabelContent, RestoredLayer
from cellmend_app.document import MaskLayer as ShownMasks

EDITED = "masks"
"""The name of the layer that is edited in the window."""

_WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class ProjectContent:
    """What is to be saved of a document, but the masks being edited.

    Parameters
    ----------
    path, image
        The image.
    manual
        Ids that a person drew.
    others
        The mask layers beside those being edited.
    restored
        The restored layer, if there is one.
    diameter, run, restore
        The settings; the last are the listed steps of restoring.
    steps
        What was done since the document was opened.
    earlier
        What the project says was done before that.
    review
        How far the image is checked.
    confidence
        How sure the run that made the masks was of each cell, if one did.
    """

    path: Path
    image: Image
    manual: frozenset[int]
    others: tuple[ShownMasks, ...]
    restored: RestoredLayer | None
    diameter: float
    run: RunSettings
    restore: tuple[AnyStep, ...]
    steps: tuple[str, ...]
    earlier: tuple[Step, ...]
    review: Review
    confidence: Confidence | None = None

    @classmethod
    def of(cls, document: Document, run: RunSettings, earlier: tuple[Step, ...]) -> ProjectContent:
        """Take what is to be saved out of a document with an image of a file; no pixel is copied.

        Raises
        ------
        ValueError
            If no image of a file is open.
        """
        if document.image is None or document.path is None:
            raise ValueError("There is no image of a file.")
        undo, restored = document.undo, document.restored
        return cls(
            path=document.path,
            image=document.image,
            manual=frozenset(document.manual),
            others=document.mask_layers,
            restored=None if restored is None else restored.sized_as(document.image),
            diameter=document.diameter,
            run=run,
            restore=document.steps,
            steps=tuple(undo.text(i) for i in range(undo.index())),
            earlier=earlier,
            review=Review(document.review.state(document.path)),
            confidence=document.confidence,
        )


def make(
    content: ProjectContent,
    masks: PackedMasks,
    *,
    sha256: str = "",
    more: Mapping[str, Any] | None = None,
) -> Project:
    """Return the project of a document; `more` are further settings to be kept."""
    others = (
        MaskLayer(layer.name, PackedMasks.of(layer.labels), colour=layer.colour)
        for layer in content.others
    )
    return Project(
        image=ImageReference.of(content.image, content.path, sha256=sha256),
        masks=(
            MaskLayer(EDITED, masks, content.manual, confidence=content.confidence),
            *others,
        ),
        layers=() if content.restored is None else (_image_layer(content.restored),),
        settings={
            "diameter": content.diameter,
            "run": asdict(content.run),
            "restore": [step.text for step in content.restore],
            **(more or {}),
        },
        history=(*content.earlier, *map(Step, content.steps)),
        review=content.review,
    )


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project, unpacked to be shown.

    Parameters
    ----------
    path
        Its file.
    project
        Its content.
    labels
        The masks to be edited.
    others
        The other mask layers.
    """

    path: Path
    project: Project
    labels: LabelContent
    others: tuple[ShownMasks, ...]

    @classmethod
    def of(cls, path: Path, project: Project) -> OpenedProject:
        """Unpack the masks; takes time on large images."""
        layers = list(project.masks)
        edited = layers.pop(project.active)
        others = (
            ShownMasks(layer.name, layer.masks.unpack(), layer.colour or _WHITE) for layer in layers
        )
        return cls(path, project, LabelContent(edited.masks.unpack()), tuple(others))

    @property
    def manual(self) -> frozenset[int]:
        """Ids that a person drew."""
        return self.project.masks[self.project.active].manual

    @property
    def confidence(self) -> Confidence | None:
        """How sure the run that made the masks was of each cell, if one did."""
        return self.project.masks[self.project.active].confidence

    @property
    def restored(self) -> RestoredLayer | None:
        """The restored layer, if there is one."""
        if not self.project.layers:
            return None
        layer = self.project.layers[0]
        return RestoredLayer(layer.name, layer.image, _record(layer.provenance))

    @property
    def diameter(self) -> float | None:
        """The diameter, if the project has a usable one."""
        found = self.project.settings.get("diameter")
        return float(found) if isinstance(found, int | float) and found > 0 else None

    @property
    def restore(self) -> tuple[AnyStep, ...]:
        """The listed steps of restoring, if the project has usable ones."""
        found = self.project.settings.get("restore", ())
        try:
            return PipelineSettings.model_validate({"restore": found}).restore
        except ValidationError:
            return ()

    @property
    def run(self) -> RunSettings:
        """The settings of the last run, as far as the project has usable ones."""
        found = self.project.settings.get("run")
        try:
            values = dict(found) if isinstance(found, dict) else {}
            first, second = values.pop("channels", (0, 0))
            return RunSettings(**values, channels=(int(first), int(second)))
        except (TypeError, ValueError):
            return RunSettings()


def _image_layer(layer: RestoredLayer) -> ImageLayer:
    record = layer.provenance
    return ImageLayer(layer.name, layer.image, record.as_dict() if record else None)


def _record(values: Mapping[str, Any] | None) -> Provenance | None:
    """Return the record of a run, as far as it is one that is known here."""
    try:
        return None if values is None else Provenance.from_dict(values)
    except (TypeError, AttributeError):
        return None
