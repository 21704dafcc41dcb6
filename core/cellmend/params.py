"""Settings objects: frozen, with stated bounds.

The window, the command line and the Python calls share them, so that their
defaults are the same everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from cellmend.errors import InputError

Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]
ChosenChannels = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class Settings(BaseModel):
    """Base of all settings: frozen; unknown fields and infinite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


AnySettings = TypeVar("AnySettings", bound=Settings)


class NormalizeSettings(Settings):
    """How each channel is scaled before a network sees it (see `cellmend.normalize`).

    `dark_frame` is an image file of the camera's background, (Y, X) as the images, which is
    subtracted beside the constant `background`.
    """

    enabled: bool = True
    percentiles: tuple[Percent, Percent] = (1.0, 99.0)
    lowhigh: tuple[float, float] | None = None
    per_plane: bool = False
    tile_size: Annotated[int, Field(ge=0)] = 0
    sharpen_radius: Annotated[float, Field(ge=0)] = 0.0
    smooth_radius: Annotated[float, Field(ge=0)] = 0.0
    background: Annotated[float, Field(ge=0)] = 0.0
    dark_frame: Path | None = None
    invert: bool = False


AS_IT_IS = NormalizeSettings(enabled=False)
"""For channels that are scaled already."""


class TileSettings(Settings):
    """How large images are cut for the network (see `cellmend.tiling`)."""

    size: Annotated[int, Field(ge=32, multiple_of=16)] = 224
    overlap: Annotated[float, Field(ge=0.05, le=0.5)] = 0.1
    batch_size: Annotated[int, Field(ge=1)] = 8
    augment: bool = False

    @property
    def batch_pixels(self) -> int:
        """Pixels of a batch of tiles of full size."""
        return self.batch_size * self.size**2


class RestoreTileSettings(TileSettings):
    """How large images are cut to restore them (see `cellmend.net.seamless`).

    A tile has as many pixels as a batch of those of `TileSettings`. Of smaller images as many
    share a batch as have no more pixels than `batch_size` tiles. `overlap` is not used: tiles
    of 336 pixels or more overlap so far that they leave no trace.
    """

    size: Annotated[int, Field(ge=32, multiple_of=16)] = 640
    batch_size: Annotated[int, Field(ge=1)] = 1


class MaskSettings(Settings):
    """How masks are made from flows (see `cellmend.dynamics`).

    `exclude_on_edges` drops cells that touch the border of the plane; in volumes, that in Y and X.
    """

    cellprob_threshold: float = 0.0
    flow_threshold: Annotated[float, Field(ge=0)] = 0.4
    niter: Annotated[int, Field(ge=1)] | None = None
    min_size: Annotated[int, Field(ge=-1)] = 15
    max_size_fraction: Annotated[float, Field(gt=0, le=1)] = 0.4
    exclude_on_edges: bool = False


class SegmentSettings(Settings):
    """Everything that decides the masks of an image; diameter None means estimate it.

    Channels are one-based. The first is the one to segment, 0 for the mean of all;
    the second is the optional nuclear channel, 0 for none. `normalize` None is how the
    images were normalised that the model was trained on.

    Of a volume, `stitch_threshold` links the cells of consecutive planes. `do_3d` finds them
    in three directions instead; then `anisotropy` is the distance of planes over the size of
    a pixel, and `flow_smoothing` the standard deviation in voxels of a Gaussian over the flows.
    """

    model: str = "generalist"
    diameter: Positive | None = None
    channels: tuple[int, int] | None = None
    normalize: NormalizeSettings | None = None
    tiles: TileSettings = TileSettings()
    masks: MaskSettings = MaskSettings()
    stitch_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    do_3d: bool = False
    anisotropy: Positive = 1.0
    flow_smoothing: Annotated[float, Field(ge=0)] = 0.0


class RestoreStep(Settings):
    """A model that restores an image before its cells are found, and the channels it is for.

    Channels are counted from 1; None means all. A step may be written as text, as on the
    command line: ``denoise``, ``denoise:1`` or ``denoise:1,3``.
    """

    model: Annotated[str, Field(min_length=1)]
    channels: ChosenChannels | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = re.fullmatch(r"(.+):(\d+(?:,\d+)*)", value)
        if found is None:
            return {"model": value}
        return {"model": found[1], "channels": found[2].split(",")}

    @property
    def name(self) -> str:
        """What does the step."""
        return self.model

    @property
    def text(self) -> str:
        """The step written as text."""
        channels = ",".join(map(str, self.channels or ()))
        return f"{self.model}:{channels}" if channels else self.model


