"""The model card: what a model is for, how it was made and under which licence."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cellmend.params import BackboneName, NormalizeSettings

TaskName = Literal["segmentation", "denoise", "deblur", "upsample", "size"]

SEGMENTATION_NAMES = ("generalist", "nuclei")
RESTORATION_NAMES = (
    "denoise",
    "deblur",
    "upsample",
    "denoise-nuclei",
    "deblur-nuclei",
    "upsample-nuclei",
)
SIZE_NAMES = ("generalist-size", "nuclei-size")
KNOWN_NAMES = SEGMENTATION_NAMES + RESTORATION_NAMES + SIZE_NAMES
"""The names that Cellmend gives a meaning to, installed or not."""


class ModelCard(BaseModel):
    """What is written beside the tensors of a model.

    Fields that a newer version added are kept and shown, so that its files stay readable.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    task: TaskName = "segmentation"
    nchan: int = 2
    nout: int = 3
    backbone: BackboneName = "unet"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    diam_mean: float = 30.0
    normalize: NormalizeSettings = NormalizeSettings()
    description: str = ""
    licence: str = ""
    parent: str | None = None
    created: str = ""
    data_sha256: str = ""
    training: dict[str, Any] = {}

    @property
    def restores(self) -> bool:
        """Whether the model restores images."""
        return self.task not in ("segmentation", "size")


def task_of_name(name: str) -> TaskName:
    """Tell the task of a restoration file without a card by its name.

    Cellpose calls such files ``denoise_cyto3`` and the like; a name that says
    nothing counts as denoising, which needs no settings of its own.
    """
    lowered = name.lower()
    if "deblur" in lowered:
        return "deblur"
    return "upsample" if "upsample" in lowered else "denoise"
