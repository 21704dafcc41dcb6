"""The manifest of a project file: its JSON, checked, and its older versions.

Manifests come from strangers: nothing here is believed before it was checked, and no
name in it is ever used as a path to write to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellmend.io.project.model import ReviewState

VERSION = 2
LARGEST_MANIFEST = 16 << 20

Json = dict[str, Any]
Text = Annotated[str, Field(max_length=4096)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
Shape = Annotated[tuple[Size, ...], Field(min_length=2, max_length=5)]
Byte = Annotated[int, Field(ge=0, le=255)]
Label = Annotated[int, Field(ge=1, lt=2**32)]
Axis = Annotated[str, Field(pattern="^[ZYX]$")]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
DataFile = Annotated[str, Field(pattern=r"^(masks|images|confidence)/[0-9]{1,6}(/[0-9]{1,6})?$")]

MIGRATIONS: dict[int, Callable[[Json], Json]] = {1: lambda found: {**found, "version": 2}}
"""By the version they start from: what brings a manifest to the next version."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pixels(_Part):
    """Pixels of an image that the file carries."""

    file: DataFile
    dtype: Annotated[str, Field(pattern=r"^(bool|u?int(8|16|32|64)|float(16|32|64))$")]


class Picture(_Part):
    """What is known of an image."""

    shape: Shape
    axes: Annotated[str, Field(pattern=r"^T?C?Z?YX$")]
    channel_names: Annotated[tuple[Text, ...], Field(max_length=65536)]
    pixel_size_um: dict[Axis, Micrometres] | None = None


class ImageEntry(Picture):
    """The image of the project."""

    path: Text
    relative_path: Text
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    pixels: Pixels | None = None


class ConfidenceEntry(_Part):
    """How sure a run was of each cell: four rows of float64 numbers."""

    file: DataFile
    cells: Size


class MaskEntry(_Part):
    """A layer of masks, in blocks of rows."""

    name: Text
    shape: Shape
    blocks: Annotated[tuple[DataFile, ...], Field(min_length=1, max_length=1_000_000)]
    manual: tuple[Label, ...] = ()
    colour: tuple[Byte, Byte, Byte] | None = None
    confidence: ConfidenceEntry | None = None
    provenance: Json | None = None


class LayerEntry(Picture):
    """A further image."""

    name: Text
    pixels: Pixels
    provenance: Json | None = None


class StepEntry(_Part):
    """Something that was done."""

    action: Text
    time: Text


class ReviewEntry(_Part):
    """How far a person has checked the masks."""

    state: ReviewState
    note: Text = ""


class Manifest(_Part):
    """All of it."""

    format: Literal["cellmend-project"] = "cellmend-project"
    version: int = VERSION
    written_by: Text
    written_at: Text
    image: ImageEntry
    masks: Annotated[tuple[MaskEntry, ...], Field(min_length=1, max_length=10_000)]
    active: Annotated[int, Field(ge=0)] = 0
    layers: Annotated[tuple[LayerEntry, ...], Field(max_length=10_000)] = ()
    settings: Json = {}
    history: tuple[StepEntry, ...] = ()
    review: ReviewEntry


def dump(manifest: Manifest) -> bytes:
    """Return the JSON of a manifest."""
    values = manifest.model_dump()
    return json.dumps(values, indent=1, ensure_ascii=False, default=str).encode()


def parse(content: bytes) -> Manifest:
    """Return the manifest in `content`, brought to the version of today.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong with it.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its manifest is no JSON ({type(error).__name__})") from error
    if not isinstance(found, dict) or found.get("format") != "cellmend-project":
        raise ValueError("its manifest is not that of a project")
    version = found.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError("its manifest has no version")
    if version > VERSION:
        raise ValueError(
            f"it was written by a newer Cellmend (version {version} of the format; this one"
            f" knows {VERSION})"
        )
    for step in range(version, VERSION):
        found = MIGRATIONS[step](found)
    try:
        return Manifest.model_validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"its manifest is wrong at {where!r}: {first['msg']}") from error