FilterName = Literal[
    "gaussian", "median", "nl-means", "richardson-lucy", "sharpen", "clahe", "background"
]


@dataclass(frozen=True)
class FilterUse:
    """What a filter does, and its settings where none are given; 0 where it has no such one.

    The text says what radius and strength mean.
    """

    text: str
    radius: float = 0.0
    strength: float = 0.0
    iterations: int = 0


FILTER_USES: dict[FilterName, FilterUse] = {
    "gaussian": FilterUse("average over neighbours; radius: standard deviation in pixels", 1),
    "median": FilterUse("median over a disc; radius: of the disc in pixels", 1.5),
    "nl-means": FilterUse(
        "average over similar places; strength: times the noise estimated", strength=0.8
    ),
    "richardson-lucy": FilterUse(
        "undo a Gaussian blur; radius: its standard deviation in pixels", 2, iterations=10
    ),
    "sharpen": FilterUse(
        "unsharp mask; radius: of the detail in pixels, strength: how much of it is added", 2, 1
    ),
    "clahe": FilterUse(
        "even out contrast; radius: half a tile in pixels, strength: clip limit", 32, 2
    ),
    "background": FilterUse("subtract the background; radius: of what is kept, in pixels", 50),
}
FILTER_PREFIX = "filter:"
"""How the text of a filter begins; no model's name has a colon."""


class FilterSettings(Settings):
    """How a classical filter changes an image (see `cellmend.restore.filters`).

    What is None is decided by the filter. As a step before segmenting it may be written as text:
    ``filter:median``, ``filter:gaussian:radius=2`` or
    ``filter:richardson-lucy:radius=2,iterations=20``.
    """

    filter: FilterName
    radius: Annotated[float, Field(gt=0, le=500)] | None = None
    strength: Positive | None = None
    iterations: Annotated[int, Field(ge=1, le=1000)] | None = None
    normalize: NormalizeSettings = NormalizeSettings()

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        name, _, rest = value.removeprefix(FILTER_PREFIX).partition(":")
        given = (part.partition("=") for part in rest.split(",") if part)
        return {**{setting: number for setting, _, number in given}, "filter": name}

    @property
    def name(self) -> str:
        """What does the step."""
        return self.filter

    @property
    def numbers(self) -> dict[str, float]:
        """Radius, strength and iterations, as far as they are given."""
        return self.model_dump(include={"radius", "strength", "iterations"}, exclude_none=True)

    @property
    def text(self) -> str:
        """The step written as text, which has no words for how the image is normalised."""
        given = ",".join(f"{name}={number}" for name, number in self.numbers.items())
        return f"{FILTER_PREFIX}{self.filter}" + (f":{given}" if given else "")


def _kind_of_step(value: Any) -> str:
    if isinstance(value, str):
        return "filter" if value.startswith(FILTER_PREFIX) else "step"
    is_filter = "filter" in value if isinstance(value, dict) else isinstance(value, FilterSettings)
    return "filter" if is_filter else "step"


AnyStep = Annotated[
    Annotated[RestoreStep, Tag("step")] | Annotated[FilterSettings, Tag("filter")],
    Discriminator(_kind_of_step),
]
"""What may be done to an image before its cells are found."""


class PipelineSettings(SegmentSettings):
    """Everything that decides the masks of an image that is restored before, step by step."""

    restore: tuple[AnyStep, ...] = ()

    @property
    def segment(self) -> dict[str, Any]:
        """The fields of `SegmentSettings` but for the model, as keywords of `Segmenter.run`."""
        names = SegmentSettings.model_fields.keys() - {"model"}
        return {name: getattr(self, name) for name in names}


class BlockwiseSettings(PipelineSettings):
    """Everything that decides the masks of an image that may be larger than the memory.

    `blocks` is the side in pixels of the blocks that the image is cut into (see
    `cellmend.scale`); None leaves it to us, and whether it is cut. Volumes are cut every
    `block_depth` planes, too. `block_overlap` is how far in pixels is seen around a block, twice
    the diameter of the cells if None. A cell may be as large as that.
    """

    blocks: Annotated[int, Field(ge=64)] | None = None
    block_depth: Annotated[int, Field(ge=1)] = 64
    block_overlap: Annotated[int, Field(ge=16)] | None = None


class RestoreSettings(Settings):
    """Everything that decides a restored image.

    `channels`, counted from 1, are restored, and others only normalised; None means all.
    `normalize` None is how the images were normalised that the model was trained on.
    """

    model: str = "denoise"
    channels: ChosenChannels | None = None
    diameter: Positive = 30.0
    normalize: NormalizeSettings | None = None
    tiles: RestoreTileSettings = RestoreTileSettings()


