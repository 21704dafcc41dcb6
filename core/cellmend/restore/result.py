"""What restoring gives, by a network or by a filter."""

from __future__ import annotations

from dataclasses import dataclass

from cellmend.image import Image
from cellmend.params import NormalizeSettings
from cellmend.provenance import Provenance


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored image and what made it.

    Attributes
    ----------
    image
        float32, the axes, channels, shape and pixel size of the image given; 0 and
        1 are the 1st and 99th percentile of the clean image. For segmenting
        and looking; quantities are measured on the raw image.
    provenance
        What ran.
    """

    image: Image
    provenance: Provenance

    @property
    def normalize(self) -> NormalizeSettings:
        """How the image was scaled before it was restored."""
        return NormalizeSettings.model_validate(self.provenance.settings["normalize"])
