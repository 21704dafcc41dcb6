"""What a project holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cellmend.image import Image
from cellmend.io.project.packing import PackedMasks
from cellmend.labels.confidence import Confidence

ReviewState = Literal["unseen", "in progress", "done"]


def now() -> str:
    """Return the time as a project records it: ISO 8601, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, eq=False)
class ImageReference:
    """The image that a project is about: where it lies, and how to know it again.

    Parameters
    ----------
    path
        The file.
    shape, axes, channel_names, pixel_size_um
        As of `Image`; a pixel size of None leaves it to the file, an empty one says that it
        is not known.
    sha256
        Of the file's bytes, in hexadecimal; empty where it is not known.
    embedded
        The image itself, where the project carries it.
    relative_path
        Where the file lay as seen from the project's folder, as read from the project.
    """

    path: Path
    shape: tuple[int, ...]
    axes: str
    channel_names: tuple[str, ...] = ()
    pixel_size_um: Mapping[str, float] | None = None
    sha256: str = ""
    embedded: Image | None = None
    relative_path: str = ""

    @classmethod
    def of(
        cls, image: Image, path: Path, *, sha256: str = "", embed: bool = False
    ) -> ImageReference:
        """Refer to an image that was read from `path`, or carry it along."""
        return cls(
            path=path.absolute(),
            shape=image.data.shape,
            axes=image.axes,
            channel_names=image.channel_names,
            pixel_size_um=image.pixel_size_um,
            sha256=sha256,
            embedded=image if embed else None,
        )


@dataclass(frozen=True, eq=False)
class MaskLayer:
    """One set of masks.

    Parameters
    ----------
    name
        What a person calls it.
    masks
        The labels, of the image's axes but C.
    manual
        Ids of the cells that a person drew.
    colour
        Red, green, blue of its outlines, where they are shown beside others.
    provenance
        The record of the run that made them, if one did.
    confidence
        How sure that run was of each cell.
    """

    name: str
    masks: PackedMasks
    manual: frozenset[int] = frozenset()
    colour: tuple[int, int, int] | None = None
    provenance: Mapping[str, Any] | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True, eq=False)
class ImageLayer:
    """A further image, such as a restored one, with the record of the run that made it."""

    name: str
    image: Image
    provenance: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Step:
    """Something that was done, and when (ISO 8601)."""

    action: str
    time: str = field(default_factory=now)


@dataclass(frozen=True)
class Review:
    """How far a person has checked the masks."""

    state: ReviewState = "unseen"
    note: str = ""


@dataclass(frozen=True, eq=False)
class Project:
    """An image with its masks and how they came about.

    Parameters
    ----------
    image
        The image.
    masks
        Layers of masks; at least one.
    active
        Which of them is worked on.
    layers
        Further images.
    settings
        Plain values by name, such as the diameter and the settings of the last run.
    history
        What was done, oldest first.
    review
        How far it is checked.
    """

    image: ImageReference
    masks: tuple[MaskLayer, ...]
    active: int = 0
    layers: tuple[ImageLayer, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Step, ...] = ()
    review: Review = Review()