Scale = Literal["raw", "unit", "uint8", "uint16"]
"""The values of a saved restored image (see `cellmend.restore.scale`)."""

SCALES: tuple[Scale, ...] = get_args(Scale)

BackboneName = Literal["unet", "transformer"]
SCRATCH_RATE = 1e-3
FINE_TUNING_RATE = 3e-4
"""Measured on three images: AP@0.5 of a hard tissue set rose from 0.14 to 0.20 in 20
epochs; it rose to 0.19 at 1e-4, and fell to 0.09 at 1e-3."""

SGD_RATE = 0.2
"""Of stochastic gradient descent, as Cellpose trains from scratch with it."""
FEWEST_TO_SPLIT = 5
"""Images that training holds some out of."""


class TrainSettings(Settings):
    """Everything that decides a training run besides its images.

    The learning rate is `SCRATCH_RATE` (`SGD_RATE` with SGD), or `FINE_TUNING_RATE`
    where AdamW starts from a model, unless one is given. `validation_share` of the
    images are held out where no others are given and there are at least
    `FEWEST_TO_SPLIT`. `patience` is the number of epochs without progress on the
    validation images after which training stops; the rate falls until the last epoch
    and much of the progress comes late, so none is set. `sampling_weights` has a
    weight for each data set, the square root of its number of images if not given.
    `backbone` and `widths` are those of a network trained from scratch: ``transformer`` has
    attention in place of most convolutions, and four widths. `widen` doubles the channels of
    the model that is started from, which at first gives what it gave.
    `partial` says that there are cells without masks: the network then learns from those
    with one and what is close around them alone. With `empty`, images without cells teach what
    is no cell; otherwise they are left out. `tone` is the share of the crops whose light
    is changed at random.
    """

    name: Annotated[str, Field(min_length=1)]
    start_from: str | None = None
    epochs: Annotated[int, Field(ge=1)] = 100
    images_per_epoch: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 8
    crop: Annotated[int, Field(ge=32, multiple_of=16)] = 224
    optimizer: Literal["adamw", "muon", "sgd"] = "adamw"
    learning_rate: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    warmup_epochs: Annotated[int, Field(ge=0)] = 10
    schedule: Literal["cosine", "step"] = "cosine"
    clip_norm: Annotated[float, Field(ge=0)] = 5.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: Annotated[int, Field(ge=1)] | None = None
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    sampling_weights: tuple[Annotated[float, Field(ge=0)], ...] | None = None
    channels: tuple[int, int] | None = None
    partial: bool = False
    empty: bool = False
    tone: Annotated[float, Field(ge=0, le=1)] = 0.0
    backbone: BackboneName = "unet"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    widen: bool = False
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "auto"
    normalize: NormalizeSettings = NormalizeSettings()

    @property
    def highest_rate(self) -> float:
        """The learning rate that the schedule begins with."""
        if self.learning_rate:
            return self.learning_rate
        if self.optimizer == "sgd":
            return SGD_RATE
        return FINE_TUNING_RATE if self.start_from else SCRATCH_RATE


def make_settings(kind: type[AnySettings], **options: Any) -> AnySettings:
    """Build settings from options given by name, those of nested groups included.

    ``make_settings(SegmentSettings, diameter=20, flow_threshold=0.6)`` puts the
    threshold into ``masks``.

    Raises
    ------
    InputError
        If a name is unknown or a value out of bounds; the message names it.
    """
    values: dict[str, Any] = {}
    for name, value in options.items():
        group = _group_of(kind, name)
        if group is None:
            values[name] = value
        else:
            values.setdefault(group, {})[name] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The setting {where!r} is wrong: {what_is_wrong(first)}.") from error


_WRONG = {
    "extra_forbidden": "there is no such setting",
    "missing": "a value is missing",
    "tuple_type": "a list is needed, such as [1, 2]",
    "model_type": "names with values are needed",
}
"""What is wrong in words, where the words of pydantic are for programmers."""


def what_is_wrong(error: Any) -> str:
    """Return an error of pydantic in words, without the name of the setting and its value."""
    return _WRONG.get(error["type"]) or str(error["msg"]).lower()


def _group_of(kind: type[Settings], name: str) -> str | None:
    """Return the nested group that holds the field `name`; None if `kind` itself does."""
    if name in kind.model_fields:
        return None
    for group, field in kind.model_fields.items():
        for inner in get_args(field.annotation) or (field.annotation,):
            is_group = isinstance(inner, type) and issubclass(inner, Settings)
            if is_group and name in inner.model_fields:
                return group
    return None
